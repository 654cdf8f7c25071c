"""The rules of a Dockerfile: what hadolint finds, and what it has no rule for."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator

from tests.platform.tools import tool

__all__ = ["problems_of"]

_SECRET = re.compile(r"(PASSWORD|SECRET|TOKEN|SEED|CREDS|PRIVATE|API_KEY)\w*=", re.IGNORECASE)
_LABELS = ("title", "description", "version", "revision", "source", "base.name")


def problems_of(dockerfile: str) -> list[str]:
    """What is wrong with a Dockerfile: the number of a rule of hadolint, or a sentence."""
    command = [tool("hadolint"), "--format=json", "--no-fail", "-"]
    told = subprocess.run(command, input=dockerfile, capture_output=True, text=True, check=True)
    return [*(one["code"] for one in json.loads(told.stdout)), *_own(dockerfile)]


def _own(dockerfile: str) -> Iterator[str]:
    lines = dockerfile.replace("\\\n", " ").splitlines()
    instructions = [line.split(maxsplit=1) for line in lines if line and line[0] not in "# \t"]
    last = max(n for n, words in enumerate(instructions) if words[0] == "FROM")
    final = [(name, text) for name, text in instructions[last + 1 :]]
    bases = [
        text for name, text in instructions if name == "ARG" and text.startswith("BASE_IMAGE=")
    ]
    if not bases or not re.search(r"@sha256:|:(?!latest$)[\w.-]+$", bases[0]):
        yield "its base may be another one tomorrow"
    users = [text for name, text in final if name == "USER"]
    if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
        yield "it does not run as a user and a group with numbers, which are not root"
    if not any(
        name == "HEALTHCHECK" and text.partition("CMD ")[2][:1] == "[" for name, text in final
    ):
        yield "it has no health check, or one that needs a shell"
    if not any(name == "ENTRYPOINT" and text.startswith("[") for name, text in final):
        yield "its program is not what signals reach: its entry point needs a shell"
    if any(name in ("ENV", "ARG") and _SECRET.search(text) for name, text in instructions):
        yield "a secret would stay in the image"
    if any(name == "ADD" or "://" in text for name, text in instructions):
        yield "its build needs a network"
    if any(name == "COPY" and text.split()[0] in (".", "./") for name, text in instructions):
        yield "it copies all that there is"
    installs = [text for name, text in instructions if name == "RUN" and "pip " in text]
    if any("--no-index" not in text or "--require-hashes" not in text for text in installs):
        yield "it installs what nobody has locked"
    labels = " ".join(text for name, text in final if name == "LABEL")
    for label in _LABELS:
        if f"org.opencontainers.image.{label}=" not in labels:
            yield f"it has no label {label}"
    if not any(name == "COPY" and "/usr/share/sbom/" in text for name, text in final):
        yield "it has no list of its packages"
    if not any(name == "RUN" and re.search(r"--check|import ", text) for name, text in final):
        yield "it is not loaded once where it is built"
    if any(name == "RUN" and "pip " in text for name, text in final):
        yield "what installs packages stays in it"
