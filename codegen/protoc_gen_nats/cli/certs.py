"""`protonats certs`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from protoc_gen_nats.project.project import Project

if TYPE_CHECKING:
    from protoc_gen_nats.certificates.authorities import Authority
    from protoc_gen_nats.certificates.issuing import Issuer, Wanted
    from protoc_gen_nats.keys.places import Holder

__all__ = ["certs"]

_PCA = "acm-pca:"
_CA_FOLDER = "ca"

_options = (
    click.option(
        "--ca",
        metavar="DIR|acm-pca:ARN",
        help="Who signs: a CA in a folder, or one of AWS. Default: `ca` in the folder of --to.",
    ),
    click.option(
        "--trust",
        "trusted",
        metavar="DIR|acm-pca:ARN",
        multiple=True,
        help="Another CA that everybody shall trust, while one takes the place of the other."
        " Repeatable.",
    ),
    click.option(
        "--node",
        "nodes",
        metavar="NAME",
        multiple=True,
        help="Another server beside the NATS nodes. Repeatable.",
    ),
    click.option(
        "--san",
        "names",
        metavar="NAME",
        multiple=True,
        help="A host name or an address that servers have beside their own name. Repeatable.",
    ),
)


def _signing(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_options):
        command = option(command)
    return command


@click.group(short_help="Make and renew the certificates of nodes and users.")
def certs() -> None:
    """Make, renew and list the certificates with which nodes and users prove who they are.

    How long they are good, and how early they are renewed, is in protonats.yaml. At AWS, nodes see
    to their certificates themselves.

    \b
    Examples:
      protonats certs create --environment dev --to secrets/dev --san localhost
      protonats certs renew --environment dev --to secrets/dev --san localhost
      protonats certs list --environment dev --to secrets/dev
    """


@certs.command()
@project_option
@place_options
@_signing
@json_option
@reports_errors
def create(
    project: Project,
    name: str,
    to: str,
    ca: str | None,
    trusted: tuple[str, ...],
    nodes: tuple[str, ...],
    names: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make the certificates that are missing, and the CA if there is none.

    \b
    Examples:
      protonats certs create --environment dev --to secrets/dev --san localhost --san 127.0.0.1
      protonats certs create --environment production --to aws --ca acm-pca:arn:aws:acm-pca:…
    """
    target = target_of(project, name, to)
    wanted = _wanted(target, nodes, names)
    with target.store.alone():
        _make_authority(target, ca)
        made = _issuer(target, ca, trusted).create(wanted)
    _print(made, len(wanted), "created", as_json)


@certs.command()
@project_option
@place_options
@_signing
@click.option("--all", "everything", is_flag=True, help="Also what is not due yet.")
@restart_option
@json_option
@reports_errors
def renew(
    project: Project,
    name: str,
    to: str,
    ca: str | None,
    trusted: tuple[str, ...],
    nodes: tuple[str, ...],
    names: tuple[str, ...],
    everything: bool,
    restart: bool,
    as_json: bool,
) -> None:
    """Renew the certificates that are due: that end soon, have other names, or another CA.

    Give --node and --san as at `create`. Servers take a new certificate when they get SIGHUP, and
    keep their connections; services take it when they connect anew, and tasks of ECS, which have
    theirs in memory, when they are restarted.

    A CA is changed in three steps: everybody trusts the new one (`renew --ca OLD --trust NEW`), all
    certificates are signed by it (`renew --ca NEW --trust OLD`), nobody trusts the old one any more
    (`renew --ca NEW`).

    \b
    Examples:
      protonats certs renew --environment dev --to secrets/dev --san localhost --san 127.0.0.1
      protonats certs renew --environment production --to aws --ca acm-pca:arn:… --restart
    """
    target = target_of(project, name, to, restart=restart)
    wanted = _wanted(target, nodes, names)
    with target.store.alone():
        renewed = [*_issuer(target, ca, trusted).renew(wanted, everything=everything)]
    restarted = target.restart() if restart else []
    _print(renewed, len(wanted), "renewed", as_json, restarted=restarted)


