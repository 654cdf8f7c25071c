"""Finding the service that `module:Class` names."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from protonats._process.exit import UsageError
from protonats.errors import ContractError
from protonats.server import Server

if TYPE_CHECKING:
    from protonats.application import Application


@dataclass(frozen=True, slots=True)
class Service:
    """A class that serves, and how it is made."""

    server: type[Server]
    """A class without abstract methods."""

    takes_application: bool
    """Whether its constructor has an argument for the `Application`."""

    def make(self, application: Application) -> Server:
        """One object of the class."""
        build = cast(Callable[..., Server], self.server)
        return build(application) if self.takes_application else build()


def load(name: str) -> Service:
    """Imports `module:Class`.

    Raises:
        UsageError: It cannot be imported, or is no class that can serve; an exception of the module
            itself is the cause.
    """
    module_name, colon, class_name = name.partition(":")
    if not (module_name and colon and class_name):
        raise UsageError(
            f"{name!r} names no class: write MODULE:CLASS, for example"
            " services.quest.service:QuestService"
        )
    found = getattr(_import(module_name), class_name, None)
    if found is None:
        raise UsageError(f"module {module_name} has no {class_name}")
    if not (inspect.isclass(found) and issubclass(found, Server)):
        raise UsageError(f"{name} is no class that derives from a generated server")
    if inspect.isabstract(found):
        missing = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise UsageError(f"{name} lacks the methods {missing}: write them")
    return Service(found, _takes_application(name, found))


def _import(module_name: str) -> Any:
    try:
        return importlib.import_module(module_name)
    except ContractError as error:
        raise UsageError(f"cannot import {module_name}: {error}") from None
    except ModuleNotFoundError as error:
        raise UsageError(f"cannot import {module_name}: {error}") from None
    except Exception as error:
        raise UsageError(f"cannot import {module_name}: {type(error).__name__}: {error}") from error


def _takes_application(name: str, server: type[Server]) -> bool:
    signature = inspect.signature(server)
    for arguments in ((object(),), ()):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return bool(arguments)
    raise UsageError(
        f"{name} is made with {signature}: write a constructor that takes the"
        " protonats.Application, or nothing"
    )
