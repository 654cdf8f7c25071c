"""The schemas of a team that comes from gRPC, none of them changed: no option of ours, no
`protonats` anywhere in them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from protonats.testing import EmbeddedNats
from tests.projects import TestProject, run

GREETER = """\
syntax = "proto3";

option java_multiple_files = true;
option java_package = "io.grpc.examples.helloworld";
option objc_class_prefix = "HLW";

package helloworld;

// The greeting service definition.
service Greeter {
  // Sends a greeting
  rpc SayHello (HelloRequest) returns (HelloReply) {}
}

message HelloRequest { string name = 1; }
message HelloReply { string message = 1; }
"""
ROUTES = """\
syntax = "proto3";

package routes;

import "common/geo.proto";
import "google/api/annotations.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/wrappers.proto";

service RouteGuide {
  rpc GetFeature(common.Point) returns (Feature) {
    option (google.api.http) = {get: "/v1/features/{latitude}"};
  }
  rpc ListFeatures(common.Rectangle) returns (stream Feature) {}
  rpc RecordRoute(stream common.Point) returns (RouteSummary) {}
  rpc RouteChat(stream RouteNote) returns (stream RouteNote) {}
  rpc Reset(google.protobuf.Empty) returns (google.protobuf.Empty);
  rpc Count(google.protobuf.StringValue) returns (google.protobuf.Int64Value);
}

message Feature { string name = 1; common.Point location = 2; }
message RouteSummary { int32 point_count = 1; }
message RouteNote { string message = 1; }
"""
GEO = """\
syntax = "proto3";

package common;

message Point { int32 latitude = 1; int32 longitude = 2; }
message Rectangle { Point lo = 1; Point hi = 2; }
"""
BILLING_ADMIN = """\
syntax = "proto3";

package billing.v1;

import "google/longrunning/operations.proto";
import "google/protobuf/timestamp.proto";
import "google/type/money.proto";

service AdminService {
  rpc Get(GetRequest) returns (google.type.Money);
  rpc Close(CloseRequest) returns (google.longrunning.Operation);
}

service InvoiceService {
  rpc Get(GetRequest) returns (google.type.Money);
}

message GetRequest { google.protobuf.Timestamp at = 1; }
message CloseRequest {}
"""
AUTH_ADMIN = """\
syntax = "proto3";

package auth.v1;

service AdminService {
  rpc Get(GetRequest) returns (GetRequest);
}

message GetRequest {}
"""
PROGRAM = """
import asyncio, sys
from collections.abc import AsyncIterator

import protonats
from billing.v1.admin_nats import AdminServiceClient, AdminServiceServer
from billing.v1.admin_nats import InvoiceServiceClient, InvoiceServiceServer
from billing.v1.admin_pb2 import CloseRequest, GetRequest
from common.geo_pb2 import Point, Rectangle
from google.longrunning.operations_pb2 import Operation
from google.protobuf.empty_pb2 import Empty
from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from google.type.money_pb2 import Money
from helloworld.helloworld_nats import GreeterClient, GreeterServer
from helloworld.helloworld_pb2 import HelloReply, HelloRequest
from route_guide.route_guide_nats import RouteGuideClient, RouteGuideServer
from route_guide.route_guide_pb2 import Feature, RouteNote, RouteSummary


class Greeter(GreeterServer):
    async def say_hello(self, request, context):
        return HelloReply(message=f"Hello, {request.name}")


class Routes(RouteGuideServer):
    async def get_feature(self, request, context):
        return Feature(name="here", location=request)

    async def list_features(self, request, context):
        for point in (request.lo, request.hi):
            yield Feature(location=point)

    async def record_route(self, requests, context):
        return RouteSummary(point_count=len([one async for one in requests]))

    async def route_chat(self, requests, context):
        async for note in requests:
            yield note

    async def reset(self, request, context):
        return Empty()

    async def count(self, request, context):
        return Int64Value(value=len(request.value))


class Admin(AdminServiceServer):
    async def get(self, request, context):
        return Money(units=1)

    async def close(self, request, context):
        return Operation(name="closing", done=True)


