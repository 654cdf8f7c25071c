"""The plugin's parameter: `--nats_opt=target=python,set=complete`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from protoc_gen_nats.errors import UserError, did_you_mean
from protoc_gen_nats.python_modules import PythonOptions, is_importable

__all__ = ["PluginOptions", "parse_parameter"]

_VALUES = {
    "target": ("python", "extra"),
    "set": ("partial", "complete"),
    "imports": ("absolute", "relative"),
    "init_files": ("false", "true"),
}
"""What the options that take a few words take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginOptions:
    """What a caller of the plugin can choose."""

    target: str = "python"
    """The family of files to emit: `python`, typed clients, servers and message stubs; `extra`,
    those of the templates below `extra/` in `templates`."""

    set: str = "partial"
    """`complete`: the request holds every schema of the system, so names that cannot be resolved
    are errors. `partial`: other schemas may exist."""

    imports: str = "absolute"
    """`absolute` or `relative`: see `PythonOptions`."""

    package_prefix: str = ""
    """The package that the output folder is."""

    init_files: str = "false"
    """`true`: folders with modules get an `__init__.py`."""

    templates: str = ""
    """The folder of templates that come before the built-in ones."""

    @property
    def python(self) -> PythonOptions:
        """Where the generated modules are, and how they import each other."""
        return PythonOptions(
            imports=self.imports,
            package_prefix=self.package_prefix,
            init_files=self.init_files == "true",
        )


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
        if wrong := _problem_of(key, value):
            raise UserError.of(f"plugin option {key!r} cannot be {value!r}: {wrong}")
        chosen[key] = value
    if chosen.get("target") == "extra" and not chosen.get("templates"):
        raise UserError.of("target=extra renders templates of yours: add templates=<folder>")
    return PluginOptions(**chosen)


def _problem_of(key: str, value: str) -> str:
    """What to write in place of a value, or an empty text if it is right."""
    if key == "package_prefix" and not is_importable(value):
        return "write the name of a package such as acme.gen"
    if key in _VALUES and value not in _VALUES[key]:
        return did_you_mean(value, _VALUES[key])
    return ""
