"""What generated files hold on disk."""

from __future__ import annotations

import stat
from hashlib import sha256
from pathlib import Path

__all__ = ["content_of", "digest"]


def digest(content: bytes) -> str:
    """The digest of a file's content."""
    return sha256(content).hexdigest()


def content_of(path: Path) -> bytes | None:
    """What a generated file holds, or None if there is no such file.

    Lines end as the generator ends them: a checkout may have given them other ends. A symbolic link
    is not followed: it holds where it leads.
    """
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return f"(a symbolic link to {path.readlink()})\n".encode(errors="backslashreplace")
        content = path.read_bytes() if stat.S_ISREG(mode) else None
    except (FileNotFoundError, NotADirectoryError):  # or another run has just removed it
        return None
    return content.replace(b"\r\n", b"\n") if content and b"\r\n" in content else content
