"""`protonats keys`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from protoc_gen_nats.cli.common import (
    counted,
    json_option,
    print_json,
    project_option,
    reports_errors,
)
from protoc_gen_nats.cli.key_places import (
    AWS,
    Target,
    now,
    place_options,
    restart_option,
    target_of,
)
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.project.project import Project

if TYPE_CHECKING:
    from protoc_gen_nats.keys.logins import Login

__all__ = ["keys"]

_bucket_option = click.option(
    "--bucket",
    envvar="NATS_BUCKET",
    metavar="NAME",
    help="With --to aws: the S3 bucket that the servers read, an output of Terraform. [env:"
    " NATS_BUCKET]",
)


@click.group(short_help="Make and rotate the keys with which users log in to NATS.")
def keys() -> None:
    """Make, rotate and list the keys with which services, people and tools log in to NATS.

    Which users there are follows from schemas and manifest. With `login: nkeys` the servers read
    their public keys from keys.conf, with `login: jwt` what an operator has signed from
    operator.conf. Neither file has a secret.

    \b
    Examples:
      protonats keys create --environment dev --to secrets/dev
      protonats keys rotate orders --environment dev --to secrets/dev
      protonats keys rotate --finish orders --environment dev --to secrets/dev
    """


@keys.command()
@project_option
@place_options
@_bucket_option
@json_option
@reports_errors
def create(project: Project, name: str, to: str, bucket: str | None, as_json: bool) -> None:
    """Make a key for each user that has none.

    Keys that are there stay, so this can be called before every deployment, and with `login: jwt`
    it has to be: what users may do is in operator.conf.

    \b
    Examples:
      protonats keys create --environment dev --to secrets/dev
      protonats keys create --environment production --to aws --bucket shop-production-nats-1f3a
    """
    target = _target(project, name, to, bucket)
    with target.store.alone():
        made = _login(target).create()
    if as_json:
        print_json({"created": made, "users": len(target.users)})
        return
    for user in made:
        click.echo(f"made a key for {user}")
    click.echo(f"{counted(len(target.users), 'user')}, {counted(len(made), 'new key')}")


@keys.command()
@click.argument("users", metavar="[USER]...", nargs=-1)
@project_option
@place_options
@_bucket_option
@click.option("--all", "everyone", is_flag=True, help="All users.")
@click.option("--finish", is_flag=True, help="End rotations: the old keys are refused from now on.")
@click.option(
    "--at-once",
    is_flag=True,
    help="Rotate and finish in one step: for a key that somebody else has got. Connections break.",
)
@restart_option
@json_option
@reports_errors
def rotate(
    users: tuple[str, ...],
    project: Project,
    name: str,
    to: str,
    bucket: str | None,
    everyone: bool,
    finish: bool,
    at_once: bool,
    restart: bool,
    as_json: bool,
) -> None:
    """Give users another key, in two steps, so that no connection breaks.

    The first step gives them a new key, and the servers take the old one as well. When the services
    run with the new one, --finish ends that: the servers refuse the old one. At AWS the first step
    restarts services with --restart, and --finish refuses to end what still runs with old keys.

    \b
    Examples:
      protonats keys rotate --all --environment production --to aws --restart
      protonats keys rotate --all --finish --environment production --to aws
      protonats keys rotate orders --at-once --environment dev --to secrets/dev
    """
    from protoc_gen_nats.keys.logins import check_users

    if bool(users) == everyone:
        raise click.UsageError("name users, or all of them with --all")
    if finish and at_once:
        raise click.UsageError("--finish and --at-once do not go together")
    target = _target(project, name, to, bucket, restart=restart)
    check_users(users, target.accounts)
    with target.store.alone():
        login = _login(target)
        chosen = list(dict.fromkeys(users)) or target.users
        if finish and everyone:
            chosen = [one.user for one in login.listed() if one.retiring]
        if finish:
            _check_moved(target, chosen)
            login.finish(chosen)
        else:
            login.rotate(chosen)
        if at_once:
            login.finish(chosen)
    restarted = target.restart() if restart else []
    ended = finish or at_once
    if as_json:
        print_json({"users": chosen, "finished": ended, "restarted": restarted})
    elif not chosen:
        click.echo("Nothing to do: no key is being rotated.")
    else:
        said = "the old one is refused" if ended else "the old one is taken as well, until --finish"
        click.echo(f"{counted(len(chosen), 'user')} with a new key: {said}")


@keys.command("list")
@project_option
@place_options
@json_option
@reports_errors
def list_(project: Project, name: str, to: str, as_json: bool) -> None:
    """List who has which key, and since when. Only public keys are shown.

    \b
    Examples:
      protonats keys list --environment dev --to secrets/dev
      protonats keys list --environment production --to aws --json | jq -r '.[] | .user, .since'
    """
    from protoc_gen_nats.keys.moments import moment_text, when
    from protoc_gen_nats.live.tables import table_text

    found = _login(target_of(project, name, to)).listed()
    if as_json:
        print_json(
            [
                {
                    "user": one.user,
                    "account": one.account,
                    "key": one.key or None,
                    "since": moment_text(one.since) if one.since else None,
                    "retiring": one.retiring or None,
                }
                for one in found
            ]
        )
        return
    cells = [
        (
            one.user,
            one.account,
            when(one.since),
            one.key or "none",
            one.retiring and "being rotated",
        )
        for one in found
    ]
    click.echo(table_text(("user", "account", "since", "key", ""), cells), nl=False)


def _target(
    project: Project, name: str, to: str, bucket: str | None, *, restart: bool = False
) -> Target:
    if to == AWS and not bucket:
        raise click.UsageError(
            "keys at AWS need the bucket that the servers read: name it with --bucket, or in"
            " NATS_BUCKET"
        )
    return target_of(project, name, to, bucket=bucket, restart=restart)


def _login(target: Target) -> Login:
    if target.deployment.login == "jwt":
        from protoc_gen_nats.keys.jwt_login import JwtLogin

        return JwtLogin(
            target.store,
            target.accounts,
            now,
            name=target.prefix,
            system_account=target.deployment.accounts.system,
        )
    from protoc_gen_nats.keys.nkey_login import NkeyLogin

    return NkeyLogin(target.store, target.accounts, now)


def _check_moved(target: Target, users: list[str]) -> None:
    """Who runs with an old key would lose its connections."""
    if target.folder is not None:
        return
    if behind := [name for name in target.behind() if name in users]:
        raise UserError.of(
            f"{', '.join(behind)}: still with the old key: restart them with `protonats keys"
            " rotate --restart`, or end it after the next deployment"
        )
