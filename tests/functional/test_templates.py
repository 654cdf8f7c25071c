"""Templates of a project, which come before the built-in ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorResponse

from protoc_gen_nats import plugin
from tests.projects import ROOT, TestProject
from tests.schemas import code_generator_request

STUB = "generated/python/acme/ping/v1/ping_nats.py"
TEMPLATE = "codegen-templates/python/services.py.j2"
CHILD = '{% extends "builtin:python/services.py.j2" %}\n'


@pytest.fixture
def project(tmp_path: Path) -> TestProject:
    """A project that names a folder of templates."""
    project = TestProject(tmp_path / "project")
    project.replace("protonats.yaml", "version: 1\n", "version: 1\ntemplates: codegen-templates\n")
    (project.root / "codegen-templates").mkdir()
    return project


def error(project: TestProject) -> str:
    """What `protonats generate` says, which writes nothing."""
    before = project.files()
    result = project.command("generate")
    assert (result.exit_code, result.stdout) == (1, "")
    assert project.files() == before
    return result.stderr.removeprefix("error: ").removesuffix("\n")


def test_a_file_of_the_same_path_replaces_a_template(project: TestProject) -> None:
    project.write(TEMPLATE, "# {{ path }}: {{ services[0].full_name }}\n")

    project.generate()

    assert project.read(STUB) == "# acme/ping/v1/ping.proto: acme.ping.v1.PingService\n"


def test_a_block_replaces_a_part(project: TestProject) -> None:
    project.generate()
    before = project.read(STUB)
    project.write(
        TEMPLATE,
        CHILD + "{% block client %}\n{{ super() }}"
        "    # {{ service.full_name }} has {{ service.methods | length }}.\n{% endblock %}\n",
    )

    project.generate()

    point = "    # @@protoc_insertion_point(class_scope:acme.ping.v1.PingServiceClient)\n"
    assert project.read(STUB) == before.replace(
        f"{point}", f"{point}    # acme.ping.v1.PingService has 1.\n"
    )


def test_every_part_of_a_services_module_is_a_block() -> None:
    source = (ROOT / "templates/python/services.py.j2").read_text()

    for block in ("imports", "methods", "events", "client", "server", "publisher"):
        assert f"{{% block {block}" in source


def test_scaffolds_and_parts_of_ones_own_are_templates_too(project: TestProject) -> None:
    project.write("codegen-templates/scaffold/_head.j2", "# Ours, {{ service.full_name }}.\n")
    project.write(
        "codegen-templates/scaffold/__init__.py.j2",
        '{% include "scaffold/_head.j2" %}\n{% include "builtin:scaffold/__init__.py.j2" %}\n',
    )

    project.generate()

    assert project.read("services/ping/__init__.py") == (
        '# Ours, acme.ping.v1.PingService.\n"""The implementation of acme.ping.v1.PingService."""\n'
    )


def test_a_change_of_a_template_is_drift(project: TestProject) -> None:
    project.generate()

    project.write(TEMPLATE, CHILD + "{% block publisher %}{% endblock %}\n")

    assert ("changed", STUB) in project.drift()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("\n{{ servces }}", ":2:1: 'servces' is not defined: did you mean 'services'?"),
        ("{% for each in services %}{{ eech.name }}{% endfor %}", "did you mean 'each'?"),
        ("{{ services[0].fullname }}", ":1:1: ServiceView has no 'fullname': did you mean"),
        ("\n\n{{ path | docstrng }}", ":3:1: no filter 'docstrng': did you mean 'docstring'?"),
        ("{% if path %}\n{% endfr %}\n", ":2:1: Encountered unknown tag 'endfr'."),
        ("{{ 1 / 0 }}", ":1:1: ZeroDivisionError: division by zero"),
        ('\n{% include "python/_hed.j2" %}', ":2:1: no template 'python/_hed.j2': did you mean"),
        ('{% extends "builtin:python/none.j2" %}', ":1:1: no template 'builtin:python/none.j2'"),
        ('{% include "../protonats.yaml" %}', ":1:1: no template '../protonats.yaml'"),
        (CHILD + "{% block client %}\n{{ servce }}{% endblock %}", ":3:1: 'servce' is not defined"),
    ],
)
def test_an_error_names_the_line_of_the_template(
    project: TestProject, source: str, message: str
) -> None:
    project.write("codegen-templates/python/_head.j2", "")
    project.write(TEMPLATE, source)

    said = error(project)

    assert said.startswith(f"{TEMPLATE}:")
    assert message in said
    assert said.count("\n") == 0


def test_an_error_in_a_part_names_the_part(project: TestProject) -> None:
    project.write("codegen-templates/python/_head.j2", "\n{{ nobody }}\n")
    project.write(TEMPLATE, '{% include "python/_head.j2" %}\n')

    assert error(project).startswith("codegen-templates/python/_head.j2:2:1: 'nobody' is not")


def test_a_template_in_another_encoding_is_an_error(project: TestProject) -> None:
    project.write(TEMPLATE, "")
    (project.root / TEMPLATE).write_bytes(b"# caf\xe9\n")

    assert error(project) == f"{TEMPLATE}: not UTF-8 at byte 6: save it as UTF-8"


def test_a_template_that_replaces_none_is_an_error(project: TestProject) -> None:
    project.write("codegen-templates/python/service.py.j2", "")

    assert error(project) == (
        "codegen-templates/python/service.py.j2: replaces no built-in template: did you mean"
        " 'python/services.py.j2'? Parts of your own begin with `_`"
    )


def test_a_folder_that_is_none_is_an_error(project: TestProject) -> None:
    project.replace("protonats.yaml", "codegen-templates", "template")

    assert error(project) == ("protonats.yaml:2:1: templates names 'template', which is no folder")


def test_the_plugin_takes_templates_too(project: TestProject) -> None:
    folder = project.root / "codegen-templates"
    project.write(TEMPLATE, "# {{ path }}\n")
    schemas = ROOT / "tests/golden/cases/several_services/proto"

    def answer(parameter: str) -> CodeGeneratorResponse:
        request = code_generator_request(schemas, parameter)
        return CodeGeneratorResponse.FromString(plugin.run(request.SerializeToString()))

    replaced = answer(f"templates={folder}")
    (stub,) = (file for file in replaced.file if file.name.endswith("_nats.py"))
    assert stub.content.startswith("# acme/")
    assert stub.content.count("\n") == 1

    assert answer("templates=/nowhere").error == (
        "--nats_opt: templates names '/nowhere', which is no folder"
    )
    project.write(TEMPLATE, "{{ pth }}\n")
    assert answer(f"templates={folder}").error == (
        f"{folder}/python/services.py.j2:1:1: 'pth' is not defined: did you mean 'path'?"
    )
