"""Text for people: comments as HTML, times and sizes in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

__all__ = ["comment_html", "duration_text", "plain_text", "size_text", "summary_html"]

_CODE = re.compile(r"`([^`\n]+)`")
_BLOCK = re.compile(r"\n[ \t]*\n")
_ITEM = re.compile(r"[-*] +")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def comment_html(comment: str) -> Markup:
    """A comment with its paragraphs, lists (`- `), code blocks (indented) and `code`.

    Everything else is text: what looks like HTML is shown as it is written.
    """
    if not comment:
        return Markup()
    if "\n" not in comment:
        return Markup(f"<p>{_inline(comment)}</p>")
    return Markup("".join(_blocks(comment)))


def summary_html(comment: str) -> Markup:
    """The first paragraph of a comment on one line."""
    return Markup(_inline(" ".join(_BLOCK.split(comment, 1)[0].split())))


def plain_text(comment: str) -> str:
    """A comment on one line, without signs."""
    return " ".join(comment.replace("`", "").split())


def _blocks(comment: str) -> Iterator[str]:
    for block in _BLOCK.split(comment.strip("\n")):
        lines = block.split("\n")
        if all(line.startswith(("    ", "\t")) for line in lines):
            code = escape("\n".join(line.expandtabs(4)[4:] for line in lines))
            yield f"<pre><code>{code}</code></pre>"
            continue
        text = [line for line in lines if line.strip()]
        first = next((i for i, line in enumerate(text) if _ITEM.match(line)), len(text))
        if first:
            yield f"<p>{_inline(' '.join(line.strip() for line in text[:first]))}</p>"
        if first < len(text):
            yield "<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in _items(text[first:]))
            yield "</ul>"


def _items(lines: list[str]) -> Iterator[str]:
    """The items of a list, each with the lines that go on with it."""
    item = ""
    for line in lines:
        if match := _ITEM.match(line):
            if item:
                yield item
            item = line[match.end() :]
        else:
            item += f" {line.strip()}"
    yield item


def _inline(text: str) -> str:
    escaped = str(escape(text))
    return _CODE.sub(r"<code>\1</code>", escaped) if "`" in escaped else escaped


def duration_text(seconds: float) -> str:
    """A time in the largest units that give a whole number: `50 ms`, `5 s`, `1 h 30 min`."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:g} ms"
    if seconds != int(seconds):
        return f"{seconds:g} s"
    rest, parts = int(seconds), []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"


def size_text(size: int) -> str:
    """A number of bytes in the largest unit that gives a whole number."""
    for unit in ("B", "KiB", "MiB"):
        if size % 1024 or not size:
            return f"{size} {unit}"
        size //= 1024
    return f"{size} GiB"
