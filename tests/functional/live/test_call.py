"""`protonats call`, against a real service."""

from __future__ import annotations

import json
import re
import signal
import subprocess

import pytest

from protonats.testing import EmbeddedNats
from tests.functional.live.orders import Shop

PLACE = "acme.orders.v1.OrderService.Place"


@pytest.mark.parametrize("name", [PLACE, "OrderService/Place", "order.place", "Place", "place"])
def test_a_method_has_names_of_all_lengths(shop: Shop, name: str) -> None:
    result = shop.typed("call", name, '{"item": "tea"}')

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"order_id": "o-tea"}


def test_json_goes_in_and_comes_out(shop: Shop) -> None:
    request = '{"item": "tea", "size": "SIZE_LARGE", "quantity": 2}'
    result = shop.typed("call", PLACE, request, "--metadata", "tenant=acme", "-m", "a=b=c")

    assert result.stdout.startswith('{\n  "order_id": "o-tea",\n  "size": "SIZE_LARGE",\n')
    assert json.loads(result.stdout)["seen"] == {"tenant": "acme", "a": "b=c"}


def test_a_request_comes_from_standard_input(shop: Shop) -> None:
    result = shop.typed("call", PLACE, "-", stdin='{\n  "item": "milk"\n}\n')
    assert json.loads(result.stdout)["order_id"] == "o-milk"


def test_fields_that_are_not_set_are_shown_if_wanted(shop: Shop) -> None:
    result = shop.typed("call", PLACE, '{"item": "tea"}', "--emit-defaults", "--json")
    assert result.stdout == '{"order_id": "o-tea", "size": "SIZE_UNSPECIFIED", "seen": {}}\n'


def test_responses_of_a_stream_are_lines(shop: Shop) -> None:
    result = shop.typed("call", "order.count", '{"to": 3}')
    assert result.stdout == '{"value": 1}\n{"value": 2}\n{"value": 3}\n'


@pytest.mark.parametrize("many", [True, False])
def test_a_stream_of_requests_is_arguments_or_lines(shop: Shop, many: bool) -> None:
    if many:
        result = shop.typed("call", "order.add", '{"value": 1}', '{"value": 2}')
    else:
        result = shop.typed("call", "order.add", "-", stdin='{"value": 1}\n\n{"value": 2}')
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"value": 3}


def test_both_directions_stream_at_once(shop: Shop) -> None:
    process = shop.start("call", "order.double", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        for value in (1, 5):
            process.stdin.write(json.dumps({"value": value}).encode() + b"\n")
            process.stdin.flush()
            # The next line is written only after this one is answered.
            assert json.loads(process.stdout.readline()) == {"value": 2 * value}
        process.stdin.close()
    assert process.returncode == 0


def test_a_call_is_given_up_by_ctrl_c(shop: Shop) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = shop.start("call", "order.double", "-", **pipes)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'{"value": 1}\n')
    process.stdin.flush()
    assert process.stdout.readline() == b'{"value": 2}\n'
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)

    assert process.returncode == 1
    assert errors == b"\nAborted!\n"


def test_what_is_known_about_a_call_is_shown(shop: Shop) -> None:
    result = shop.typed("call", PLACE, '{"item": "tea"}', "--trace")

    trace = re.search(r"trace  ([0-9a-f]{32})\n", result.stderr)
    assert trace is not None
    assert trace[1] in json.loads(result.stdout)["seen"]["trace"]
    assert re.search(r" attempts  1\n", result.stderr)
    assert re.search(r"     time  [0-9.]+ ms\n", result.stderr)
    assert " metadata  shelf=b-7\n" in result.stderr


def test_a_template_can_be_filled_in(shop: Shop) -> None:
    result = shop.typed("call", PLACE, "--template")

    assert json.loads(result.stdout) == {
        "item": "",
        "quantity": 0,
        "size": "SIZE_SMALL",
        "card": "",
        "address": {"city": ""},
    }
    assert result.stderr == "size  SIZE_SMALL, SIZE_LARGE\ncard  or in its place cash\n"
    filled = result.stdout.replace('"item": ""', '"item": "tea"')
    assert shop.typed("call", PLACE, "-", stdin=filled).exit_code == 0


def test_a_status_is_shown_with_what_is_wrong_with_each_field(shop: Shop) -> None:
    result = shop.typed("call", PLACE, "{}")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        "error: INVALID_ARGUMENT: there is no item\n  item  is empty (required)\n"
    )