class Invoices(InvoiceServiceServer):
    async def get(self, request, context):
        return Money(units=2)


async def sent(*messages):
    for message in messages:
        yield message


async def main():
    settings = protonats.Settings(
        connection=protonats.ConnectionSettings(servers=(sys.argv[1],)),
        health_address=("127.0.0.1", 0),
    )
    async with protonats.Application(settings) as application:
        for server in (Greeter(), Routes(), Admin(), Invoices()):
            await application.serve(server)
        async with await protonats.connect(sys.argv[1]) as connection:
            reply = await GreeterClient(connection).say_hello(HelloRequest(name="Ada"))
            assert reply.message == "Hello, Ada"
            routes = RouteGuideClient(connection)
            near, far = Point(latitude=1), Point(latitude=2)
            assert (await routes.get_feature(near)).location == near
            between = routes.list_features(Rectangle(lo=near, hi=far))
            listed = [one.location async for one in between]
            assert listed == [near, far]
            assert (await routes.record_route(sent(near, far))).point_count == 2
            notes = [RouteNote(message="a"), RouteNote(message="b")]
            assert [one async for one in routes.route_chat(sent(*notes))] == notes
            assert await routes.reset(Empty()) == Empty()
            assert (await routes.count(StringValue(value="four"))).value == 4
            assert (await AdminServiceClient(connection).get(GetRequest())).units == 1
            assert (await AdminServiceClient(connection).close(CloseRequest())).name == "closing"
            assert (await InvoiceServiceClient(connection).get(GetRequest())).units == 2
    print("all answered")


asyncio.run(main())
"""


@pytest.fixture
def project(tmp_path: Path) -> TestProject:
    """Their folder of schemas, and the shortest manifest."""
    project = TestProject.__new__(TestProject)
    project.root = tmp_path
    project.write("protonats.yaml", "version: 1\n")
    project.write("proto/helloworld/helloworld.proto", GREETER)
    project.write("proto/route_guide/route_guide.proto", ROUTES)
    project.write("proto/common/geo.proto", GEO)
    project.write("proto/billing/v1/admin.proto", BILLING_ADMIN)
    project.write("proto/auth/v1/admin.proto", AUTH_ADMIN)
    return project


def test_they_generate_and_every_call_is_answered(project: TestProject, nats: EmbeddedNats) -> None:
    project.generate()
    python = project.root / "generated/python"
    project.write("program.py", f"import sys\nsys.path.insert(0, {str(python)!r})\n{PROGRAM}")

    done = run(sys.executable, project.root / "program.py", nats.url, cwd=project.root)

    assert (done.stdout, done.stderr) == ("all answered\n", "")
    names = {path.parent.name for path in (project.root / "services").glob("*/service.py")}
    assert names == {"auth_admin", "billing_admin", "greeter", "invoice", "route_guide"}


def test_they_may_bring_the_schemas_of_google_along(project: TestProject) -> None:
    """As most do; the installed packages have their modules."""
    import google.api.annotations_pb2 as annotations

    folder = Path(annotations.__file__).parents[1]
    for name in ("api/annotations", "api/http", "type/money"):
        text = (folder / f"{name}.proto").read_text(encoding="utf-8")
        project.write(f"proto/google/{name}.proto", text)

    project.generate()

    assert not (project.root / "generated/python/google").exists()


def test_scaffolds_answer_unimplemented(project: TestProject, nats: EmbeddedNats) -> None:
    project.generate()
    paths = [str(project.root), str(project.root / "generated/python")]
    program = f"""
import asyncio, sys
sys.path[:0] = {paths!r}
import protonats
from protonats.testing import LocalPlatform
from helloworld.helloworld_nats import GreeterClient
from helloworld.helloworld_pb2 import HelloRequest
from services.greeter.service import Greeter

async def main():
    async with LocalPlatform(Greeter) as platform:
        try:
            await GreeterClient(platform.connection).say_hello(HelloRequest())
        except protonats.StatusError as error:
            print(error.code.name)

asyncio.run(main())
"""

    done = run(sys.executable, "-c", program, cwd=project.root)

    assert (done.stdout, done.stderr) == ("UNIMPLEMENTED\n", "")
