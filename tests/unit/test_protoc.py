"""What protoc says, and what of that is an error."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.protoc import compile_schemas

SAID = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
W0000 00:00:1780000000.000000   12345 parser.cc:659] No edition or syntax specified for: a.proto.
a.proto:1:1: warning: Import b.proto is unused.
a.proto:2:3: Expected ";".
"""


def test_the_log_of_protoc_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr=SAID)
    monkeypatch.setattr("protoc_gen_nats.protoc.subprocess.run", lambda *_, **__: failed)

    with pytest.raises(UserError) as caught:
        compile_schemas(tmp_path, ["proto"], ["a.proto"])

    assert str(caught.value) == 'a.proto:2:3: Expected ";".'


def test_a_protoc_that_ends_without_a_word_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = subprocess.CompletedProcess([], -9, stdout="", stderr="")
    monkeypatch.setattr("protoc_gen_nats.protoc.subprocess.run", lambda *_, **__: killed)

    with pytest.raises(UserError, match=r"^protoc ended with -9$"):
        compile_schemas(tmp_path, ["proto"], ["a.proto"])
