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


@pytest.mark.parametrize("count", [2, 100], ids=["few", "many"])
def test_a_folder_in_the_place_of_a_file_leaves_the_others_as_they_were(
    tmp_path: Path, count: int
) -> None:
    files = {f"{number}.txt": b"old" for number in range(count)}
    write_all(tmp_path, files)
    (tmp_path / "folder").mkdir()

    with pytest.raises(IsADirectoryError, match="folder"):
        write_all(tmp_path, {**dict.fromkeys(files, b"new"), "folder": b"new"})

    assert names(tmp_path) == sorted(files)
    assert {(tmp_path / name).read_bytes() for name in files} == {b"old"}


def test_many_files_have_the_permissions_of_the_user(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_all(tmp_path, {f"{number}.txt": b"%d" % number for number in range(200)})
    finally:
        os.umask(mask)

    for number in range(200):
        assert (tmp_path / f"{number}.txt").read_bytes() == b"%d" % number
        assert (tmp_path / f"{number}.txt").stat().st_mode & 0o777 == 0o640


def test_an_interruption_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)

    with pytest.raises(KeyboardInterrupt):
        write_all(tmp_path, {"a.txt": b"1"})

    assert names(tmp_path) == []
