"""A small shop: a project on disk, its service in a process, and the command line run on both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from click.testing import CliRunner, Result

from protoc_gen_nats.cli import main
from protonats.testing import EmbeddedNats
from tests.projects import TestProject, environment
from tests.schemas import compile_schemas

MANIFEST = """\
version: 1
streams:
  ORDERS:
    description: What was ordered.
    subjects: [evt.orders.>]
    max_age: 7d
  DLQ:
    subjects: [dlq.>]
"""
SCHEMA = """\
syntax = "proto3";

package acme.orders.v1;

import "google/protobuf/timestamp.proto";
import "protonats/v1/options.proto";

// Takes orders.
service OrderService {
  option (protonats.v1.service) = {domain: "order", version: "1.2.0"};

  // Places an order.
  //
  // INVALID_ARGUMENT without an item.
  rpc Place(PlaceRequest) returns (PlaceResponse) {
    option (protonats.v1.method) = {timeout: {seconds: 3}};
  }

  // Numbers, one after the other.
  rpc Count(CountRequest) returns (stream Number);

  // Adds numbers up.
  rpc Add(stream Number) returns (Number);

  // Says each number twice.
  rpc Double(stream Number) returns (stream Number);
}

enum Size {
  SIZE_UNSPECIFIED = 0;
  SIZE_SMALL = 1;
  SIZE_LARGE = 2;
}

message PlaceRequest {
  // What is ordered.
  string item = 1;
  int32 quantity = 2;
  Size size = 3;
  oneof payment {
    string card = 4;
    bool cash = 5;
  }
  Address address = 6;
}

message Address {
  string city = 1;
}

message PlaceResponse {
  string order_id = 1;
  Size size = 2;
  map<string, string> seen = 3;
}

message CountRequest {
  int32 to = 1;
}

message Number {
  int32 value = 1;
}

// An order was placed.
message OrderPlaced {
  option (protonats.v1.event) = {
    subject: "evt.orders.order.placed.v1"
    key_field: "order_id"
  };

  string order_id = 1;
  string item = 2;
  google.protobuf.Timestamp at = 3;
}

// A light went on and off.
message Blinked {
  option (protonats.v1.event) = {
    subject: "evt.lights.blinked.v1"
    durability: DURABILITY_NONE
  };

  int32 times = 1;
}
"""
SHIPPING = """\
syntax = "proto3";

package acme.shipping.v1;

import "protonats/v1/options.proto";

// Ships what was ordered.
service ShippingService {
  option (protonats.v1.service) = {
    calls: "acme.orders.v1.OrderService"
    consumes: {
      durable: "shipping"
      events: "acme.orders.v1.OrderPlaced"
      max_deliver: 2
    }
    key_value: {name: "parcels", history: 3}
  };
}
"""
SERVICE = """\
from google.rpc.error_details_pb2 import BadRequest

import protonats
from acme.orders.v1 import orders_pb2
from acme.orders.v1.orders_nats import OrderServiceServer


class Orders(OrderServiceServer):
    async def place(self, request, context):
        if not request.item:
            bad = BadRequest()
            bad.field_violations.add(field="item", description="is empty", reason="required")
            raise protonats.StatusError(
                protonats.Code.INVALID_ARGUMENT, "there is no item", details=[bad]
            )
        if request.item == "secret":
            detail = orders_pb2.Number(value=7)
            raise protonats.StatusError(
                protonats.Code.PERMISSION_DENIED, "not for you", details=[detail]
            )
        context.response_metadata["shelf"] = "b-7"
        seen = dict(context.metadata)
        if context.trace:
            seen["trace"] = context.trace
        return orders_pb2.PlaceResponse(
            order_id=f"o-{request.item}", size=request.size, seen=seen
        )

    async def count(self, request, context):
        for value in range(1, request.to + 1):
            yield orders_pb2.Number(value=value)

    async def add(self, requests, context):
        return orders_pb2.Number(value=sum([request.value async for request in requests]))

    async def double(self, requests, context):
        async for request in requests:
            yield orders_pb2.Number(value=2 * request.value)
"""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The project, and the command line on it."""

    project: TestProject
    image: Path
    """Its descriptors: quicker than its schemas."""

    nats: EmbeddedNats

    def run(self, *arguments: str, stdin: str | bytes | None = None, **env: str) -> Result:
        """Runs a command; those that take schemas find them in the image."""
        return CliRunner().invoke(
            main, list(arguments), env={"NATS_URL": self.nats.url, **env}, input=stdin
        )

    def typed(self, name: str, *arguments: str, stdin: str | bytes | None = None) -> Result:
        """Runs a command that takes schemas."""
        return self.run(name, "--schema", str(self.image), *arguments, stdin=stdin)

    def json(self, *arguments: str) -> Any:
        """What a command says in JSON."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        """Starts a command as a process of its own, in the project's folder."""
        start = "from protoc_gen_nats.cli import main; main()"
        process: Any = subprocess.Popen(
            [sys.executable, "-c", start, *arguments],
            cwd=self.project.root,
            env=environment(NATS_URL=self.nats.url, PYTHONUNBUFFERED="1"),
            **options,
        )
        return cast("subprocess.Popen[bytes]", process)


def write_orders(folder: Path) -> TestProject:
    """The project in a folder, with its generated files."""
    project = TestProject(folder)
    for path in ("proto/acme/ping/v1/ping.proto", "proto/acme/pong/v1/pong.proto"):
        (folder / path).unlink()
    project.write("protonats.yaml", MANIFEST)
    project.write("proto/acme/orders/v1/orders.proto", SCHEMA)
    project.write("proto/acme/shipping/v1/shipping.proto", SHIPPING)
    project.write("shop_service.py", SERVICE)
    project.generate()
    return project


@contextmanager
def orders(folder: Path, nats: EmbeddedNats) -> Iterator[Shop]:
    """The project in a folder, with its service running."""
    project = write_orders(folder)
    image = folder / "image.binpb"
    image.write_bytes(compile_schemas(folder / "proto").SerializeToString())
    with _served(folder, nats):
        yield Shop(project=project, image=image, nats=nats)


@contextmanager
def _served(folder: Path, nats: EmbeddedNats) -> Iterator[None]:
    variables = environment(NATS_URL=nats.url, PROTONATS_HEALTH_ADDRESS="")
    path = (str(folder), str(folder / "generated/python"), variables["PYTHONPATH"])
    process = subprocess.Popen(
        [sys.executable, "-m", "protonats.serve", "shop_service:Orders"],
        env={**variables, "PYTHONPATH": os.pathsep.join(path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if '"serving"' in line:
                break
        else:
            raise AssertionError(f"the service ended with {process.wait()}")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)
