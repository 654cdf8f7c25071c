"""Where commands find schemas, and examples of messages that are made from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from protoc_gen_nats.cli import main
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.live.json_messages import JsonForm, parse_json
from protoc_gen_nats.live.loading import load_schemas
from protoc_gen_nats.live.schemas import Schemas
from protoc_gen_nats.live.template import Template
from tests.functional.live.orders import Shop
from tests.schemas import compile_schemas, write_schema

SCHEMA = """\
syntax = "proto3";

package acme.odd.v1;

import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";

service OddService {
  rpc Do(Odd) returns (Odd);
}

service OtherService {
  rpc Do(Odd) returns (Odd);
}

enum Kind {
  KIND_UNSPECIFIED = 0;
  KIND_A = 1;
}

message Odd {
  message Inner {
    repeated Odd again = 1;
    bytes raw = 2;
  }

  Inner inner = 1;
  map<int32, Kind> kinds = 2;
  repeated string words = 3;
  oneof choice {
    Kind kind = 4;
    uint64 number = 5;
    double real = 6;
  }
  google.protobuf.Duration pause = 7;
  google.protobuf.Any any = 8;
  google.protobuf.Value value = 9;
  google.protobuf.StringValue text = 10;
  optional bool sure = 11;
  map<bool, string> flags = 12;
}
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    write_schema(folder / "proto", "acme/odd/v1/odd.proto", SCHEMA)
    path = folder / "image.binpb"
    path.write_bytes(compile_schemas(folder / "proto").SerializeToString())
    return path


@pytest.fixture(scope="module")
def odd(image: Path) -> Schemas:
    return load_schemas(image)


def message(schemas: Schemas, name: str) -> Any:
    return schemas.message_class(f"acme.odd.v1.{name}")


def describe(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["describe", "--schema", str(path), *arguments])


def test_a_template_has_every_field_and_can_be_read_back(odd: Schemas) -> None:
    template = Template(cast(Descriptor, message(odd, "Odd").DESCRIPTOR))
    value = template.value()

    assert value == {
        "inner": {"again": [], "raw": ""},
        "kinds": {"0": "KIND_A"},
        "words": [""],
        "kind": "KIND_A",
        "pause": "1.5s",
        "any": {"@type": "type.googleapis.com/…"},
        "value": None,
        "text": "",
        "sure": False,
        "flags": {"false": ""},
    }
    assert template.choices == {
        "kinds.*": "KIND_A",
        "kind": "KIND_A; or in its place number, real",
    }
    del value["any"]  # which type it is nobody knows
    assert json_format.ParseDict(value, message(odd, "Odd")()).kind == 1


@pytest.mark.parametrize("kind", ["project", "image", "generated"])
def test_schemas_come_from_many_places(shop: Shop, kind: str) -> None:
    root = shop.project.root
    path = {"project": root, "image": shop.image, "generated": root / "generated/python"}[kind]
    result = describe(path, "order.place", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["subject"] == "svc.order.v1.place"


def test_the_nearest_project_upwards_is_taken(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.project.root / "proto" / "acme")
    result = CliRunner().invoke(main, ["describe", "order.place"])
    assert result.exit_code == 0, result.output


def test_no_schemas_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["call", "a.b"])
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: no schemas: there is no protonats.yaml in {tmp_path} or above it; go to the"
        " project, or name it, a descriptor image or generated code with --schema\n"
    )


def test_what_is_no_image_is_said(tmp_path: Path, image: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no image")
    assert f"error: {text}: no descriptor image: make one with `protoc" in describe(text).stderr
    cut = tmp_path / "cut.binpb"
    protos = FileDescriptorSet.FromString(image.read_bytes())
    kept = [proto for proto in protos.file if proto.name != "google/protobuf/any.proto"]
    cut.write_bytes(FileDescriptorSet(file=kept).SerializeToString())
    assert "odd.proto imports google/protobuf/any.proto, which is not in" in describe(cut).stderr


def test_a_folder_without_schemas_is_said(tmp_path: Path) -> None:
    assert "neither a project with protonats.yaml, nor a descr" in describe(tmp_path).stderr
    (tmp_path / "broken_pb2.py").write_text("import acme_that_is_missing\n")
    assert "broken_pb2.py: cannot be imported: No module named" in describe(tmp_path).stderr


def test_the_order_of_an_image_does_not_matter(tmp_path: Path, image: Path) -> None:
    turned = tmp_path / "turned.binpb"
    protos = FileDescriptorSet.FromString(image.read_bytes())
    turned.write_bytes(FileDescriptorSet(file=reversed(protos.file)).SerializeToString())
    assert describe(turned, "OddService").exit_code == 0


def test_a_name_of_two_methods_is_refused(image: Path) -> None:
    result = CliRunner().invoke(main, ["call", "--schema", str(image), "Do"])
    assert result.stderr == (
        "error: 'Do' may be acme.odd.v1.OddService.Do or acme.odd.v1.OtherService.Do: write its"
        " full name\n"
    )
    assert "'Do' may be acme.odd.v1.OddService.Do or" in describe(image, "Do").stderr


def test_types_of_any_are_those_of_the_schemas(odd: Schemas) -> None:
    text = '{"any": {"@type": "type.googleapis.com/acme.odd.v1.Odd", "words": ["a"]}}'
    parsed = parse_json(message(odd, "Odd"), text, odd.pool, "it")
    assert JsonForm(pool=odd.pool).of(parsed) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"inner": {"again": [{"wrds": []}]}}', "Odd has no field 'wrds': did you mean 'words'?"),
        ('{"inner": {"raw": "a"}}', "it is no acme.odd.v1.Odd: inner.raw: "),
        ('{"kinds": {"x": "KIND_A"}}', "it is no acme.odd.v1.Odd: kinds: "),
        ('{"real": "x"}', "it is no acme.odd.v1.Odd: Couldn't parse float: x at Odd.real"),
        ('{"pause": "soon"}', "it is no acme.odd.v1.Odd: pause: "),
        ('{"words": "a"}', "it is no acme.odd.v1.Odd: words: repeated field words must be in []"),
        ('{"kind": "KIND_A", "number": "1"}', 'should not have multiple "choice" oneof fields'),
        ('{"any": {"@type": "type.googleapis.com/acme.None"}}', "it is no acme.odd.v1.Odd: any: "),
        ('{"inner": {"again": [{"number": "x"}]}}', "'x' is no whole number"),
        ("[" * 100_000, "it is no JSON"),
    ],
)
def test_json_that_does_not_fit_is_said(odd: Schemas, text: str, error: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_json(message(odd, "Odd"), text, odd.pool, "it")
    assert error in str(caught.value)
    assert "\n" not in str(caught.value)
