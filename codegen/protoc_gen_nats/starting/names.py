"""The names that a user gives to new things."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass
from typing import Final

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.naming import implementation_package, snake_case, version_of_package

__all__ = ["ServiceNames", "event_name", "service_names"]

_TOKEN: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_EVENT: Final = re.compile(r"[A-Z][A-Za-z0-9]*")
_TAKEN: Final = frozenset({"generated", "google", "protonats", "protoc_gen_nats", "services"})
"""Top-level packages that Python would find in place of the generated ones, or that the project's
own folders are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceNames:
    """What everything of a new service is called."""

    name: str
    """`order_book`."""

    service: str
    """In the schema: `OrderBookService`."""

    package: str
    """With its version: `acme.order_book.v1`."""

    @property
    def path(self) -> str:
        """The schema, relative to its folder: `acme/order_book/v1/order_book.proto`."""
        return f"{self.package.replace('.', '/')}/{self.name}.proto"

    @property
    def directory(self) -> str:
        """The folder of its implementation, below `services/`."""
        return implementation_package(self.name, self.package.rpartition(".")[2])

    @property
    def title(self) -> str:
        """In words, to begin a sentence: `Order book`."""
        return self.name.replace("_", " ").capitalize()


def service_names(name: str, package: str | None = None, parent: str = "") -> ServiceNames:
    """The names of a service.

    Args:
        name: As the user writes it: `order_book`, `order-book`, `OrderBook`, `OrderBookService`.
        package: Of its schema, with or without a version; by default the name.
        parent: What stands before the name in a package that is not given.

    Raises:
        UserError: No service, or no package, can be called so.
    """
    token = snake_case(name.replace("-", "_"))
    token = token.removesuffix("_service") or token
    if not _TOKEN.fullmatch(token) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise UserError.of(
            f"no service can be called {name!r}: write letters, digits and `_`, a letter first,"
            " for example order_book"
        )
    package = package or ".".join(filter(None, (parent, token)))
    version = version_of_package(package)
    if version.stem == package:
        package = f"{package}.v1"
    _check_package(package, version.stem)
    camel = "".join(word.capitalize() for word in token.split("_"))
    return ServiceNames(name=token, service=f"{camel}Service", package=package)


def _check_package(package: str, stem: str) -> None:
    for token in stem.split("."):
        if not _TOKEN.fullmatch(token) or keyword.iskeyword(token):
            raise UserError.of(
                f"no package can be called {package!r}: write tokens of lower-case letters, digits"
                " and `_` that are no words of Python's own, for example acme.order_book"
            )
    top = package.partition(".")[0]
    if top in _TAKEN or top in sys.stdlib_module_names or _is_installed(top):
        raise UserError.of(
            f"package {package!r} and the Python package {top!r} would hide each other: put another"
            f" name before it, for example --package acme.{stem}"
        )


def _is_installed(top: str) -> bool:
    """Whether Python finds a package of that name that is no generated one: those have no
    `__init__`."""
    spec = importlib.util.find_spec(top)
    return spec is not None and spec.origin is not None


def event_name(name: str) -> str:
    """Checks the name of an event.

    Raises:
        UserError: No event can be called so.
    """
    if not _EVENT.fullmatch(name):
        raise UserError.of(
            f"no event can be called {name!r}: write what happened as one word, each part with a"
            " capital, for example OrderPlaced"
        )
    return name
