"""What a service and its methods are called where no option says so.

Each name follows from the package and the service's or method's own name alone, so that nothing
that is added to a schema renames what was there.
"""

from __future__ import annotations

from protoc_gen_nats.naming import snake_case, version_of_package

__all__ = ["default_domain", "default_name", "default_operation"]


def default_name(service: str) -> str:
    """The name of a service in discovery: `QuestLogService` is `quest_log`."""
    return snake_case(service.removesuffix("Service")).strip("_") or "service"


def default_domain(package: str, service: str) -> str:
    """The domain of a service: its package without the version, and its name behind it unless the
    package ends with that.

    `acme.quest.v1.QuestService` is `acme.quest`, `acme.quest.v1.AdminService` is
    `acme.quest.admin`, `helloworld.Greeter` is `helloworld.greeter`.
    """
    name = default_name(service)
    stem = version_of_package(package).stem
    # Tokens that begin with `_` belong to the protocol.
    tokens = [token.lstrip("_") or "x" for token in stem.split(".") if token]
    if not tokens or tokens[-1].lower().replace("_", "") != name.replace("_", ""):
        tokens.append(name)
    return ".".join(tokens)


def default_operation(method: str) -> str:
    """The last token of a method's subject: `GenerateQuest` is `generate_quest`."""
    return snake_case(method).strip("_") or "rpc"
