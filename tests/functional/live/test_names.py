"""Names of services and methods that are easily taken for others, and requests with rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from protoc_gen_nats.cli import main
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.live.json_messages import parse_json
from protoc_gen_nats.live.loading import load_schemas
from tests.schemas import compile_schemas, write_schema

SHOP = """\
syntax = "proto3";
package acme.shop.{version};
service ShopService {{
  rpc Buy(Thing) returns (Thing);
  rpc {own}(Thing) returns (Thing);
}}
message Thing {{
  string {field} = 1;
}}
"""
OLD = """\
syntax = "proto2";
package acme.old;
message Person {
  required string name = 1;
  repeated Person friends = 2;
}
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("names")
    for version, own in (("v1", "Class"), ("v2", "Renew")):
        text = SHOP.format(version=version, own=own, field=f"of_{version}")
        write_schema(folder / "proto", f"acme/shop/{version}/shop.proto", text)
    write_schema(folder / "proto", "acme/old/person.proto", OLD)
    path = folder / "image.binpb"
    path.write_bytes(compile_schemas(folder / "proto").SerializeToString())
    return path


def template(image: Path, method: str) -> Result:
    return CliRunner().invoke(main, ["call", "--schema", str(image), method, "--template"])


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("shop_v2.buy", "of_v2"),  # as its folder, its user and the graph have it
        ("shop_v2.Buy", "of_v2"),
        ("shop.renew", "of_v2"),
        ("shop.class", "of_v1"),  # as `stats` has it, and the end of its subject
        ("shop.class_", "of_v1"),  # as Python has it
    ],
)
def test_a_method_is_found(image: Path, name: str, field: str) -> None:
    assert template(image, name).stdout == f'{{\n  "{field}": ""\n}}\n'


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("shop.buy", "'shop.buy' may be acme.shop.v1.ShopService.Buy or acme.shop.v2.ShopService."),
        ("shop_v2", "'shop_v2' is a service: name one of its methods, shop_v2.buy, shop_v2.renew"),
        ("shop_v2.by", "did you mean 'shop_v2.buy'?"),
    ],
)
def test_what_is_no_method_is_said(image: Path, name: str, error: str) -> None:
    result = template(image, name)
    assert result.exit_code == 1
    assert error in result.stderr


def test_what_a_request_lacks_is_said(image: Path) -> None:
    schemas = load_schemas(image)
    person = schemas.message_class("acme.old.Person")
    assert person is not None
    with pytest.raises(UserError) as caught:
        parse_json(person, '{"friends": [{}]}', schemas.pool, "the request")
    assert str(caught.value) == (
        "the request is no acme.old.Person: it lacks what is required, name, friends[0].name"
    )
