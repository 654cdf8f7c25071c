"""A provider that knows the schema of AWS and nothing of AWS: `provider.py SCHEMA.pb TYPE...`.

Terraform starts it and checks configurations by its schema: names, types, what is required,
references. What only AWS knows is unknown in a plan, and made up when it is applied: the same
configuration gives the same values.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

pb: Any = import_module("tf.gen.tfplugin_pb2")
rpc: Any = import_module("tf.gen.tfplugin_pb2_grpc")
framework: Any = import_module("tf.provider")
runner: Any = import_module("tf.runner")
values: Any = import_module("tf.utils")
Unknown: Any = import_module("tf.types").Unknown

ACCOUNT = "123456789012"
REGION = "eu-central-1"
KNOWN = {
    "aws_caller_identity": {"account_id": ACCOUNT},
    "aws_partition": {"partition": "aws", "dns_suffix": "amazonaws.com"},
    "aws_region": {"region": REGION},
}
_SERVICES = {
    "appautoscaling": "application-autoscaling",
    "cloudwatch": "logs",
    "instance": "iam",
    "lb": "elasticloadbalancing",
    "prometheus": "aps",
    "scheduler": "scheduler",
    "service": "servicediscovery",
}
"""The service in an ARN, where it is not the second word of the name of the type."""

_IDS = {"volume": "vol", "interface": "eni", "group": "sg"}
"""What ids begin with, where it is not the last word of the name of the type."""


class Provider(rpc.ProviderServicer):  # type: ignore[misc]
    """Answers what Terraform asks while it validates, plans and applies."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._schema.server_capabilities.plan_destroy = True

    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        return self._schema

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:
        block = self._schema.resource_schemas[request.type_name].block
        found = _not_for_people(values.read_dynamic_value(request.config), block)
        texts = (f"Value for {name}: only AWS says what it is." for name in found)
        problems = [pb.Diagnostic(severity=pb.Diagnostic.ERROR, summary=text) for text in texts]
        return pb.ValidateResourceConfig.Response(diagnostics=problems)

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:
        return pb.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request: Any, context: Any) -> Any:
        return pb.ConfigureProvider.Response()

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:
        state = json.loads(request.raw_state.json)
        return pb.UpgradeResourceState.Response(upgraded_state=values.to_dynamic_value(state))

    def ReadResource(self, request: Any, context: Any) -> Any:
        return pb.ReadResource.Response(new_state=request.current_state)

    def ReadDataSource(self, request: Any, context: Any) -> Any:
        block = self._schema.data_source_schemas[request.type_name].block
        config = values.read_dynamic_value(request.config)
        state = _known(_unknown(config, block), block, request.type_name)
        state.update(KNOWN.get(request.type_name, {}))
        return pb.ReadDataSource.Response(state=values.to_dynamic_value(state))

    def PlanResourceChange(self, request: Any, context: Any) -> Any:
        block = self._schema.resource_schemas[request.type_name].block
        planned = values.read_dynamic_value(request.proposed_new_state)
        if planned is not None and values.read_dynamic_value(request.prior_state) is None:
            planned = _unknown(planned, block)
        return pb.PlanResourceChange.Response(planned_state=values.to_dynamic_value(planned))

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:
        block = self._schema.resource_schemas[request.type_name].block
        planned = values.read_dynamic_value(request.planned_state)
        state = planned and _known(planned, block, request.type_name)
        return pb.ApplyResourceChange.Response(new_state=values.to_dynamic_value(state))

    def StopProvider(self, request: Any, context: Any) -> Any:
        return pb.StopProvider.Response()


def _only(schema: Any, types: set[str]) -> Any:
    """A schema with these types alone."""
    for known in (schema.resource_schemas, schema.data_source_schemas):
        for name in set(known) - types:
            del known[name]
    return schema


def _not_for_people(value: Any, block: Any) -> list[str]:
    """The attributes that a configuration sets and only AWS can."""
    if not isinstance(value, dict):
        return []
    of_aws = [a.name for a in block.attributes if not (a.optional or a.required)]
    found = [name for name in of_aws if value[name] is not None]
    for nested in block.block_types:
        items = value[nested.type_name]
        for item in items if isinstance(items, list) else [items]:
            found += _not_for_people(item, nested.block)
    return found


def _unknown(value: Any, block: Any) -> Any:
    """The value of a block, in which everything is unknown that AWS would say."""
    if not isinstance(value, dict):
        return value
    result = dict(value)
    for attribute in block.attributes:
        if attribute.computed and result[attribute.name] is None:
            result[attribute.name] = Unknown
    for nested in block.block_types:
        items = result[nested.type_name]
        if isinstance(items, list):
            result[nested.type_name] = [_unknown(item, nested.block) for item in items]
        else:
            result[nested.type_name] = _unknown(items, nested.block)
    return result


def _known(value: Any, block: Any, of: str, *, nested: bool = False) -> Any:
    """The value of a block, in which everything that is unknown is made up; in nested blocks, what
    a configuration could have set is left out."""
    if not isinstance(value, dict):
        return value
    seed = hashlib.sha256(repr((of, sorted(value.items(), key=str))).encode()).hexdigest()
    names = (value.get(key) for key in ("name", "family", "bucket"))
    name = next((text for text in names if isinstance(text, str)), seed[:12])
    if isinstance(owner := value.get("resource_id"), str):
        name = f"{owner}/{name}"
    result = dict(value)
    for attribute in block.attributes:
        if result[attribute.name] is Unknown:
            left_out = nested and attribute.optional
            type_ = json.loads(attribute.type)
            made = None if left_out else _made(type_, attribute.name, of, name, seed)
            result[attribute.name] = made
    for inner in block.block_types:
        items = result[inner.type_name]
        if isinstance(items, list):
            made = [_known(item, inner.block, of, nested=True) for item in items]
        else:
            made = _known(items, inner.block, of, nested=True)
        result[inner.type_name] = made
    return result


def _made(kind: Any, attribute: str, of: str, name: Any, seed: str) -> Any:
    match kind:
        case "string":
            return _text(attribute, of, name, seed)
        case "number":
            return 1
        case "bool":
            return False
        case ["map", _]:
            return {}
        case ["object", fields]:
            return {key: _made(type_, key, of, name, seed) for key, type_ in fields.items()}
        case [_, element]:
            return [_made(element, attribute, of, name, seed)]
    raise TypeError(kind)


def _text(attribute: str, of: str, name: Any, seed: str) -> str:
    words = of.split("_")[1:]
    if re.search(r"(^|_)arn(_|$)", attribute):
        service = _SERVICES.get(words[0], words[0])
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{'-'.join(words[1:] or words)}/{name}"
    if attribute == "id":
        return f"{_IDS.get(words[-1], words[-1])}-{seed[:17]}"
    if attribute == "region":
        return REGION
    return f"{attribute.replace('_', '-')}.{seed[:12]}"


if __name__ == "__main__":
    complete = pb.GetProviderSchema.Response.FromString(Path(sys.argv[1]).read_bytes())
    provider = Provider(_only(complete, set(sys.argv[2:])))
    framework.ProviderServicer = lambda _: provider
    runner.run_provider(provider, sys.argv[:1])
