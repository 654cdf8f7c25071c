"""`deploy/nats/accounts.json` and `deploy/<environment>/nats/`: accounts, users and the
configuration of the NATS servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

from protoc_gen_nats.access import Account, accounts_of
from protoc_gen_nats.environments import Deployment, Environment
from protoc_gen_nats.files import GeneratedFile, PlannedFile
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema
from protoc_gen_nats.targets.nats.configuration import accounts_conf, nats_conf

__all__ = ["plan"]


def plan(schema: Schema, manifest: Manifest) -> Iterator[GeneratedFile | PlannedFile]:
    """Plans them."""
    deployment = manifest.deployment
    if deployment is None:
        return
    yield PlannedFile(
        path="deploy/nats/accounts.json",
        render=partial(_accounts_json, schema, manifest, deployment),
        files=schema.files,
    )
    for environment in manifest.environments.values():
        folder = f"deploy/{environment.name}/nats"
        yield PlannedFile(
            path=f"{folder}/nats.conf",
            render=partial(_nats_conf, folder, schema, deployment, environment),
            files=schema.files,
        )
        if deployment.login == "nkeys":
            yield PlannedFile(
                path=f"{folder}/accounts.conf",
                render=partial(_accounts_conf, folder, schema, manifest, deployment, environment),
                files=schema.files,
            )


def _accounts_json(schema: Schema, manifest: Manifest, deployment: Deployment) -> GeneratedFile:
    value = {
        "system_account": deployment.accounts.system,
        "accounts": [_account(account) for account in accounts_of(schema, manifest)],
    }
    content = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return GeneratedFile(path="deploy/nats/accounts.json", content=content.encode())


def _account(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "users": [
            {
                "name": user.name,
                "service": user.service,
                "description": user.description,
                "publish": list(user.permissions.publish),
                "subscribe": list(user.permissions.subscribe),
            }
            for user in account.users
        ],
        "exports": [
            {
                "subject": one.subject,
                "kind": one.kind,
                "response": one.response,
                "threshold_seconds": one.threshold,
            }
            for one in account.exports
        ],
        "imports": [asdict(one) for one in account.imports],
        "jetstream": asdict(account.jetstream) if account.jetstream else None,
    }


def _nats_conf(
    folder: str, schema: Schema, deployment: Deployment, environment: Environment
) -> GeneratedFile:
    content = nats_conf(schema, deployment, environment)
    return GeneratedFile(path=f"{folder}/nats.conf", content=content)


def _accounts_conf(
    folder: str,
    schema: Schema,
    manifest: Manifest,
    deployment: Deployment,
    environment: Environment,
) -> GeneratedFile:
    content = accounts_conf(accounts_of(schema, manifest), deployment, environment)
    return GeneratedFile(path=f"{folder}/accounts.conf", content=content)
