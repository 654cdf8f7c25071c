"""Templates in `extra/`, with which a project generates files of its own kinds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorResponse

from protoc_gen_nats import plugin
from tests.functional.test_templates import error
from tests.projects import ROOT, TestProject
from tests.schemas import code_generator_request

FOLDER = "codegen-templates/extra"
GO = """\
{#
  each: service
  path: go/{{ service.package }}.go
  ir: 1
#}
package {{ service.package }}

{% for method in service.methods %}
const {{ method.name }}Subject = {{ method.subject | literal }}
{% endfor %}
"""


@pytest.fixture
def project(tmp_path: Path) -> TestProject:
    """A project that names a folder of templates."""
    project = TestProject(tmp_path / "project")
    project.replace("protonats.yaml", "version: 1\n", "version: 1\ntemplates: codegen-templates\n")
    (project.root / FOLDER).mkdir(parents=True)
    return project


def test_a_template_is_rendered_for_each_service(project: TestProject) -> None:
    project.write(f"{FOLDER}/go/service.go.j2", GO)

    result = project.generate()

    assert "   wrote  generated/go/ping.go\n" in result.stdout
    assert project.read("generated/go/ping.go") == (
        'package ping\n\nconst PingSubject = "svc.acme.ping.v1.ping"\n'
    )
    assert project.read("generated/go/pong.go").startswith("package pong\n")
    assert project.drift() == []


def test_files_of_a_template_that_is_gone_are_removed(project: TestProject) -> None:
    project.write(f"{FOLDER}/service.go.j2", GO)
    project.generate()
    (project.root / FOLDER / "service.go.j2").unlink()

    done = json.loads(project.generate("--json").stdout)

    assert done["removed"] == ["generated/go/ping.go", "generated/go/pong.go"]


@pytest.mark.parametrize(
    ("each", "path", "expected"),
    [
        ("schema", "all.txt", {"all.txt": "2"}),
        (
            "file",
            "{{ file.path }}.txt",
            {"acme/ping/v1/ping.proto.txt": "3", "acme/pong/v1/pong.proto.txt": "2"},
        ),
        ("event", "{{ event.name | snake_case }}.txt", {"pinged.txt": "evt.ping.pinged.v1"}),
    ],
)
def test_what_a_template_can_be_rendered_for(
    project: TestProject, each: str, path: str, expected: dict[str, str]
) -> None:
    value = {
        "schema": "schema.services | length",
        "file": "file.messages | length",
        "event": "event.subject",
    }[each]
    project.write(f"{FOLDER}/some.j2", f"{{# each: {each}\npath: {path} #}}\n{{{{ {value} }}}}")

    project.generate()

    for name, text in expected.items():
        assert project.read(f"generated/{name}") == text


def test_a_template_without_each_is_rendered_once_and_parts_are_not(project: TestProject) -> None:
    project.write(f"{FOLDER}/_line.j2", "{{ service.name }}\n")
    project.write(
        f"{FOLDER}/names.txt.j2",
        "{# path: names.txt #}\n"
        "{% for service in schema.services %}\n"
        '{% include "extra/_line.j2" %}\n'
        "{% endfor %}\n",
    )

    project.generate()

    assert project.read("generated/names.txt") == "ping\npong\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("text", ":1:1: does not say what it writes: begin it with a comment, {# … #}, in"),
        ("{#\n each: service\n#}", ":1:1: no path: write the file that it writes, such as path:"),
        ("{#\n  pth: x\n#}", ":2:3: unknown key 'pth': did you mean 'path'?"),
        ("{# each: servce\npath: x #}", "each cannot be 'servce': did you mean 'service'?"),
        ("{#\npath: x\nir: 9\n#}", ":3:1: written for version 9 of the IR, and this is 1: see"),
        ("{#\npath: ../x\n#}", ":2:1: path is '../x': write one below the folder of generated"),
        ("{# path: /etc/x #}", "path is '/etc/x': write one below the folder of generated files"),
        ("{# path: {{ nobody }} #}", ":1:2: '{{ nobody }}': 'nobody' is undefined"),
        ("{# path: {{ 1 / 0 }} #}", ":1:2: '{{ 1 / 0 }}': ZeroDivisionError: division by zero"),
        ("{#\n  each: service\n  path: one.txt\n#}", ":3:3: one.txt is written by extra/some.j2"),
        (
            "{# path: python/acme/ping/v1/ping_nats.py #}",
            "python/acme/ping/v1/ping_nats.py is written by the generator already: choose another",
        ),
        ("{# path: x #}\n\n{{ schema.servces }}", ":3:1: Schema has no 'servces': did you mean"),
    ],
)
def test_an_error_names_the_line_of_the_template(
    project: TestProject, source: str, message: str
) -> None:
    project.write(f"{FOLDER}/some.j2", source)

    said = error(project)

    assert said.startswith(f"{FOLDER}/some.j2:")
    assert message in said


def test_two_templates_cannot_write_one_file(project: TestProject) -> None:
    """Nor two files that are one where names have no case."""
    project.write(f"{FOLDER}/a.j2", "{# path: names.txt #}")
    project.write(f"{FOLDER}/b.j2", "{# path: Names.txt #}")

    assert error(project) == (
        f"{FOLDER}/b.j2:1:2: Names.txt is written by extra/a.j2 already: choose another path"
    )


def test_the_plugin_renders_them_by_name(project: TestProject) -> None:
    project.write(f"{FOLDER}/service.go.j2", GO)
    schemas = ROOT / "tests/golden/cases/several_services/proto"

    def answer(parameter: str) -> CodeGeneratorResponse:
        request = code_generator_request(schemas, parameter)
        return CodeGeneratorResponse.FromString(plugin.run(request.SerializeToString()))

    found = answer(f"target=extra,templates={project.root / 'codegen-templates'}")
    assert not found.error
    assert found.file
    assert all(file.name.startswith("go/") for file in found.file)

    assert answer("target=extra").error == (
        "target=extra renders templates of yours: add templates=<folder>"
    )
