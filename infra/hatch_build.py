"""The build hook that puts into a wheel what is no Python module.

These are the templates and the schema of the options.

Only in a standard build: `force-include` of an editable build would copy the files into the
environment, where the copies go stale while the ones in the repository are edited. An editable
install finds them in the repository.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = {
    "templates": "protoc_gen_nats/templates",
    "proto/protonats/v1/options.proto": "protonats/v1/options.proto",
}


class WheelFiles(BuildHookInterface[Any]):
    """Adds `FILES`, by their path in the repository, at their place in the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files; `version` is `standard` or `editable`."""
        if version == "standard":
            build_data["force_include"].update(FILES)