def test_a_status_is_json_for_scripts(shop: Shop) -> None:
    result = shop.typed("call", PLACE, '{"item": "secret"}', "--json")

    assert result.exit_code == 1
    assert json.loads(result.stderr) == {
        "error": {
            "code": "PERMISSION_DENIED",
            "number": 7,
            "message": "not for you",
            "details": [{"@type": "type.googleapis.com/acme.orders.v1.Number", "value": 7}],
        }
    }


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["order.plce", "{}"], 1, "image.binpb: did you mean 'order.place'?"),
        ([PLACE, "{"], 1, "error: the request is no JSON: Expecting property name"),
        ([PLACE, "[]"], 1, "error: the request is no acme.orders.v1.PlaceRequest: write a JSON"),
        ([PLACE, '{"itm": ""}'], 1, "PlaceRequest has no field 'itm': did you mean 'item'?"),
        ([PLACE, '{"address": {"town": 1}}'], 1, "Address has no field 'town': known: city"),
        ([PLACE, '{"size": "SIZE_LARG"}'], 1, "size: acme.orders.v1.Size has no value SIZE_LARG:"),
        ([PLACE, '{"item": 3}'], 1, "PlaceRequest: item: write a string"),
        ([PLACE, '{"quantity": "x"}'], 1, "PlaceRequest: quantity: 'x' is no whole number"),
        ([PLACE, "{}", "{}"], 2, "acme.orders.v1.OrderService.Place takes one message, and he"),
        (["order"], 1, "'order' is a service: name one of its methods, order.add, order.count, "),
        (["order.add"], 2, "OrderService.Add takes a stream: write its messages, or `-`"),
        (["order.add", "-", "{}"], 2, "`-` stands alone"),
        (["order.add", "{}", "x"], 1, "error: request 2 is no JSON"),
        ([PLACE, "--timeout", "0"], 2, "0: write a number of seconds above 0"),
        ([PLACE, "--metadata", "tenant"], 2, "'tenant': write NAME=VALUE"),
        ([PLACE, "{}", "--metadata", "Nats-X=1"], 1, "error: INVALID_ARGUMENT: "),
        ([PLACE, '{"item": "tea"}', "--timeout", "1e-9"], 1, "error: DEADLINE_EXCEEDED: "),
        ([PLACE, "--server", "nats://bob:pw@h"], 2, "a login in --server can be read by everybody"),
        ([PLACE, "--server", "http://h"], 1, "error: servers (NATS_URL) has 'http://h'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(shop: Shop, arguments: list[str], code: int, error: str) -> None:
    result = shop.typed("call", *arguments)

    assert result.exit_code == code, result.output
    assert error in result.stderr


def test_the_line_that_is_wrong_is_named(shop: Shop) -> None:
    result = shop.typed("call", "order.add", "-", stdin='{"value": 1}\n{"valu": 2}\n')

    assert result.exit_code == 1
    assert result.stderr == (
        "error: line 2 of standard input is no acme.orders.v1.Number: acme.orders.v1.Number has no"
        " field 'valu': did you mean 'value'?\n"
    )


def test_an_inbox_that_is_no_token_is_said(shop: Shop) -> None:
    result = shop.typed("call", PLACE, "--name", "nobody.x")
    assert result.exit_code == 1
    assert "name (NATS_NAME) is 'nobody.x': it is one token of a subject" in result.stderr


def test_a_service_that_nobody_serves_is_said(shop: Shop) -> None:
    with EmbeddedNats() as empty:
        result = shop.typed("call", PLACE, "--server", empty.url)
        waiting = shop.typed("call", PLACE, "--wait", "--timeout", "0.2", "--server", empty.url)
    assert result.exit_code == waiting.exit_code == 1
    assert result.stderr == (
        "error: UNAVAILABLE: no instance serves svc.order.v1.place\n"
        "  see who runs with `protonats ls`, or wait for somebody with --wait\n"
    )
    assert waiting.stderr.startswith("error: ")


def test_a_server_that_is_not_there_is_json_for_scripts(shop: Shop) -> None:
    arguments = ["call", "--schema", str(shop.image), PLACE, "--json"]
    result = shop.run(*arguments, NATS_URL="nats://127.0.0.1:9", NATS_STARTUP_TIMEOUT="0.3")
    assert result.exit_code == 1
    assert "no NATS server could be reached" in json.loads(result.stderr)["error"]["message"]
