"""The jobs of the workflow."""

from __future__ import annotations

from typing import Any

from protoc_gen_nats.environments import Deployment, Environment
from protoc_gen_nats.manifest import Manifest
from protoc_gen_nats.model import Schema
from protoc_gen_nats.permissions import user_of
from protoc_gen_nats.targets.delivery import scripts
from protoc_gen_nats.targets.delivery.actions import (
    attest,
    aws,
    checkout,
    download,
    terraform,
    tools,
    upload,
)
from protoc_gen_nats.targets.images import EXPORTER, TOOLS

__all__ = ["workflow"]

_RUNNER = "ubuntu-latest"
_ECR = "ecr"
_NOT_A_PROPOSAL = "github.event_name != 'pull_request'"
_READ = {"contents": "read"}
_ACCOUNT = "${{ vars.AWS_ACCOUNT_ID }}"


def workflow(schema: Schema, manifest: Manifest, deployment: Deployment) -> dict[str, Any]:
    """The whole workflow."""
    users = sorted(map(user_of, schema.services))
    environments = [*manifest.environments.values()]
    jobs = {"check": _check(deployment), "build": _build(deployment, environments, users)}
    before = "build"
    for environment in environments:
        job = f"deploy-{environment.name}"
        jobs[job] = _deploy(deployment, environment, users, before)
        before = job
    return {
        "name": "Delivery",
        "on": {"pull_request": None, "push": {"branches": ["main"]}, "workflow_dispatch": None},
        "permissions": {},
        "concurrency": {
            "group": "delivery-${{ github.ref }}",
            "cancel-in-progress": "${{ github.event_name == 'pull_request' }}",
        },
        "defaults": {"run": {"shell": "bash"}},
        "env": {"PROTONATS_SOURCE": "${{ vars.PROTONATS_SOURCE }}"},
        "jobs": jobs,
    }


def _check(deployment: Deployment) -> dict[str, Any]:
    """What is generated is what the schemas say, and nothing breaks anybody."""
    base = {"BASE": "origin/${{ github.base_ref }}"}
    proposal = "github.event_name == 'pull_request'"
    return {
        "name": "Check",
        "runs-on": _RUNNER,
        "timeout-minutes": 15,
        "permissions": _READ,
        "steps": [
            checkout(history=True),
            *tools(deployment),
            {"name": "Generated files are up to date", "run": "protonats check"},
            {"name": "This workflow is the generated one", "run": scripts.SAME_WORKFLOW},
            {
                "name": "Nothing breaks callers or consumers",
                "if": proposal,
                "env": base,
                "run": 'protonats breaking --against "$BASE"',
            },
            {
                "name": "What a deployment would change",
                "if": proposal,
                "env": base,
                "run": scripts.SHOW_PLAN,
            },
        ],
    }


def _build(
    deployment: Deployment, environments: list[Environment], users: list[str]
) -> dict[str, Any]:
    """Each image: built and scanned for every proposal, pushed and signed on the main branch."""
    image = "${{ matrix.image }}"
    pushing = [
        step
        for registry in dict.fromkeys(one.registry for one in environments)
        for step in _push(deployment, [e for e in environments if e.registry == registry])
    ]
    return {
        "name": f"Build {image}",
        "needs": "check",
        "runs-on": _RUNNER,
        "timeout-minutes": 30,
        "permissions": {**_READ, "id-token": "write", "attestations": "write"},
        "strategy": {"fail-fast": False, "matrix": {"image": [*users, EXPORTER, TOOLS]}},
        "env": {"IMAGE": image, "LOCAL": f"localhost/{deployment.name}/{image}:dev"},
        "steps": [
            checkout(),
            *tools(deployment),
            {"name": "Build", "run": scripts.BUILD},
            {"name": "List what is in it", "run": scripts.INVENTORY},
            upload(f"sbom-{image}", "image.cdx.json"),
            {"name": "Scan", "run": scripts.SCAN},
            *map(_later, [*pushing, upload(f"digest-{image}", "digests")]),
        ],
    }


