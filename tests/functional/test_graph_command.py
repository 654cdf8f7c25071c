"""`protonats graph`: the same graph as text, picture, Graphviz, Mermaid and JSON."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from tests.projects import ROOT, TestProject, environment

SVG = "{http://www.w3.org/2000/svg}"
CALLER = """\
syntax = "proto3";

package acme.front.v1;

import "protonats/v1/options.proto";

service FrontService {
  option (protonats.v1.service) = {
    calls: ["acme.ping.v1.PingService.Ping", "acme.pong.v1.PongService"]
    consumes: {durable: "front_pings", events: "acme.ping.v1.Pinged"}
  };
}

service AnyService {
  option (protonats.v1.service) = {calls: "*", wildcard_reason: "passes calls on"};
}

service AloneService {}
"""


@pytest.fixture
def project(tmp_path: Path) -> TestProject:
    project = TestProject(tmp_path / "project")
    project.write("proto/acme/front/v1/front.proto", CALLER)
    project.replace("protonats.yaml", "[evt.ping.>]", "[evt.ping.>, dlq.>]")
    return project


def printed(project: TestProject, *arguments: str) -> str:
    result = project.command("graph", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_text_shows_both_ends_of_everything(project: TestProject) -> None:
    assert printed(project) == """\
front
├─ calls ping: Ping
├─ calls pong: any method
└─ events of ping: Pinged
any
└─ may call any service: by a wildcard
alone
ping
├─ events to front: Pinged
└─ called by front: Ping
pong
└─ called by front: any method
"""


def test_a_focus_shows_a_service_and_its_neighbours(project: TestProject) -> None:
    assert printed(project, "--focus", "PongService") == """\
front
└─ calls pong: any method
any
├─ may call any service: by a wildcard
└─ may call pong: any method
pong
├─ called by front: any method
└─ may be called by any: any method
"""


def test_graphviz_and_mermaid(project: TestProject) -> None:
    assert printed(project, "--format", "dot") == """\
digraph services {
  rankdir=LR;
  node [shape=box, style="rounded"];
  "front";
  "any";
  "alone";
  "ping";
  "pong";
  "front" -> "ping" [label="Ping", style=solid];
  "front" -> "pong" [label="any method", style=solid];
  "ping" -> "front" [label="Pinged", style=dashed];
}
"""
    assert printed(project, "--format", "mermaid") == """\
flowchart LR
  s0["front"]
  s1["any"]
  s2["alone"]
  s3["ping"]
  s4["pong"]
  s0 -->|"Ping"| s3
  s0 -->|"any method"| s4
  s3 -.->|"Pinged"| s0
"""


def test_json_has_full_names(project: TestProject) -> None:
    value = json.loads(printed(project, "--format", "json"))

    assert [one["name"] for one in value["services"] if one["calls_anything"]] == ["any"]
    assert value["calls"] == [
        {
            "caller": "acme.front.v1.FrontService",
            "callee": "acme.ping.v1.PingService",
            "methods": ["Ping"],
            "wildcard": False,
        },
        {
            "caller": "acme.front.v1.FrontService",
            "callee": "acme.pong.v1.PongService",
            "methods": "any",
            "wildcard": False,
        },
    ]
    assert value["events"] == [
        {
            "publisher": "acme.ping.v1.PingService",
            "consumer": "acme.front.v1.FrontService",
            "events": ["Pinged"],
        }
    ]


def test_a_file_is_written_in_the_format_of_its_name(project: TestProject, tmp_path: Path) -> None:
    target = tmp_path / "services.svg"
    result = project.command("graph", "--output", str(target))

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"wrote {target}\n")
    assert xml.fromstring(target.read_text()).tag == f"{SVG}svg"


def test_two_versions_are_two_services(project: TestProject) -> None:
    schema = project.read("proto/acme/pong/v1/pong.proto").replace("acme.pong.v1", "acme.pong.v2")
    project.write("proto/acme/pong/v2/pong.proto", schema)

    assert printed(project, "--focus", "pong_v2").splitlines()[-2:] == [
        "pong_v2",
        "└─ may be called by any: any method",
    ]
    ambiguous = project.command("graph", "--focus", "PongService")
    assert ambiguous.stderr == (
        "error: 'PongService' may be acme.pong.v1.PongService or acme.pong.v2.PongService: write"
        " one of these\n"
    )


def test_an_unknown_focus_is_refused(project: TestProject) -> None:
    result = project.command("graph", "--focus", "pogn")

    assert result.exit_code == 1
    assert result.stderr == "error: no service is called 'pogn': did you mean 'pong'?\n"


def test_the_platform_is_drawn_without_overlaps_and_the_same_everywhere(tmp_path: Path) -> None:
    pictures = []
    for seed in ("1", "2"):
        code = "from protoc_gen_nats.launch import protonats; protonats()"
        command = [sys.executable, "-c", code, "graph", "--format", "svg"]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment(PYTHONHASHSEED=seed),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        pictures.append(done.stdout)
    assert pictures[0] == pictures[1]

    picture = xml.fromstring(pictures[0])
    boxes = [
        tuple(float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        for box in picture.iter(f"{SVG}rect")
        if box.attrib["class"] == "pn-box"
    ]
    assert len(boxes) == 22
    for index, (x, y, width, height) in enumerate(boxes):
        for left, top, wide, high in boxes[index + 1 :]:
            assert x + width <= left or left + wide <= x or y + height <= top or top + high <= y
    styles = picture.findtext(f"{SVG}style") or ""
    assert "@media (prefers-color-scheme: dark)" in styles
    used = set(re.findall(r'class="([^"]+)"', pictures[0]))
    assert all(f".{name}" in styles for names in used for name in names.split())
