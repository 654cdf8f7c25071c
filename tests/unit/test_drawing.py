"""Where boxes and lines stand, and what a picture is made of."""

from __future__ import annotations

import xml.etree.ElementTree as xml
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protoc_gen_nats.building.schema import build
from protoc_gen_nats.drawing.layout import arrange
from protoc_gen_nats.drawing.svg import MOST_LINKS, draw
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.graph import Call, Graph
from tests.projects import PONG
from tests.schemas import code_generator_request, write_schema

SIZE = (100.0, 40.0)
SVG = "{http://www.w3.org/2000/svg}"


def test_nothing_takes_no_room() -> None:
    layout = arrange({}, [])

    assert (layout.boxes, layout.lines, layout.width, layout.height) == ({}, [], 0.0, 0.0)


def test_a_line_leads_from_edge_to_edge_of_a_box_further_right() -> None:
    layout = arrange({"a": SIZE, "b": SIZE}, [("a", "b")])

    a, b = layout.boxes["a"], layout.boxes["b"]
    assert (a.left, a.top) == (0, 0)
    assert b.left > a.right
    assert layout.lines[0].points == ((a.right, a.y), (b.left, b.y))


def test_a_cycle_leads_back_once() -> None:
    layout = arrange({"a": SIZE, "b": SIZE}, [("a", "b"), ("b", "a")])

    there, back = (line.points for line in layout.lines)
    assert there[0][0] < there[-1][0]
    assert back[0][0] > back[-1][0]
    assert there[0] != back[-1]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25, unique=True))
def test_any_graph_is_arranged_without_overlaps(pairs: list[tuple[int, int]]) -> None:
    sizes: dict[Hashable, tuple[float, float]] = {
        number: (40.0 + 9 * number, 20.0 + number) for number in range(10)
    }
    edges: list[tuple[Hashable, Hashable]] = [pair for pair in pairs if pair[0] != pair[1]]

    layout = arrange(sizes, edges)

    boxes = list(layout.boxes.values())
    assert len(boxes) == 10
    for index, one in enumerate(boxes):
        assert one.left >= -0.01
        assert one.right <= layout.width + 0.01
        assert one.top >= -0.01
        assert one.bottom <= layout.height + 0.01
        for other in boxes[index + 1 :]:
            apart = max(other.left - one.right, one.left - other.right)
            assert max(apart, other.top - one.bottom, one.top - other.bottom) > -0.01
    for (source, target), line in zip(edges, layout.lines, strict=True):
        for (x, y), box in (
            (line.points[0], layout.boxes[source]),
            (line.points[-1], layout.boxes[target]),
        ):
            assert min(abs(x - box.left), abs(x - box.right)) < 0.01
            assert box.top <= y <= box.bottom


def star(tmp_path: Path, callers: int) -> Graph:
    """A service that many others call."""
    write_schema(tmp_path, "acme/pong/v1/pong.proto", PONG)
    request = code_generator_request(tmp_path)
    (pong,) = build(request.proto_file, request.file_to_generate, complete=True).services
    others = [
        replace(pong, name=f"caller_{number}", full_name=f"acme.c{number}.v1.Caller", methods=())
        for number in range(callers)
    ]
    calls = [
        Call(caller=one, callee=pong, methods=pong.methods, whole=True, wildcard=False)
        for one in others
    ]
    return Graph(services=(pong, *others), calls=tuple(calls), flows=())


def test_boxes_are_links_where_a_page_says_so(tmp_path: Path) -> None:
    picture = xml.fromstring(
        draw(star(tmp_path, 2), links={"acme.pong.v1.PongService": 'pong.html?a=1&b="2"'})
    )

    assert [link.attrib["href"] for link in picture.iter(f"{SVG}a")] == ['pong.html?a=1&b="2"']


def test_as_many_links_as_a_picture_takes_are_drawn(tmp_path: Path) -> None:
    picture = xml.fromstring(draw(star(tmp_path, MOST_LINKS), focus="pong"))

    heads = [line for line in picture.iter(f"{SVG}path") if "marker-end" in line.attrib]
    assert len(heads) == MOST_LINKS + 1  # and the legend


def test_more_are_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        draw(star(tmp_path, MOST_LINKS + 1))

    assert str(raised.value) == (
        "202 services with 201 links are no picture that anybody could read: draw one service with"
        " its neighbours (--focus NAME), or take another format"
    )