def _later(step: dict[str, Any]) -> dict[str, Any]:
    """A step that no proposal runs."""
    first: dict[str, Any] = {key: step[key] for key in ("name", "uses") if key in step}
    return {**first, "if": _NOT_A_PROPOSAL, **step}


def _push(deployment: Deployment, environments: list[Environment]) -> list[dict[str, Any]]:
    """Pushes an image to the registry of these environments, and notes its digest for them."""
    registry, region = environments[0].registry, environments[0].region
    names = " ".join(one.name for one in environments)
    login: list[dict[str, Any]]
    if registry == _ECR:
        host = f"{_ACCOUNT}.dkr.ecr.{region}.amazonaws.com"
        registry = f"{host}/{deployment.name}"
        login = [
            aws("AWS_BUILD_ROLE", region),
            {
                "name": "Log in to the registry",
                "env": {"REGION": region, "HOST": host},
                "run": scripts.LOGIN_ECR,
            },
        ]
    else:
        variables = {
            "HOST": registry.partition("/")[0],
            "REGISTRY_USER": "${{ secrets.REGISTRY_USER }}",
            "REGISTRY_PASSWORD": "${{ secrets.REGISTRY_PASSWORD }}",
        }
        registry = f"{registry}/{deployment.name}"
        login = [{"name": "Log in to the registry", "env": variables, "run": scripts.LOGIN}]
    step = f"push-{environments[0].name}"
    return [
        *login,
        {
            "name": f"Push for {', '.join(one.name for one in environments)}",
            "id": step,
            "env": {"REPOSITORY": f"{registry}/${{{{ matrix.image }}}}", "ENVIRONMENTS": names},
            "run": scripts.PUSH,
        },
        attest(f"{registry}/${{{{ matrix.image }}}}", f"${{{{ steps.{step}.outputs.digest }}}}"),
    ]


def _deploy(
    deployment: Deployment, environment: Environment, users: list[str], before: str
) -> dict[str, Any]:
    """One environment: servers and permissions, streams, services, a look at them; back, if that
    does not go well."""
    name, region = environment.name, environment.region
    prefix = f"{deployment.name}-{name}"
    variables = {
        "AWS_REGION": region,
        "CLUSTER": prefix,
        "ENVIRONMENT": name,
        "PREFIX": prefix,
        "ROOT": f"infra/terraform/environments/{name}",
        "SERVICES": " ".join(users),
        "TF_IN_AUTOMATION": "true",
        "TF_INPUT": "false",
        "TF_VAR_account_id": _ACCOUNT,
    }
    token = {"TF_VAR_redis_token": "${{ secrets.REDIS_TOKEN }}"} if environment.redis else {}
    secret = {"env": token} if token else {}
    return {
        "name": f"Deploy to {name}",
        "needs": before,
        "if": _NOT_A_PROPOSAL,
        "runs-on": _RUNNER,
        "timeout-minutes": 90,
        "environment": name,
        "concurrency": {"group": f"deploy-{prefix}", "cancel-in-progress": False},
        "permissions": {**_READ, "id-token": "write"},
        "env": variables,
        "steps": [
            checkout(),
            terraform(),
            aws("AWS_DEPLOY_ROLE", region),
            download("digest-*", "digests"),
            {
                "name": "Name the images by their digests",
                "env": {"INSTALLATION": "${{ vars.INSTALLATION }}"},
                "run": scripts.INSTALLATION,
            },
            {
                "name": "Plan",
                "env": {"STATE_BUCKET": "${{ vars.STATE_BUCKET }}", **token},
                "run": scripts.PLAN,
            },
            {"name": "Note what runs", "run": scripts.NOTE},
            {"name": "Servers, permissions and tools", **secret, "run": scripts.APPLY_SERVERS},
            {"name": "Streams", "run": scripts.STREAMS},
            {"name": "Services", "id": "services", **secret, "run": scripts.APPLY},
            {"name": "Wait until they run", "run": scripts.STABLE},
            {"name": "Look at them from inside", "run": scripts.SMOKE},
            {
                "name": "Roll back",
                "if": "failure() && steps.services.outcome != 'skipped'",
                "run": scripts.ROLL_BACK,
            },
        ],
    }
