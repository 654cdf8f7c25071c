"""The package's public names, and what importing it loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

import protonats


def test_the_list_of_names_is_sorted_and_complete() -> None:
    assert list(protonats.__all__) == sorted(protonats.__all__)
    assert set(protonats.__all__) == {"__version__", *protonats._HOMES}


@pytest.mark.parametrize("name", protonats.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(protonats, name) is not None
    assert name in dir(protonats)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'protonats' has no attribute 'nothing'"):
        _ = protonats.nothing


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import protonats", {"nats", "redis", "google.protobuf"}),
        ("import protonats.v1.options_pb2", {"nats", "redis"}),
        ("import protonats._codegen", {"redis", "prometheus_client", "h11", "protoc_gen_nats"}),
    ],
)
def test_importing_loads_no_more_than_it_needs(statement: str, forbidden: set[str]) -> None:
    code = f"{statement}\nimport sys\nprint(*sorted(set({sorted(forbidden)!r}) & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == []
