"""The user of a service, which generator and runtime name by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from protoc_gen_nats.graph import Graph
from protoc_gen_nats.permissions import permissions_of, user_of
from protoc_gen_nats.project.project import Project
from protonats._process import names
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

    assert user_of(service) == names.user_of(service.full_name, service.name) == user
    assert f"_INBOX.{user}.>" in permissions.subscribe


@pytest.mark.parametrize("audit", ["true", "false"])
def test_a_service_writes_the_records_of_its_own_calls_alone(tmp_path: Path, audit: str) -> None:
    project = TestProject(tmp_path)
    project.replace("protonats.yaml", "streams:", "streams:\n  AUDIT:\n    subjects: [audit.>]")
    option = f"option (protonats.v1.method) = {{audit: {audit}}};"
    project.replace(
        "proto/acme/ping/v1/ping.proto", "(PingResponse);", f"(PingResponse) {{{option}}}"
    )
    schema, manifest = Project(tmp_path).schema(), Project(tmp_path).manifest()

    granted = {
        service.name: [
            subject
            for subject in permissions_of(service, schema, Graph.of(schema), manifest).publish
            if subject.startswith("audit.")
        ]
        for service in schema.services
    }

    assert granted == {"ping": ["audit.acme.ping.*"] if audit == "true" else [], "pong": []}
