"""The Python of all golden cases: formatted, typed, importable, true to what protobuf builds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import black
import pytest

from protoc_gen_nats.naming import module_of
from protoc_gen_nats.options import parse_parameter
from protoc_gen_nats.pb2_imports import rewrite_imports
from protoc_gen_nats.project.project import Project
from protoc_gen_nats.python_modules import PythonOptions
from tests.golden.generating import GOOD_CASES, generate
from tests.projects import ROOT, run
from tests.schemas import compile_schemas, schema_paths

MYPY = f"""\
[mypy]
strict = true
python_version = 3.11
explicit_package_bases = true
namespace_packages = true
warn_unreachable = true
mypy_path = {ROOT / "runtime"}
exclude = _pb2\\.py$
[mypy-nats.*,nkeys.*,redis.*]
ignore_missing_imports = true
"""
PYRIGHT = {
    "pythonVersion": "3.11",
    "typeCheckingMode": "standard",
    "extraPaths": [str(ROOT / "runtime"), "."],
    "exclude": ["**/*_pb2.py"],
    "reportMissingModuleSource": False,
}
USER = """\
\"\"\"How an application uses what is generated; never run.\"\"\"

from collections.abc import AsyncIterator

import protonats
from acme.fields.v1 import fields_pb2
from acme.methods_of_all_kinds.v1 import methods_of_all_kinds_nats as talk
from acme.methods_of_all_kinds.v1.methods_of_all_kinds_pb2 import SayRequest, SayResponse
from acme.proto2.v1 import proto2_pb2
from typing_extensions import assert_type


async def call(client: talk.TalkServiceClient) -> None:
    info = protonats.CallInfo()
    assert_type(await client.say(SayRequest(room_id=1), timeout=1.0, info=info), SayResponse)
    async for response in client.listen(SayRequest()):
        assert_type(response, SayResponse)
    await client.say(SayResponse())  # type: ignore[arg-type]


class Talk(talk.TalkServiceServer):
    async def say(self, request: SayRequest, context: protonats.CallContext) -> SayResponse:
        return SayResponse()

    async def listen(
        self, request: SayRequest, context: protonats.CallContext
    ) -> AsyncIterator[SayResponse]:
        yield SayResponse()


Talk()  # type: ignore[abstract]

fields = fields_pb2.Containers(numbers=[1], texts={"a": "b"}, colours=[fields_pb2.COLOUR_RED])
assert_type(fields.numbers[0], int)
assert_type(fields.texts["a"], str)
assert_type(fields.colours[0], fields_pb2.Colour.ValueType)
assert_type(fields_pb2.Colour.Name(fields_pb2.COLOUR_RED), str)
fields.numbers = [2]  # type: ignore[assignment,misc]
fields_pb2.Presence().HasField("plain")  # type: ignore[arg-type]
fields_pb2.Presence(number=1).HasField("number")
if (choice := fields_pb2.OneOneof().WhichOneof("choice")) is not None:
    assert_type(choice == "text", bool)
