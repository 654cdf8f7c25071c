"""How `protonats keys` and `protonats certs` are told where keys and certificates are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protoc_gen_nats.errors import UserError, did_you_mean
from protoc_gen_nats.project.project import Project

if TYPE_CHECKING:
    from protoc_gen_nats.access import Account
    from protoc_gen_nats.environments import Deployment, Environment
    from protoc_gen_nats.keys.places import Store
    from protoc_gen_nats.keys.restarts import Restarts

__all__ = ["AWS", "Target", "now", "place_options", "restart_option", "target_of"]

AWS = "aws"

restart_option = click.option(
    "--restart",
    is_flag=True,
    help="Restart the ECS services that run with older secrets, one after another.",
)
_options = (
    click.option(
        "--environment",
        "-e",
        "name",
        metavar="NAME",
        required=True,
        help="The environment of protonats.yaml that they are for.",
    ),
    click.option(
        "--to",
        required=True,
        metavar="DIR|aws",
        help="Where they are kept: a folder that nobody else can read, or the account at AWS.",
    ),
)


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options `--environment` and `--to`."""
    for option in reversed(_options):
        command = option(command)
    return command


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What keys and certificates are for, and where they are."""

    deployment: Deployment
    environment: Environment
    accounts: Sequence[Account]
    store: Store
    folder: Path | None
    """None: they are at AWS."""

    @property
    def prefix(self) -> str:
        """What the names of everything in the environment begin with."""
        return f"{self.deployment.name}-{self.environment.name}"

    @property
    def users(self) -> list[str]:
        """All who log in."""
        return [user.name for account in self.accounts for user in account.users]

    def behind(self) -> list[str]:
        """The ECS services that run with older secrets than there are."""
        from protoc_gen_nats.keys.aws import AwsStore

        assert isinstance(self.store, AwsStore)
        changed = {user: moment for user in self.users if (moment := self.store.changed(user))}
        return self._restarts().behind(changed)

    def restart(self) -> list[str]:
        """Restarts these services, and says so on standard error as it goes."""
        restarted = []
        for name in self._restarts().restart(self.behind()):
            click.echo(f"restarted {name}", err=True)
            restarted.append(name)
        return restarted

    def _restarts(self) -> Restarts:
        from protoc_gen_nats.keys.restarts import Restarts

        return Restarts(self.prefix, self.environment.region)


def target_of(
    project: Project, name: str, to: str, *, bucket: str | None = None, restart: bool = False
) -> Target:
    """What is meant by the options.

    Raises:
        UserError: There is no such environment, or boto3 is needed and missing.
        click.UsageError: The options do not go together.
    """
    from protoc_gen_nats.access import accounts_of

    manifest = project.manifest()
    if manifest.deployment is None:
        raise UserError.of(f"{manifest.path} has no `deployment`: write one")
    if name not in manifest.environments:
        known = did_you_mean(name, manifest.environments)
        raise UserError.of(f"{manifest.path} has no environment {name!r}: {known}")
    if restart and to != AWS:
        raise click.UsageError("--restart is for --to aws: restart yourself what runs elsewhere")
    environment = manifest.environments[name]
    prefix = f"{manifest.deployment.name}-{name}"
    return Target(
        deployment=manifest.deployment,
        environment=environment,
        accounts=accounts_of(project.schema(), manifest),
        store=_store(to, prefix, environment.region, bucket or ""),
        folder=None if to == AWS else Path(to),
    )


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def _store(to: str, prefix: str, region: str, bucket: str) -> Store:
    if to == AWS:
        from protoc_gen_nats.keys.aws import AwsStore

        return AwsStore(prefix=prefix, region=region, bucket=bucket, now=now)
    from protoc_gen_nats.keys.folder import FolderStore

    return FolderStore(Path(to))
