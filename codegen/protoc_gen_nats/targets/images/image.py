"""What an image holds, and how that is written in a Dockerfile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

__all__ = ["Copy", "Image", "wheels_of"]

WHEELS = "build/wheels"
"""The folder that `protonats wheels` writes to."""

_PLAIN = re.compile(r"[\w./@:+-]+")


def wheels_of(requirements: str) -> str:
    """The folder with the wheels of a file with requirements: `build/wheels/requirements/services`,
    relative to the manifest."""
    return f"{WHEELS}/{requirements.removesuffix('.txt')}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """Files or folders of the project that an image holds."""

    sources: tuple[str, ...]
    """Relative to the manifest."""

    destination: str
    """Where they are in the image; of several it ends in a `/`."""

    @property
    def instruction(self) -> str:
        """The instruction of a Dockerfile."""
        words = [*self.sources, self.destination]
        if all(map(_PLAIN.fullmatch, words)):
            return f"COPY {' '.join(words)}"
        return f"COPY {json.dumps(words, ensure_ascii=False)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """One image."""

    name: str
    title: str
    """One line about it."""

    version: str
    base: str
    """The image that it begins with."""

    requirements: str
    """The file with its packages, relative to the manifest."""

    build_requirements: str
    """The same of what lists them."""

    removed: tuple[str, ...]
    """What is installed and not needed, relative to the environment."""

    copies: tuple[Copy, ...]
    checks: tuple[str, ...]
    """Commands that fail where something is missing."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    """The command that says whether a container is well; none: nothing does."""

    port: int = 0
    """Where it answers that, and what it is scraped at; 0: nowhere."""

    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables of its own, and their values."""

    volumes: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Where its Dockerfile is, below the folder of generated files."""
        return f"deploy/images/{self.name}"

    @property
    def wheels(self) -> str:
        """The folder with its packages."""
        return wheels_of(self.requirements)

    @property
    def build_wheels(self) -> str:
        """The folder with what lists them."""
        return wheels_of(self.build_requirements)

    @property
    def context(self) -> Iterator[str]:
        """All of the project that its build reads."""
        yield from (self.wheels, self.build_wheels, f"generated/{self.folder}/component.toml")
        for copy in self.copies:
            yield from (source.rstrip("/") for source in copy.sources)

    @property
    def label(self) -> str:
        """Its title, quoted for a Dockerfile."""
        return quoted(self.title)

    def exec(self, words: Iterable[str]) -> str:
        """A command in the form that no shell reads."""
        return json.dumps(list(words), ensure_ascii=False)


def quoted(text: str) -> str:
    """A text in the quotes of a Dockerfile, where nothing of it is a variable or an end."""
    escaped = re.sub(r'([\\"$])', r"\\\1", " ".join(text.split()))
    return f'"{escaped}"'


def by_folder(root: str, paths: Iterable[str], destination: str) -> Iterator[Copy]:
    """One copy for each folder below `root` that has some of the paths."""
    folders: dict[str, list[str]] = {}
    for path in paths:
        folders.setdefault(str(PurePosixPath(path).parent), []).append(f"{root}/{path}")
    for folder, sources in folders.items():
        below = "" if folder == "." else f"{folder}/"
        yield Copy(sources=tuple(sources), destination=f"{destination}/{below}")
