"""`protonats.yaml`: the facts of a deployment that no schema states."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from itertools import combinations
from pathlib import Path
from typing import Any

from protoc_gen_nats import checked_yaml, subjects
from protoc_gen_nats.checked_yaml import Places
from protoc_gen_nats.environment_rules import problems_of
from protoc_gen_nats.environment_settings import read_deployment, read_environments
from protoc_gen_nats.environments import Deployment, Environment
from protoc_gen_nats.errors import Place, Problem, UserError
from protoc_gen_nats.python_modules import PythonOptions, is_importable
from protoc_gen_nats.quantities import bytes_of, seconds_of

__all__ = [
    "DOCUMENTS",
    "BreakingSettings",
    "ConsumerDefaults",
    "Manifest",
    "Stream",
    "load_manifest",
]

DOCUMENTS = ("asyncapi", "openapi", "catalogue")
"""The documents that can be made of the schemas."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """A JetStream stream."""

    name: str
    subjects: tuple[str, ...]
    retention: str
    """`limits`, `work_queue` or `interest`."""

    max_age: float | None
    """Seconds."""

    max_message: int | None
    """Bytes."""

    duplicate_window: float | None
    """Seconds in which a second message with the same id is dropped."""

    replicas: int
    description: str
    place: Place


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerDefaults:
    """What holds for a consumer whose schema does not say otherwise."""

    ack_wait: float = 30.0
    """Seconds."""

    max_deliver: int = 5
    max_ack_pending: int = 1000
    backoff: tuple[float, ...] = (1.0, 5.0, 15.0)
    """Seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakingSettings:
    """What `protonats breaking` compares with, and what it lets pass."""

    against: str | None = None
    """A git ref, a folder or an image."""

    ignore: tuple[str, ...] = ()
    """Names of rules that may be broken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The manifest of a project."""

    path: str
    proto_roots: tuple[str, ...]
    """Folders with the project's schemas, relative to the manifest."""

    exclude: tuple[str, ...]
    """Schemas below them that are not generated for: glob patterns relative to their root."""

    streams: tuple[Stream, ...]
    consumer_defaults: ConsumerDefaults
    bucket_replicas: int
    """On how many nodes each key-value bucket is stored."""

    python: PythonOptions = field(default_factory=PythonOptions)
    templates: str | None = None
    """The folder of the project's own templates, relative to the manifest."""

    templates_place: Place = field(default_factory=Place)

    documents: tuple[str, ...] = DOCUMENTS
    """Those of `DOCUMENTS` that are generated."""

    breaking: BreakingSettings = BreakingSettings()
    deployment: Deployment | None = None
    """None: nothing that only a deployment needs is generated."""

    environments: Mapping[str, Environment] = field(default_factory=dict)

    def streams_of(self, subject: str) -> list[str]:
        """The names of the streams that capture a subject, or some part of it."""
        return [
            stream.name
            for stream in self.streams
            if any(subjects.overlap(pattern, subject) for pattern in stream.subjects)
        ]


def load_manifest(path: Path) -> Manifest:
    """Reads and checks a manifest.

    Raises:
        UserError: The file is missing, is not YAML, or breaks a rule; with the line of each
        problem.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError.of(f"cannot read {path.name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        text = f"not UTF-8 at byte {error.start + 1}: save it as UTF-8"
        raise UserError.of(text, Place(path.name)) from error
    schema = resources.files("protoc_gen_nats").joinpath("manifest.schema.json").read_text()
    value, places = checked_yaml.parse(text, path.name, json.loads(schema))
    manifest = _manifest(path.name, value, places)
    if problems := list(_check(manifest, value, places)):
        raise UserError(problems)
    return manifest


def _manifest(name: str, value: Mapping[str, Any], places: Places) -> Manifest:
    proto = value.get("proto", {})
    return Manifest(
        path=name,
        proto_roots=tuple(proto.get("roots", ["proto"])),
        exclude=tuple(proto.get("exclude", [])),
        streams=tuple(
            _stream(stream, options, places.of("streams", stream))
            for stream, options in value.get("streams", {}).items()
        ),
        consumer_defaults=_consumer_defaults(value.get("consumers", {}).get("defaults", {})),
        bucket_replicas=value.get("buckets", {}).get("defaults", {}).get("replicas", 1),
        python=PythonOptions(**value.get("python", {})),
        templates=value.get("templates"),
        templates_place=places.of("templates"),
        documents=tuple(value.get("documents", DOCUMENTS)),
        breaking=_breaking(value.get("breaking", {})),
        deployment=read_deployment(value, places),
        environments=read_environments(value, places),
    )


def _breaking(options: Mapping[str, Any]) -> BreakingSettings:
    return BreakingSettings(against=options.get("against"), ignore=tuple(options.get("ignore", [])))


def _stream(name: str, options: Mapping[str, Any], place: Place) -> Stream:
    return Stream(
        name=name,
        subjects=tuple(options["subjects"]),
        retention=options.get("retention", "limits"),
        max_age=seconds_of(options["max_age"]) if "max_age" in options else None,
        max_message=bytes_of(options["max_message"]) if "max_message" in options else None,
        duplicate_window=(
            seconds_of(options["duplicate_window"]) if "duplicate_window" in options else None
        ),
        replicas=options.get("replicas", 1),
        description=options.get("description", ""),
        place=place,
    )


def _consumer_defaults(options: Mapping[str, Any]) -> ConsumerDefaults:
    chosen = dict(options)
    if "ack_wait" in chosen:
        chosen["ack_wait"] = seconds_of(chosen["ack_wait"])
    if "backoff" in chosen:
        chosen["backoff"] = tuple(map(seconds_of, chosen["backoff"]))
    return ConsumerDefaults(**chosen)


def _check(manifest: Manifest, value: Mapping[str, Any], places: Places) -> Iterator[Problem]:
    """Finds a package that is none, subjects that are malformed or captured by two streams, and
    environments that cannot be."""
    yield from problems_of(manifest.environments, value, places)
    prefix = manifest.python.package_prefix
    if prefix and not is_importable(prefix):
        text = f"python.package_prefix is {prefix!r}, which Python cannot import: write another"
        yield Problem(places.of("python", "package_prefix"), text)
    for stream in manifest.streams:
        for pattern in stream.subjects:
            if wrong := subjects.problem_of_pattern(pattern):
                yield Problem(stream.place, f"stream {stream.name}: subject {pattern!r} {wrong}")
    for one, other in combinations(manifest.streams, 2):
        for left in one.subjects:
            for right in other.subjects:
                if subjects.overlap(left, right):
                    text = (
                        f"stream {other.name}: subject {right!r} overlaps with {left!r} of stream"
                        f" {one.name}: a message can lie in one stream only"
                    )
                    yield Problem(other.place, text)
