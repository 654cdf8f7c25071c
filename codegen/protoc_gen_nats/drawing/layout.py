"""Where boxes and lines stand: in columns from left to right, with few crossings.

The columns are Sugiyama's, by grandalf. The same input gives the same numbers on every machine.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Box", "Layout", "Line", "Point", "arrange"]

Point = tuple[float, float]

_BETWEEN_COLUMNS: Final = 34
_BETWEEN_ROWS: Final = 16
_BETWEEN_PARTS: Final = 30
_ROUNDS: Final = 8
"""How often the order within the columns is improved, down and up again."""

_LANE: Final = 10
"""How much room a line needs that passes a column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A rectangle, by its centre."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        """Its left edge."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        """Its upper edge."""
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Line:
    """The points that a line goes through, from the edge of a box to the edge of another."""

    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """An arrangement, from the point 0, 0 on."""

    boxes: Mapping[Hashable, Box]
    lines: Sequence[Line]
    """In the order of the edges."""

    width: float
    height: float


def arrange(
    sizes: Mapping[Hashable, tuple[float, float]], edges: Sequence[tuple[Hashable, Hashable]]
) -> Layout:
    """Arranges boxes, those that edges lead to in columns further right; a cycle leads back once.

    Args:
        sizes: Width and height of each box.
        edges: From which box to which other; each pair at most once.
    """
    # Imported here: commands that draw nothing do not pay for it.
    from grandalf.graphs import Edge, Graph, Vertex

    vertices: dict[Hashable, Any] = {key: Vertex(key) for key in sizes}
    for key, (width, height) in sizes.items():
        # grandalf draws from top to bottom; with the axes swapped it is left to right.
        vertices[key].view = _View(height, width)
    against = _backward(sizes, edges)
    drawn: list[Any] = []
    for index, (source, target) in enumerate(edges):
        ends = (target, source) if index in against else (source, target)
        edge: Any = Edge(vertices[ends[0]], vertices[ends[1]])
        edge.view = _Path()
        drawn.append(edge)
    top = width = 0.0
    boxes: dict[Hashable, Box] = {}
    shifts: dict[Hashable, Point] = {}
    for part in Graph(list(vertices.values()), drawn).C:
        _place(part)
        found = {vertex.data: _box(vertex.view) for vertex in part.sV}
        left = min(box.left for box in found.values())
        upper = min(box.top for box in found.values())
        for key, box in found.items():
            shifts[key] = (-left, top - upper)
            boxes[key] = Box(
                x=box.x - left, y=box.y + top - upper, width=box.width, height=box.height
            )
        top = max(boxes[key].bottom for key in found) + _BETWEEN_PARTS
        width = max(width, *(boxes[key].right for key in found))
    lines = _lines(edges, drawn, against, boxes, shifts)
    return Layout(boxes=boxes, lines=lines, width=width, height=max(0.0, top - _BETWEEN_PARTS))


class _View:
    """What grandalf wants of a vertex."""

    def __init__(self, w: float, h: float) -> None:
        self.w = w
        self.h = h
        self.xy = (0.0, 0.0)


class _Path:
    """What grandalf wants of an edge."""

    def __init__(self) -> None:
        self.points: list[Point] = []

    def setpath(self, points: Iterable[Point]) -> None:
        """Called with the centres of both vertices, and where the edge passes the columns between
        them."""
        self.points = list(points)


def _place(part: Any) -> None:
    from grandalf.layouts import SugiyamaLayout

    if len(part.sV) == 1:
        return
    layout = SugiyamaLayout(part)
    layout.xspace, layout.yspace = _BETWEEN_ROWS, _BETWEEN_COLUMNS
    layout.dw, layout.dh = _LANE, _LANE
    layout.init_all(roots=[v for v in part.sV if not v.e_in()], inverted_edges=[], optimize=True)
    layout.draw(_ROUNDS)


def _box(view: _View) -> Box:
    return Box(x=view.xy[1], y=view.xy[0], width=view.h, height=view.w)


def _backward(
    keys: Iterable[Hashable], edges: Sequence[tuple[Hashable, Hashable]]
) -> frozenset[int]:
    """The edges, by index, that close a cycle when the boxes are visited in their order."""
    onward: dict[Hashable, list[tuple[int, Hashable]]] = {key: [] for key in keys}
    entered = set()
    for index, (source, target) in enumerate(edges):
        onward[source].append((index, target))
        entered.add(target)
    found, state = set(), dict.fromkeys(onward, "new")
    for start in sorted(onward, key=lambda key: key in entered):
        if state[start] != "new":
            continue
        state[start] = "open"
        stack = [(start, iter(onward[start]))]
        while stack:
            key, rest = stack[-1]
            for index, target in rest:
                if state[target] == "open":
                    found.add(index)
                elif state[target] == "new":
                    state[target] = "open"
                    stack.append((target, iter(onward[target])))
                    break
            else:
                state[key] = "done"
                stack.pop()
    return frozenset(found)


def _lines(
    edges: Sequence[tuple[Hashable, Hashable]],
    drawn: Sequence[Any],
    against: frozenset[int],
    boxes: Mapping[Hashable, Box],
    shifts: Mapping[Hashable, Point],
) -> list[Line]:
    middles: list[list[Point]] = []
    for index, ((source, _), edge) in enumerate(zip(edges, drawn, strict=True)):
        dx, dy = shifts[source]
        inner = [(y + dx, x + dy) for x, y in edge.view.points[1:-1]]
        middles.append(inner[::-1] if index in against else inner)
    sides = _Sides(edges, against, boxes, middles)
    return [
        Line((sides.at(index), *inner, sides.at(index, end=True)))
        for index, inner in enumerate(middles)
    ]


class _Sides:
    """Where lines touch the left and right edges of the boxes: side by side, in the order of where
    they come from."""

    def __init__(
        self,
        edges: Sequence[tuple[Hashable, Hashable]],
        against: frozenset[int],
        boxes: Mapping[Hashable, Box],
        middles: Sequence[Sequence[Point]],
    ) -> None:
        self._places: dict[tuple[int, bool], Point] = {}
        touching: dict[tuple[Hashable, bool], list[tuple[float, int, bool]]] = {}
        for index, (source, target) in enumerate(edges):
            inner = middles[index]
            first = inner[0][1] if inner else boxes[target].y
            last = inner[-1][1] if inner else boxes[source].y
            backward = index in against
            touching.setdefault((source, not backward), []).append((first, index, False))
            touching.setdefault((target, backward), []).append((last, index, True))
        for (key, on_the_right), lines in touching.items():
            box = boxes[key]
            x = box.right if on_the_right else box.left
            gap = min(8.0, (box.height - 12) / max(1, len(lines) - 1))
            for place, (_, index, end) in enumerate(sorted(lines)):
                y = box.y + gap * (place - (len(lines) - 1) / 2)
                self._places[index, end] = (x, y)

    def at(self, index: int, *, end: bool = False) -> Point:
        """Where the line of an edge begins, or ends."""
        return self._places[index, end]
