"""`protonats.yaml`; what is said about a wrong one is in the golden cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.manifest import ConsumerDefaults, Manifest, load_manifest

FULL = """\
version: 1
proto:
  roots: [schemas, vendor]
  exclude: ["drafts/*"]
streams:
  EVENTS:
    description: What happens.
    subjects: [evt.>]
    retention: work_queue
    max_age: 2h
    max_message: 512 KiB
    duplicate_window: 500ms
    replicas: 3
  AUDIT:
    subjects: [audit.*]
consumers:
  defaults:
    ack_wait: 1m
    max_deliver: 9
    max_ack_pending: 10
    backoff: [1s, 1d]
"""


def load(folder: Path, text: str) -> Manifest:
    path = folder / "protonats.yaml"
    path.write_text(text)
    return load_manifest(path)


def test_every_setting_is_read(tmp_path: Path) -> None:
    manifest = load(tmp_path, FULL)

    events, audit = manifest.streams
    assert manifest.proto_roots == ("schemas", "vendor")
    assert manifest.exclude == ("drafts/*",)
    assert (events.name, events.subjects, events.retention) == ("EVENTS", ("evt.>",), "work_queue")
    assert (events.max_age, events.duplicate_window) == (7200.0, 0.5)
    assert (events.max_message, events.replicas) == (512 * 1024, 3)
    assert str(events.place) == "protonats.yaml:6:3"
    assert (audit.retention, audit.max_age, audit.max_message) == ("limits", None, None)
    assert manifest.consumer_defaults == ConsumerDefaults(
        ack_wait=60.0, max_deliver=9, max_ack_pending=10, backoff=(1.0, 86400.0)
    )


def test_a_version_is_all_that_is_needed(tmp_path: Path) -> None:
    manifest = load(tmp_path, "version: 1\n")

    assert manifest.proto_roots == ("proto",)
    assert manifest.streams == ()
    assert manifest.consumer_defaults == ConsumerDefaults()


def test_a_line_end_behind_a_quantity_does_no_harm(tmp_path: Path) -> None:
    text = "version: 1\nconsumers:\n  defaults:\n    ack_wait: |\n      30s\n"

    assert load(tmp_path, text).consumer_defaults.ack_wait == 30.0


@pytest.mark.parametrize(
    ("subject", "streams"),
    [
        ("evt.quest.made.v1", ["EVENTS"]),
        ("evt.quest.made.v1.*", ["EVENTS"]),
        ("audit.*", ["AUDIT"]),
        ("audit.quest.made", []),
        ("svc.quest", []),
    ],
)
def test_streams_of_a_subject(tmp_path: Path, subject: str, streams: list[str]) -> None:
    assert load(tmp_path, FULL).streams_of(subject) == streams


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"^cannot read protonats\.yaml: No such file or directory$"
    ):
        load_manifest(tmp_path / "protonats.yaml")


@pytest.mark.parametrize(
    "text", ["- a\n", "text\n", "1: 2\nversion: 1\n", "? [a]\n: b\n", "a: &a [*a]\n"]
)
def test_what_is_no_mapping_of_settings_is_an_error_with_its_place(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(UserError, match=r"^protonats\.yaml:1:"):
        load(tmp_path, text)
