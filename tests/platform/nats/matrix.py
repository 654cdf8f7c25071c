"""The permissions of all users, tried on a server. As a program, it prints them:

python -m tests.platform.nats.matrix [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.platform.nats.installation import Installation
from tests.platform.nats.raw import Raw
from tests.platform.nats.table import Probe, Table

__all__ = ["Matrix", "measure"]


@dataclass(frozen=True)
class Matrix:
    """What the server said."""

    table: Table
    verdicts: Mapping[tuple[str, Probe], bool]
    """Whether it let a user do what was tried."""

    @property
    def wrongly_refused(self) -> list[tuple[str, Probe]]:
        """What follows from the schemas and does not pass."""
        return [
            (user, probe)
            for (user, probe), passed in self.verdicts.items()
            if not passed and user in self.table.allowed[probe]
        ]

    @property
    def wrongly_allowed(self) -> list[tuple[str, Probe]]:
        """What passes and follows from nothing."""
        return [
            (user, probe)
            for (user, probe), passed in self.verdicts.items()
            if passed and user not in self.table.allowed[probe]
        ]

    def lines(self) -> list[str]:
        """A row for each user: for each kind of subject, how many may be published to and
        subscribed to, of how many."""
        kinds = sorted({probe.kind for probe in self.table.allowed})
        rows = [["", *kinds], ["tried", *(self._tried(kind) for kind in kinds)]]
        rows += [[user, *(self._passed(user, kind) for kind in kinds)] for user in self.table.users]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return [
            "  ".join(
                cell.rjust(width) if index else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]

    def total(self) -> str:
        """All of it, in a line."""
        users = len({user for user, _ in self.verdicts})
        return (
            f"{users} users, each with {len(self.table.allowed)} things to try, are"
            f" {len(self.verdicts)} tries: {sum(self.verdicts.values())} passed,"
            f" {len(self.wrongly_allowed)} of them wrongly; {len(self.wrongly_refused)} wrongly"
            " refused"
        )

    def _tried(self, kind: str) -> str:
        return _counts(
            [probe.verb for probe in self.table.allowed if probe.kind == kind],
        )

    def _passed(self, user: str, kind: str) -> str:
        return _counts(
            [
                probe.verb
                for (who, probe), passed in self.verdicts.items()
                if passed and who == user and probe.kind == kind
            ]
        )


def _counts(verbs: list[str]) -> str:
    publish, subscribe = verbs.count("publish"), verbs.count("subscribe")
    return f"{publish or '·'}/{subscribe or '·'}"


def measure(installation: Installation, table: Table, *users: str) -> Matrix:
    """Tries everything as these users, or as everyone."""
    probes = list(table.allowed)
    published = [probe for probe in probes if probe.verb == "publish"]
    heard = [probe for probe in probes if probe.verb == "subscribe"]
    verdicts: dict[tuple[str, Probe], bool] = {}
    for user in users or table.users:
        with Raw(installation, user) as connection:
            may_publish = connection.publishes([probe.subject for probe in published])
            may_hear = connection.subscribes([(probe.subject, probe.queue) for probe in heard])
        verdicts |= {(user, probe): may_publish[probe.subject] for probe in published}
        verdicts |= {(user, probe): may_hear[probe.subject, probe.queue] for probe in heard}
    return Matrix(table, verdicts)


def main() -> int:
    """Prints what each user may do."""
    parser = argparse.ArgumentParser(prog="python -m tests.platform.nats.matrix")
    parser.add_argument("--json", action="store_true", help="one object for scripts")
    options = parser.parse_args()
    table = Table()
    with (
        tempfile.TemporaryDirectory(prefix="protonats-matrix-") as folder,
        Installation(Path(folder)).standing_alone() as installation,
    ):
        measured = measure(installation, table)
    if options.json:
        print(json.dumps(_facts(measured), indent=2))
    else:
        print("publish/subscribe, as the server decides", *measured.lines(), sep="\n")
        print(measured.total())
    return 1 if measured.wrongly_allowed or measured.wrongly_refused else 0


def _facts(measured: Matrix) -> dict[str, object]:
    passed = [key for key, ok in measured.verdicts.items() if ok]
    return {
        "tried": len(measured.verdicts),
        "wrongly_refused": [[user, *_row(probe)] for user, probe in measured.wrongly_refused],
        "wrongly_allowed": [[user, *_row(probe)] for user, probe in measured.wrongly_allowed],
        "users": {
            user: [_row(probe) for who, probe in passed if who == user]
            for user in measured.table.users
        },
    }


def _row(probe: Probe) -> list[str]:
    return [probe.verb, probe.subject, *([probe.queue] if probe.queue else [])]


if __name__ == "__main__":
    sys.exit(main())
