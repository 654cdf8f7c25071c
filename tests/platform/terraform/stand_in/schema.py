"""Makes the schema of the AWS provider, as Terraform's plugin protocol has it, of the TypeScript
that HashiCorp generated from it: `python schema.py PACKAGE.tgz SCHEMA.pb`.

Each class of the package stands for a resource, a data source or a block. A comment before each of
its attributes says whether it is computed, optional, required; the getter below has its type; and a
method that writes HCL knows which of them are blocks. The sources are in the source maps.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import tarfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

pb: Any = import_module("tf.gen.tfplugin_pb2")

_SOURCE_MAP = b"sourceMappingURL=data:application/json;base64,"
_CLASS = re.compile(r"^export class (\w+) extends cdktf\.(\w+) ", re.MULTILINE)
_ATTRIBUTE = re.compile(
    r"^  // (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n",
    re.MULTILINE,
)
_BLOCK = re.compile(r"^ +(\w+): \{\n +value: .*\n +isBlock: true,\n +type: \"(\w+)\"", re.MULTILINE)
_TYPE = re.compile(r'tfResourceType = "(\w+)"')
_NESTED = re.compile(r"= new (\w+?)(List|Map|OutputReference)\(this, \"\w+\"(?:, (true|false))?\)")
_SIMPLE = {
    "getStringAttribute": '"string"',
    "getNumberAttribute": '"number"',
    "getBooleanAttribute": '"bool"',
    "Fn.tolist(this.getListAttribute": '["set","string"]',
    "Fn.tolist(this.getNumberListAttribute": '["set","number"]',
    "getNumberListAttribute": '["list","number"]',
    "getListAttribute": '["list","string"]',
    "new cdktf.StringMap": '["map","string"]',
    "new cdktf.NumberMap": '["map","number"]',
    "new cdktf.BooleanMap": '["map","bool"]',
    "getStringMapAttribute": '["map","string"]',
    "getNumberMapAttribute": '["map","number"]',
    "getBooleanMapAttribute": '["map","bool"]',
}
_SENSITIVE = {"auth_token", "master_password", "password", "secret_string", "secret_binary"}


class _Module:
    """The classes of one resource or data source."""

    def __init__(self, source: str) -> None:
        found = list(_CLASS.finditer(source))
        ends = [*(match.start() for match in found[1:]), len(source)]
        self._bodies = {m[1]: source[m.end() : end] for m, end in zip(found, ends, strict=True)}
        functions = source[: found[-1].start()].split("\nexport function ")
        self._writers = {text.partition("(")[0]: text for text in functions}
        self.name, self.kind = found[-1].group(1, 2)
        self.type = match[1] if (match := _TYPE.search(source)) else ""

    def block(self, name: str) -> Any:
        """The block that a class stands for, with what is nested in it."""
        main = name == self.name
        body = self._bodies[name if main else f"{name}OutputReference"]
        writer = body if main else self._writers.get(f"{name[0].lower()}{name[1:]}ToHclTerraform")
        nesting = dict(_BLOCK.findall(writer or ""))
        block = pb.Schema.Block()
        for attribute, text, (computed, optional, required) in _attributes(body):
            if attribute.startswith("has_") and attribute.endswith("_wo"):
                continue
            if attribute in nesting:
                block.block_types.append(
                    self._nested(attribute, nesting[attribute], text, required)
                )
            else:
                block.attributes.append(
                    pb.Schema.Attribute(
                        name=attribute,
                        type=self._type(text).encode(),
                        computed=computed,
                        optional=optional,
                        required=required,
                        sensitive=attribute in _SENSITIVE,
                    )
                )
        return block

    def _nested(self, attribute: str, nesting: str, text: str, required: bool) -> Any:
        match = _NESTED.search(text)
        assert match, text
        modes = pb.Schema.NestedBlock.NestingMode
        mode = modes.SINGLE if nesting == "struct" else modes.Value(nesting.upper())
        limits = {"min_items": int(required), "max_items": int(match[2] == "OutputReference")}
        if mode not in (modes.LIST, modes.SET):
            limits = {}
        return pb.Schema.NestedBlock(
            type_name=attribute, nesting=mode, block=self.block(match[1]), **limits
        )

    def _type(self, text: str) -> str:
        for getter, simple in _SIMPLE.items():
            if getter in text:
                return simple
        match = _NESTED.search(text)
        if match is None:
            return '"string"'
        members = self.block(match[1])
        fields = {a.name: json.loads(a.type) for a in members.attributes}
        of_object = json.dumps(["object", fields])
        if match[2] == "OutputReference":
            return of_object
        kind = "map" if match[2] == "Map" else "set" if match[3] == "true" else "list"
        return f'["{kind}",{of_object}]'


def _attributes(body: str) -> Iterator[tuple[str, str, tuple[bool, bool, bool]]]:
    found = list(_ATTRIBUTE.finditer(body))
    ends = [*(match.start() for match in found[1:]), len(body)]
    for match, end in zip(found, ends, strict=False):
        computed, optional, required = (text == "true" for text in match.group(2, 3, 4))
        yield match[1], body[match.end() : end], (computed, optional, required)


def _sources(package: Path) -> Iterator[str]:
    """The text of each folder; that of `index.ts` last, whose last class is the resource."""
    folders: dict[str, list[str]] = {}
    with tarfile.open(package) as archive:
        for member in archive:
            match = re.fullmatch(r"package/lib/([\w-]+)/(index|.*structs\d+)\.js", member.name)
            file = archive.extractfile(member) if match else None
            if match is None or file is None:
                continue
            _, _, encoded = file.read().partition(_SOURCE_MAP)
            texts = folders.setdefault(match[1], [])
            texts.extend(json.loads(base64.b64decode(encoded))["sourcesContent"])
            if match[2] != "index":
                texts.insert(0, texts.pop())
    yield from ("\n".join(texts) for texts in folders.values())


def convert(package: Path) -> Any:
    """The schema of all resources and data sources, and what the package lacks: some of the
    provider's own options."""
    response = pb.GetProviderSchema.Response()
    own = response.provider.block
    for name, kind in (("region", '"string"'), ("allowed_account_ids", '["set","string"]')):
        own.attributes.append(pb.Schema.Attribute(name=name, type=kind.encode(), optional=True))
    tags = pb.Schema.Attribute(name="tags", type=b'["map","string"]', optional=True)
    own.block_types.add(
        type_name="default_tags",
        nesting=pb.Schema.NestedBlock.NestingMode.LIST,
        max_items=1,
        block=pb.Schema.Block(attributes=[tags]),
    )
    for source in _sources(package):
        module = _Module(source)
        if module.kind == "TerraformResource":
            response.resource_schemas[module.type].block.CopyFrom(module.block(module.name))
        elif module.kind == "TerraformDataSource":
            response.data_source_schemas[module.type].block.CopyFrom(module.block(module.name))
    return response


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(convert(Path(sys.argv[1])).SerializeToString(deterministic=True))
