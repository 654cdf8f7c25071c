"""Files are written as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from protoc_gen_nats.writing import write_all, write_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_folders_are_made_and_permissions_are_the_users(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_file(tmp_path / "a/b/c.txt", b"text")
    finally:
        os.umask(mask)

    assert (tmp_path / "a/b/c.txt").read_bytes() == b"text"
    assert (tmp_path / "a/b/c.txt").stat().st_mode & 0o777 == 0o640


def test_nothing_is_left_beside_the_files(tmp_path: Path) -> None:
    write_all(tmp_path, {"a.txt": b"1", "b/c.txt": b"2"})
    write_all(tmp_path, {"a.txt": b"3"})

    assert names(tmp_path) == ["a.txt", "c.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"3"


def test_a_file_that_cannot_be_stored_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    write_all(tmp_path, {"a.txt": b"old", "b": b"a file, and no folder"})

    with pytest.raises(OSError, match="b"):
        write_all(tmp_path, {"a.txt": b"new", "b/c.txt": b"new"})

    assert names(tmp_path) == ["a.txt", "b"]
    assert (tmp_path / "a.txt").read_bytes() == b"old"


def test_an_interruption_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)

    with pytest.raises(KeyboardInterrupt):
        write_all(tmp_path, {"a.txt": b"1"})

    assert names(tmp_path) == []
