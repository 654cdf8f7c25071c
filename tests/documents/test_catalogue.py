"""The catalogue as files: links, anchors, escaping, and what is on which page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import unquote

import pytest

from tests.documents.rendering import documents_of
from tests.projects import ROOT, TestProject

VOID = {"br", "img", "input", "link", "meta"}


class Page(HTMLParser):
    """A page: its links, its anchors and its text; a tag that is not closed is refused."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: list[str] = []
        self.headings: list[int] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.links += [values[name] for name in ("href", "src") if name in values]
        self.anchors += [values["id"]] if "id" in values else []
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


def words(page: Page) -> str:
    """The text of a page on one line."""
    return " ".join(page.text.split()).replace(" ,", ",")


def pages(documents: dict[str, str]) -> dict[str, Page]:
    """The pages of a catalogue, by path below `docs/`."""
    return {path: Page(text) for path, text in documents.items() if path.endswith(".html")}


def broken(documents: dict[str, str]) -> Iterator[str]:
    """The links that lead nowhere, or to a network."""
    found = pages(documents)
    index = re.findall(
        r'^\["\w+", "[^"]*", "[^"]*", "([^"]*)"', documents["catalogue/search.js"], re.M
    )
    links = [(path, link) for path, page in found.items() for link in page.links]
    links += [("catalogue/search.js", page) for page in index]
    assert len(index) > 10
    for path, link in links:
        target, _, anchor = link.partition("#")
        if link == "data:,":
            continue
        target = normpath(join(dirname(path), unquote(target))) if target else path
        if target not in documents or (anchor and anchor not in found[target].anchors):
            yield f"{path}: {link}"


@pytest.fixture(scope="module")
def platform() -> dict[str, str]:
    """The documents of the platform's own schemas."""
    return documents_of(ROOT)


@pytest.mark.parametrize("project", ["documents", "platform"])
def test_every_link_leads_somewhere(project: str, request: pytest.FixtureRequest) -> None:
    assert list(broken(request.getfixturevalue(project))) == []


def test_a_link_that_leads_nowhere_is_found(documents: dict[str, str]) -> None:
    more = '<a href="streams.html#nowhere">x</a><a href="//cdn">y</a>'
    index = "catalogue/index.html"
    found = list(broken({**documents, index: documents[index] + more}))
    assert found == [f"{index}: streams.html#nowhere", f"{index}: //cdn"]


@pytest.mark.parametrize("project", ["documents", "platform"])
def test_pages_are_well_formed(project: str, request: pytest.FixtureRequest) -> None:
    for path, page in pages(request.getfixturevalue(project)).items():
        assert len(page.anchors) == len(set(page.anchors)), path
        assert page.headings.count(1) == 1, path
        steps = [b - a for a, b in zip(page.headings, page.headings[1:], strict=False)]
        assert max(steps, default=0) <= 1, f"{path} leaves out a level of headings"


def test_a_network_is_never_asked(platform: dict[str, str]) -> None:
    for path, text in platform.items():
        if path.startswith("catalogue/"):
            text = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
            assert not re.search(
                r"(https?:)?//\w+\.\w|@import|url\((?!#)|fetch\(|XMLHttp", text
            ), path


def test_a_comment_is_text(documents: dict[str, str]) -> None:
    text = documents["catalogue/services/order.html"]
    assert "Takes orders, and &lt;b&gt;only&lt;/b&gt; orders" in text
    assert "&lt;/script&gt; {{ braces }}." in text
    assert "<li>An order is stored before the call returns, whatever happens then.</li>" in text
    assert "<li><code>Cancel</code> may be repeated.</li>" in text
    assert "<pre><code>an example\n  that is indented</code></pre>" in text


