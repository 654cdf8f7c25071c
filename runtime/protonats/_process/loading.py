"""Finding the classes that a command line names as `module:Class`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from protonats._process.exit import UsageError
from protonats.errors import ContractError
from protonats.interceptors import ServerInterceptor
from protonats.server import Server

if TYPE_CHECKING:
    from protonats.application import Application

MadeT = TypeVar("MadeT")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[MadeT]):
    """A class, and how an object of it is made."""

    made: type[MadeT]
    """The class, without abstract methods."""

    takes_application: bool
    """Whether its constructor has an argument for the `Application`."""

    def make(self, application: Application) -> MadeT:
        """One object of the class."""
        build = cast(Callable[..., MadeT], self.made)
        return build(application) if self.takes_application else build()


def load_service(name: str) -> Loaded[Server]:
    """Imports a service.

    Raises:
        UsageError: It cannot be imported, or is no class that can serve; an exception of the module
            itself is the cause.
    """
    found = _find(name, "services.quest.service:QuestService")
    if not (inspect.isclass(found) and issubclass(found, Server)):
        raise UsageError(f"{name} is no class that derives from a generated server")
    if inspect.isabstract(found):
        missing = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise UsageError(f"{name} lacks the methods {missing}: write them")
    return Loaded(found, _takes_application(name, found))


def load_interceptor(name: str) -> Loaded[ServerInterceptor]:
    """Imports an interceptor; errors are those of `load_service`."""
    found = _find(name, "services.tokens:CheckToken")
    if not (inspect.isclass(found) and issubclass(found, ServerInterceptor)):
        raise UsageError(
            f"{name} is no class that derives from protonats.interceptors.ServerInterceptor"
        )
    return Loaded(found, _takes_application(name, found))


def _find(name: str, example: str) -> Any:
    module_name, colon, class_name = name.partition(":")
    if not (module_name and colon and class_name):
        raise UsageError(f"{name!r} names no class: write MODULE:CLASS, for example {example}")
    found = getattr(_import(module_name), class_name, None)
    if found is None:
        raise UsageError(f"module {module_name} has no {class_name}")
    return found


def _import(module_name: str) -> Any:
    try:
        return importlib.import_module(module_name)
    except ContractError as error:
        raise UsageError(f"cannot import {module_name}: {error}") from None
    except ModuleNotFoundError as error:
        raise UsageError(f"cannot import {module_name}: {error}") from None
    except Exception as error:
        raise UsageError(f"cannot import {module_name}: {type(error).__name__}: {error}") from error


def _takes_application(name: str, made: type[object]) -> bool:
    signature = inspect.signature(made)
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
