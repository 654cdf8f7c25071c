"""The user of a service, which generator and runtime name by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from protoc_gen_nats.graph import Graph
from protoc_gen_nats.permissions import permissions_of, user_of
from protoc_gen_nats.project.project import Project
from protonats._codegen import ServiceInfo
from protonats.serve import _name_of
from tests.projects import TestProject

SCHEMA = 'syntax = "proto3";\npackage {};\nservice NightService {{{}}}\nmessage Word {{}}\n'
METHOD = "rpc Say(Word) returns (Word);"


@pytest.mark.parametrize("methods", ["", METHOD])
@pytest.mark.parametrize(
    ("package", "user"),
    [
        ("acme.night", "night"),
        ("acme.night.v1", "night"),
        ("acme.night.v1beta1", "night_v1beta1"),
        ("acme.night.v2", "night_v2"),
    ],
)
def test_a_process_begins_as_the_user_that_is_granted_its_permissions(
    tmp_path: Path, package: str, user: str, methods: str
) -> None:
    project = TestProject(tmp_path)
    project.write("proto/acme/night.proto", SCHEMA.format(package, methods))
    schema, manifest = Project(tmp_path).schema(), Project(tmp_path).manifest()
    (service,) = (one for one in schema.services if one.proto_name == "NightService")

    permissions = permissions_of(service, schema, Graph.of(schema), manifest)

    info = ServiceInfo(
        name=service.name,
        version=service.version,
        description=service.description,
        full_name=service.full_name,
        domain=service.domain,
        methods=(),
    )
    assert user_of(service) == _name_of(info) == user
    assert f"_INBOX.{user}.>" in permissions.subscribe