@certs.command("list")
@project_option
@place_options
@_signing
@json_option
@reports_errors
def list_(
    project: Project,
    name: str,
    to: str,
    ca: str | None,
    trusted: tuple[str, ...],
    nodes: tuple[str, ...],
    names: tuple[str, ...],
    as_json: bool,
) -> None:
    """List certificates, with their end, and why they are due.

    \b
    Examples:
      protonats certs list --environment dev --to secrets/dev
      protonats certs list --environment dev --to secrets/dev --json | jq '.[] | select(.due)'
    """
    from protoc_gen_nats.keys.moments import moment_text, when
    from protoc_gen_nats.live.tables import table_text

    target = target_of(project, name, to)
    wanted = _wanted(target, nodes, names)
    found = [*_issuer(target, ca, trusted).certificates(wanted)]
    if as_json:
        print_json(
            [
                {
                    "holder": one.holder.path,
                    "names": list(one.names),
                    "start": moment_text(one.start) if one.start else None,
                    "end": moment_text(one.end) if one.end else None,
                    "due": one.due or None,
                }
                for one in found
            ]
        )
        return
    cells = [
        (one.holder.path, when(one.start), when(one.end), " ".join(one.names), one.due)
        for one in found
    ]
    click.echo(table_text(("holder", "start", "end", "names", "due"), cells), nl=False)


def _wanted(target: Target, nodes: Sequence[str], names: Sequence[str]) -> list[Wanted]:
    """Everybody who shall have a certificate."""
    from protoc_gen_nats.certificates.issuing import Wanted
    from protoc_gen_nats.certificates.requests import alternative_names
    from protoc_gen_nats.keys.places import node, user

    alternative_names([*nodes, *names])
    if target.folder is None and (nodes or names):
        raise click.UsageError("--node and --san: at AWS, nodes make their certificates themselves")
    own = [f"nats-{number + 1}" for number in range(target.environment.nats.nodes)]
    servers = [*own, *nodes] if target.folder else []
    return [
        *(
            Wanted(holder=node(one), names=tuple(dict.fromkeys((one, *names))))
            for one in dict.fromkeys(servers)
        ),
        *(Wanted(holder=user(one)) for one in target.users),
    ]


def _issuer(target: Target, ca: str | None, trusted: Sequence[str]) -> Issuer:
    from protoc_gen_nats.certificates.issuing import Issuer

    return Issuer(
        target.store,
        _authority(target, _place_of(target, ca)),
        target.environment.certificates,
        now,
        also_trusted=[_authority(target, one) for one in trusted],
    )


def _authority(target: Target, place: str) -> Authority:
    if place.startswith(_PCA):
        from protoc_gen_nats.certificates.acm_pca import PrivateCa

        return PrivateCa(place.removeprefix(_PCA))
    from protoc_gen_nats.certificates.local import LocalAuthority

    return LocalAuthority(Path(place))


def _make_authority(target: Target, ca: str | None) -> None:
    place = _place_of(target, ca)
    if not place.startswith(_PCA):
        from protoc_gen_nats.certificates.local import LocalAuthority

        authority = LocalAuthority(Path(place))
        if not authority.exists:
            authority.make(target.prefix, now())


def _place_of(target: Target, ca: str | None) -> str:
    if ca is not None:
        return ca
    if target.folder is None:
        raise click.UsageError(f"--to {AWS}: say who signs, with --ca {_PCA}ARN or --ca DIR")
    return str(target.folder / _CA_FOLDER)


def _print(
    holders: Sequence[Holder],
    of: int,
    done: str,
    as_json: bool,
    *,
    restarted: Sequence[str] | None = None,
) -> None:
    if as_json:
        more = {} if restarted is None else {"restarted": list(restarted)}
        print_json({done: [one.path for one in holders], "certificates": of, **more})
        return
    for one in holders:
        click.echo(f"{done} {one.path}")
    click.echo(f"{counted(of, 'certificate')}, {len(holders)} {done}")