def test_a_page_of_a_service_tells_all_about_it(documents: dict[str, str]) -> None:
    text = words(pages(documents)["catalogue/services/order.html"])
    for fact in (
        "CreateRequest → Order",
        "POST /v1/orders PUT /v1/orders/{order.order_id}",
        "SearchRequest → stream Order",
        "Subject svc.order.v1.get.{name} Time-out 5 s",
        "Hedging another request after 20 ms, at most 2 requests",
        "Idempotency keys required, answers kept for 1 d",
        "Cache 1 min, 100 ms of it in memory, by name, until OrderChanged",
        "Concurrency 8 calls at once in an instance, 16 more wait",
        "Time-out 1 min 30 s Retries none",
        "By a wildcard report",
        "OrderChanged An order changed. evt.order.changed.v1.{order_id} ORDERS stock",
        "evt.seen.v1 not stored",
        "orders Orders by id. 5 1 d",
        "svc.shop.stock.v1.reserve",
        "svc.order.v1.get.*",
        "exactly one of the oneof payment",
        "not PROGRESS_UNSPECIFIED",
        "map<string, Money",
        "≥ 1 and < 1,000",
        "total must be above zero",
        "Used by OrderService.Create, OrderService.Search, OrderService.Import, CreateRequest",
    ):
        assert fact in text, fact


def test_types_of_several_services_have_a_page(documents: dict[str, str]) -> None:
    stock = words(pages(documents)["catalogue/types/shop.stock.v1.stock.html"])
    assert "Services of this schema: stock, report" in stock
    assert "ReserveRequest # message" in stock
    consumes = words(pages(documents)["catalogue/services/stock.html"])
    assert "stock_orders OrderChanged ORDERS 10 s at most 5 1 s, 5 s, 15 s" in consumes
    assert not any("validate" in path for path in documents)


def test_a_folder_may_have_signs_that_mean_something_in_links(tmp_path: Path) -> None:
    project = TestProject(tmp_path)
    project.replace("protonats.yaml", "documents: []\n", "")
    odd = 'syntax = "proto3";\npackage acme.odd;\n// Text:\n//\n// \tx = 1\nmessage Odd {}\n'
    project.write("proto/50%23 #1?/a b.proto", odd)
    ping = "proto/acme/ping/v1/ping.proto"
    project.replace(ping, "\nservice", '\nimport "50%23 #1?/a b.proto";\n\nservice')
    project.replace(
        ping, "message PingResponse {}", "message PingResponse { acme.odd.Odd odd = 1; }"
    )

    found = pages(documents_of(project.root))

    assert "catalogue/types/_50_23__1_.a_b.html" in found
    assert "../types/_50_23__1_.a_b.html#type-Odd" in found["catalogue/services/ping.html"].links
    assert "x = 1" in words(found["catalogue/types/_50_23__1_.a_b.html"])


def test_what_is_chosen_is_made(tmp_path: Path) -> None:
    project = TestProject(tmp_path)
    project.replace("protonats.yaml", "documents: []\n", "")
    # No method has an HTTP route, so OpenAPI has nothing to say.
    assert {path.split("/")[0] for path in documents_of(project.root)} == {
        "asyncapi",
        "catalogue",
    }
    project.write("protonats.yaml", project.read("protonats.yaml") + "documents: [asyncapi]\n")
    assert set(documents_of(project.root)) == {"asyncapi/ping.json", "asyncapi/pong.json"}
    project.replace("protonats.yaml", "[asyncapi]", "[]")
    assert documents_of(project.root) == {}


def test_a_project_without_services_has_no_documents(tmp_path: Path) -> None:
    project = TestProject(tmp_path)
    for name in ("ping", "pong"):
        project.write(f"proto/acme/{name}/v1/{name}.proto", 'syntax = "proto3";')
    assert documents_of(project.root) == {}


def test_a_service_is_called_what_it_is_called_everywhere_else(tmp_path: Path) -> None:
    project = TestProject(tmp_path)
    project.replace("protonats.yaml", "documents: []\n", "")
    project.write(
        "proto/acme/school/v1/school.proto",
        'syntax = "proto3";\n\npackage acme.school.v1;\n\n'
        "service ClassService {\n  rpc Begin(Lesson) returns (Lesson);\n}\n\nmessage Lesson {}\n",
    )

    found = pages(documents_of(project.root))

    assert "Name class Full name acme.school.v1.ClassService" in words(
        found["catalogue/services/class_.html"]
    )
    assert "class_" not in words(found["catalogue/index.html"])
