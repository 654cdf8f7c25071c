"""A graph of services as an SVG that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from html import escape
from typing import Final

from protoc_gen_nats.drawing.layout import Box, Layout, Line, arrange
from protoc_gen_nats.drawing.links import Link, LinkKind, Shown, shown
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.graph import Graph
from protoc_gen_nats.model import Service
from protoc_gen_nats.permissions import user_of

__all__ = ["MOST_LINKS", "draw"]

MOST_LINKS: Final = 200
"""More links than these are no picture, and would take seconds to arrange."""

_MARGIN: Final = 24
_ROW: Final = 16
_MOST_LINES: Final = 4
_WIDEST: Final = 900
"""Where the services without a link begin another row, in a picture that is no wider anyway."""

_ALONE: Final = "no named calls, and no events that a service consumes"

_STYLE: Final = """\
.pn-graph {
  --graph-ground: #ffffff; --graph-box: #f1f5f9; --graph-border: #94a3b8;
  --graph-focus: #dbeafe; --graph-focus-border: #2563eb;
  --graph-ink: #0f172a; --graph-note: #475569;
  --graph-call: #2563eb; --graph-event: #c2410c; --graph-any-call: #64748b;
  font: 13px system-ui, -apple-system, "Segoe UI", Roboto, Ubuntu, sans-serif;
}
@media (prefers-color-scheme: dark) { .pn-graph {
  --graph-ground: #0f172a; --graph-box: #1e293b; --graph-border: #64748b;
  --graph-focus: #1e3a8a; --graph-focus-border: #60a5fa;
  --graph-ink: #f1f5f9; --graph-note: #a8b5c8;
  --graph-call: #8ab4fb; --graph-event: #fdba74; --graph-any-call: #a8b5c8;
} }
.pn-graph .pn-ground { fill: var(--graph-ground); }
.pn-graph .pn-box { fill: var(--graph-box); stroke: var(--graph-border); }
.pn-graph .pn-focus { fill: var(--graph-focus); stroke: var(--graph-focus-border); }
.pn-graph .pn-focus { stroke-width: 2; }
.pn-graph .pn-name { fill: var(--graph-ink); font-weight: 600; }
.pn-graph .pn-note { fill: var(--graph-note); font-size: 11px; }
.pn-graph .pn-label { font-size: 11.5px; }
.pn-graph .pn-line { fill: none; stroke-width: 1.5; }
.pn-graph .pn-call { stroke: var(--graph-call); }
.pn-graph .pn-any_call { stroke: var(--graph-any-call); stroke-dasharray: 2 4; }
.pn-graph .pn-event { stroke: var(--graph-event); stroke-dasharray: 7 4; }
.pn-graph .pn-of-call { fill: var(--graph-call); }
.pn-graph .pn-of-any_call { fill: var(--graph-any-call); }
.pn-graph .pn-of-event { fill: var(--graph-event); }"""
_LEGEND: Final = {
    LinkKind.CALL: "calls",
    LinkKind.ANY_CALL: "may call, by a wildcard",
    LinkKind.EVENT: "events",
}


def draw(graph: Graph, *, focus: str | None = None, links: Mapping[str, str] | None = None) -> str:
    """Draws services as boxes, calls as lines and events as dashed lines, in light or dark colours
    as the viewer prefers.

    The colours are custom properties of the class `pn-graph`, so a page that holds the picture can
    give others.

    Args:
        graph: What to draw.
        focus: The name or full name of a service: then only it and its neighbours.
        links: The address that the box of a service links to, by its full name.

    Raises:
        UserError: There is no service in focus, or there are more than `MOST_LINKS` links.
    """
    what = shown(graph, focus)
    if len(what.links) > MOST_LINKS:
        raise UserError.of(
            f"{len(what.services)} services with {len(what.links)} links are no picture that"
            " anybody could read: draw one service with its neighbours (--focus NAME), or take"
            " another format"
        )
    return _Picture(what, focus, links or {}).text()


class _Picture:
    def __init__(self, what: Shown, focus: str | None, links: Mapping[str, str]) -> None:
        self._what = what
        self._focus = focus
        self._links = links

    def text(self) -> str:
        what = self._what
        alone = {service.full_name for service in what.alone}
        linked = [service for service in what.services if service.full_name not in alone]
        layout = self._arrange(linked)
        parts: list[str] = []
        for index, link in enumerate(what.links):
            parts.extend(_link(link, index, layout))
        parts.extend(
            part for one in linked for part in self._service(one, layout.boxes[one.full_name])
        )
        width, height = layout.width, layout.height
        rows, wide, high = self._alone(height, max(width, _WIDEST))
        parts.extend(rows)
        width, height = max(width, wide), max(height, high)
        legend, wide = _legend([kind for kind in LinkKind if self._has(kind)], height + 34)
        parts.extend(legend)
        width = max(width, wide)
        height += 40 if legend else 0
        return _document(parts, width, height, _title(what, self._focus))

    def _has(self, kind: LinkKind) -> bool:
        return any(link.kind is kind for link in self._what.links)

    def _arrange(self, services: Sequence[Service]) -> Layout:
        sizes: dict[Hashable, tuple[float, float]] = {
            service.full_name: self._size(service) for service in services
        }
        edges: list[tuple[Hashable, Hashable]] = []
        for index, link in enumerate(self._what.links):
            lines = _lines_of(link)
            sizes[index] = (max(map(_small, lines)) + 14, _ROW * len(lines) + 6)
            edges += [(link.source.full_name, index), (index, link.target.full_name)]
        return arrange(sizes, edges)

    def _size(self, service: Service) -> tuple[float, float]:
        return max(_bold(user_of(service)), _small(self._note(service))) + 28, 46

    def _note(self, service: Service) -> str:
        if service.full_name in self._what.call_anything:
            return "may call any service"
        counts = ((len(service.methods), "method"), (len(service.publishes), "event"))
        texts = [f"{count} {noun}{'s' * (count != 1)}" for count, noun in counts if count]
        return " · ".join(texts) or "no methods"

    def _service(self, service: Service, box: Box) -> Iterator[str]:
        kind = "pn-focus" if service.full_name == self._what.centre else "pn-box"
        address = self._links.get(service.full_name)
        if address is not None:
            yield f'<a href="{escape(address)}">'
        yield f"<g><title>{escape(_described(service))}</title>"
        size = f'width="{box.width:.0f}" height="{box.height:.0f}"'
        yield f'<rect class="{kind}" x="{box.left:.1f}" y="{box.top:.1f}" {size} rx="8"/>'
        yield _text("pn-name", box.x, box.y - 4, user_of(service))
        yield _text("pn-note", box.x, box.y + 13, self._note(service))
        yield "</g>" if address is None else "</g></a>"

    def _alone(self, top: float, widest: float) -> tuple[list[str], float, float]:
        """The services without a link in rows, and how far to the right and down they reach."""
        services = self._what.alone
        if not services:
            return [], 0.0, top
        parts = []
        x = y = right = 0.0
        if top:
            y = top + 58
            parts.append(_text("pn-note", 0, y - 14, _ALONE, "start"))
        widths = [self._size(service)[0] for service in services]
        for service, width in zip(services, widths, strict=True):
            if x and x + width > widest:
                x, y = 0.0, y + 46 + 14
            box = Box(x=x + width / 2, y=y + 23, width=width, height=46)
            parts.extend(self._service(service, box))
            right = max(right, box.right)
            x += width + 14
        return parts, right, y + 46


def _link(link: Link, index: int, layout: Layout) -> Iterator[str]:
    kind = link.kind.value
    into, out = layout.lines[2 * index], layout.lines[2 * index + 1]
    box = layout.boxes[index]
    verb = {"call": "calls", "any_call": "may call", "event": "→"}[kind]
    told = f"{user_of(link.source)} {verb} {user_of(link.target)}: {', '.join(link.texts)}"
    yield f"<g><title>{escape(told)}</title>"
    yield f'<path class="pn-line pn-{kind}" d="{_path(into)}"/>'
    yield f'<path class="pn-line pn-{kind}" d="{_path(out)}" marker-end="url(#pn-{kind})"/>'
    lines = _lines_of(link)
    for row, line in enumerate(lines):
        y = box.y + 4 + _ROW * (row - (len(lines) - 1) / 2)
        yield _text(f"pn-label pn-of-{kind}", box.x, y, line)
    yield "</g>"


def _lines_of(link: Link) -> list[str]:
    texts = list(link.texts)
    if len(texts) > _MOST_LINES:
        hidden = len(texts) - _MOST_LINES + 1
        return [*texts[: _MOST_LINES - 1], f"and {hidden} more"]
    return texts


def _path(line: Line) -> str:
    """A curve that leaves and enters each point horizontally."""
    (x, y), *rest = line.points
    parts = [f"M{x:.1f} {y:.1f}"]
    for to_x, to_y in rest:
        middle = (x + to_x) / 2
        parts.append(f"C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    return " ".join(parts)


def _legend(kinds: Sequence[LinkKind], y: float) -> tuple[list[str], float]:
    parts = []
    x = 0.0
    for kind in kinds:
        name, text = kind.value, _LEGEND[kind]
        line = f'd="M{x:.0f} {y:.0f}h30" marker-end="url(#pn-{name})"'
        parts.append(f'<path class="pn-line pn-{name}" {line}/>')
        parts.append(_text("pn-note", x + 40, y + 4, text, "start"))
        x += 40 + _small(text) + 28
    return parts, x


def _text(classes: str, x: float, y: float, text: str, anchor: str = "middle") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{classes}" {place}>{escape(text)}</text>'


def _title(what: Shown, focus: str | None) -> str:
    about = f"{focus} and its neighbours" if focus else f"{len(what.services)} services"
    return f"Calls and events of {about}"


def _described(service: Service) -> str:
    return f"{service.full_name}\n{service.description}".strip()


def _bold(text: str) -> float:
    """About how wide a service's name is, in the widest of the fonts."""
    return 8.1 * len(text)


def _small(text: str) -> float:
    return 6.6 * len(text)


def _document(parts: Sequence[str], width: float, height: float, title: str) -> str:
    wide, high = round(width + 2 * _MARGIN), round(height + 2 * _MARGIN)
    heads = [
        f'<marker id="pn-{kind.value}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8"'
        f' markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path class="pn-of-{kind.value}" d="M0 0L8 4L0 8z"/></marker>'
        for kind in LinkKind
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="pn-graph" role="img"'
            f' viewBox="0 0 {wide} {high}" width="{wide}" height="{high}">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{_STYLE}\n</style>",
            "<defs>",
            *heads,
            "</defs>",
            '<rect class="pn-ground" width="100%" height="100%"/>',
            f'<g transform="translate({_MARGIN} {_MARGIN})">',
            *parts,
            "</g>",
            "</svg>",
            "",
        ]
    )