assert_type(proto2_pb2.Old().Extensions[proto2_pb2.nickname], str)
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder with the generated Python of all cases, and with protoc's modules."""
    tree = tmp_path_factory.mktemp("generated")
    (tree / "user.py").write_text(USER)
    for case in GOOD_CASES:
        for path, content in python_of(case, tree).items():
            target = tree / path.removeprefix("generated/python/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return tree


def python_of(case: Path, tree: Path) -> dict[str, bytes]:
    """The Python files of a case; what protoc writes may stand in `tree` already."""
    if (case / "protonats.yaml").is_file():
        rendered = Project(case).render()
        files = {**rendered.owned, **rendered.scaffolds}
        return {path: content for path, content in files.items() if "/deploy/" not in path}
    parameter = case / "parameter.txt"
    options = parse_parameter(parameter.read_text().strip() if parameter.is_file() else "").python
    folder = tree / output_folder(case, options)
    folder.mkdir(parents=True, exist_ok=True)
    paths = schema_paths(case / "proto")
    for proto in compile_schemas(case / "proto", f"--python_out={folder}").file:
        if proto.name in paths and (options.relative or options.package_prefix):
            # As other tools do where protoc and plugin are called alone.
            module = folder / f"{module_of(proto.name).replace('.', '/')}.py"
            module.write_bytes(rewrite_imports(module.read_bytes(), proto, paths, options))
    return {f"{folder}/{path}": text.encode() for path, text in generate(case)[0].items()}


def output_folder(case: Path, options: PythonOptions) -> str:
    """Where protoc and plugin write to, below the root of all modules."""
    return options.package_prefix.replace(".", "/") or (case.name if options.relative else "")


def test_black_leaves_it_as_it_is(tree: Path) -> None:
    for path in (*tree.rglob("*_nats.py"), *tree.rglob("*.pyi"), *tree.glob("services/**/*.py")):
        text = path.read_text(encoding="utf-8")
        assert black.format_str(text, mode=black.Mode(is_pyi=path.suffix == ".pyi")) == text, path


def test_mypy_is_strict_and_content(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text(MYPY)
    mypy = (sys.executable, "-m", "mypy", "--config-file", tmp_path / "mypy.ini")

    done = run(*mypy, "--cache-dir", tmp_path / "cache", ".", cwd=tree)

    assert done.stdout.splitlines()[-1].startswith("Success: no issues found in "), done.stdout
    assert done.returncode == 0


def test_pyright_is_content(tree: Path) -> None:
    (tree / "pyrightconfig.json").write_text(json.dumps(PYRIGHT))
    pyright = Path(sys.executable).with_name("pyright")

    done = run(pyright, "-p", tree, "--pythonpath", sys.executable, cwd=tree)

    assert done.stdout.splitlines()[-1] == "0 errors, 0 warnings, 0 informations", done.stdout
    assert done.returncode == 0


IMPORT = """
import ast, importlib, sys, warnings
from pathlib import Path
from google.protobuf import message
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

warnings.simplefilter("error")
tree = Path(sys.argv[1])
sys.path.insert(0, str(tree))
messages = 0


def is_hidden(node):
    return any(getattr(one, "id", "").endswith("_type_check_only") for one in node.decorator_list)


def compare(scope, nodes):
    # Whatever a stub names is there, and means the same.
    global messages
    for node in nodes:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not is_hidden(node):
            found = getattr(scope, node.name)
            if isinstance(found, type) and issubclass(found, message.Message):
                round_trip(found)
                messages += 1
                compare(found, node.body)
            else:
                assert isinstance(found, EnumTypeWrapper), found
        elif isinstance(node, ast.AnnAssign):
            assert has(scope, node.target.id), (scope, node.target.id)
        elif isinstance(node, ast.FunctionDef) and node.name != "__init__":
            assert has(scope, node.name), (scope, node.name)
        elif isinstance(node, ast.FunctionDef):
            arguments = [one.arg for one in node.args.kwonlyargs]
            assert set(arguments) <= set(scope.DESCRIPTOR.fields_by_name), arguments


def has(scope, name):
    # Fields are attributes of messages, and not of their classes.
    return hasattr(scope, name) or hasattr(scope(), name)


def round_trip(cls):
    one = cls()
    for field in cls.DESCRIPTOR.fields:
        if field.cpp_type == field.CPPTYPE_STRING and not is_repeated(field):
            setattr(one, field.name, b"text" if field.type == field.TYPE_BYTES else "text")
    content = one.SerializePartialToString()
    other = cls()
    other.MergeFromString(content)
    assert other == one


def is_repeated(field):
    return field.is_repeated if hasattr(field, "is_repeated") else field.label == 3


for path in sorted(tree.rglob("*_nats.py")):
    module = importlib.import_module(".".join(path.relative_to(tree).with_suffix("").parts))
    for name in dir(module):
        info = getattr(getattr(module, name), "__protonats__", None)
        for method in info.methods if info else ():
            assert issubclass(method.request, message.Message)
            assert callable(getattr(getattr(module, name), method.python_name))
for path in sorted(tree.rglob("*_pb2.pyi")):
    module = importlib.import_module(".".join(path.relative_to(tree).with_suffix("").parts))
    compare(module, ast.parse(path.read_text(encoding="utf-8")).body)
print(messages)
"""


def test_it_can_be_imported_and_stubs_are_true(tree: Path) -> None:
    done = run(sys.executable, "-c", IMPORT, str(tree), cwd=tree.parent)

    assert done.stderr == ""
    assert int(done.stdout) > 50
