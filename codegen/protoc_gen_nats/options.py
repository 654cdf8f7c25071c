"""The plugin's parameter: `--nats_opt=target=python,set=complete`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from protoc_gen_nats.errors import UserError, did_you_mean

__all__ = ["PluginOptions", "parse_parameter"]

_VALUES = {
    "target": ("python",),
    "set": ("partial", "complete"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginOptions:
    """What a caller of the plugin can choose."""

    target: str = "python"
    """The family of files to emit: `python`, typed clients, servers and message stubs."""

    set: str = "partial"
    """`complete`: the request holds every schema of the system, so names that cannot be resolved
    are errors. `partial`: other schemas may exist."""


def parse_parameter(parameter: str) -> PluginOptions:
    """Reads `key=value` pairs separated by commas.

    Raises:
        UserError: A pair without `=`, an unknown key, a value that the key does not take, or a key
            that is given twice.
    """
    known = [field.name for field in fields(PluginOptions)]
    chosen: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in parameter.split(","))):
        key, equals, value = pair.partition("=")
        if key not in known:
            raise UserError.of(f"unknown plugin option {key!r}: {did_you_mean(key, known)}")
        if not equals:
            raise UserError.of(f"plugin option {key!r} has no value: write {key}=<value>")
        if key in chosen:
            raise UserError.of(f"plugin option {key!r} is given twice: write it once")
        if value not in _VALUES[key]:
            raise UserError.of(
                f"plugin option {key!r} cannot be {value!r}: {did_you_mean(value, _VALUES[key])}"
            )
        chosen[key] = value
    return PluginOptions(**chosen)
