"""Where the imported schemas are: our options, `google/api` and `buf/validate`.

The first two are `.proto` files of installed packages, which are copied to one folder. Of
`buf/validate` packages ship the descriptor alone, so protoc gets it as a descriptor set.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from ast import literal_eval
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib import import_module, resources
from importlib.util import find_spec
from pathlib import Path

import platformdirs
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from protoc_gen_nats.building.field_rules import VALIDATE
from protoc_gen_nats.errors import Place, UserError
from protoc_gen_nats.writing import write_all

__all__ = ["VALIDATE", "export", "flags", "is_provided", "validate_descriptor_set"]

_OPTIONS = "protonats/v1/options.proto"
_MANIFEST_SCHEMA = "manifest.schema.json"
_DESCRIPTOR = re.compile(r"^_DESC = file_desc\(\n +(b'.*'),$", re.MULTILINE)
"""Where the descriptor stands in a module of protovalidate."""
_VALIDATE_SET = "buf/validate.binpb"
_INSTALLED_AS = {"google/longrunning/operations.proto": "google/longrunning/operations_proto.proto"}
"""What googleapis-common-protos has under another name than its descriptor's."""


def is_provided(path: str) -> bool:
    """Whether an installed package has the Python module of a schema."""
    if path == _OPTIONS or path.startswith("google/protobuf/"):
        return True
    if not path.startswith("google/"):
        return False
    return (_google_folder() / _INSTALLED_AS.get(path, path)).is_file()


def flags(folder: Path | None = None) -> list[str]:
    """The flags with which any protoc finds the imported schemas.

    Args:
        folder: Where they are copied to. Default: a folder in the user's cache or, if that cannot
            be written, in one for temporary files.

    Raises:
        OSError: The folder cannot be written.
    """
    files = _files()
    if folder is not None:
        _fill(folder, files)
    else:
        folder = _cached(files)
    return [f"-I{folder}", f"--descriptor_set_in={folder / _VALIDATE_SET}"]


def _files() -> dict[str, bytes]:
    """Everything that schemas import from installed packages, by path."""
    google = _google_folder()
    files = {
        path.relative_to(google).as_posix(): path.read_bytes()
        for path in sorted((google / "google").rglob("*.proto"))
    }
    for path, installed in _INSTALLED_AS.items():
        files[path] = files[installed]
    files[_OPTIONS] = (_options_folder() / _OPTIONS).read_bytes()
    files[_VALIDATE_SET] = validate_descriptor_set()
    return files


def _cached(files: Mapping[str, bytes]) -> Path:
    """A folder with the files, whose name is made from their content."""
    content = sha256()
    for path, text in files.items():
        content.update(f"{path}\0{len(text)}\0".encode() + text)
    name = f"includes-{content.hexdigest()[:16]}"
    folder = platformdirs.user_cache_path("protonats") / name
    try:
        _fill(folder, files)
    except OSError:
        folder = _own_temporary_folder() / name
        _fill(folder, files)
    return folder


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes the files that are not there."""
    write_all(folder, {p: text for p, text in files.items() if not (folder / p).is_file()})


def _own_temporary_folder() -> Path:
    """A folder for temporary files into which nobody but this user can write."""
    folder = Path(tempfile.gettempdir(), f"protonats-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not own or found.st_mode & 0o077:
        text = "somebody else may write there: delete it, or set XDG_CACHE_HOME"
        raise UserError.of(text, Place(str(folder)))
    return folder


def export(folder: Path) -> list[Path]:
    """Copies our options to `folder`, for build tools that take folders and no flags, and the
    JSON Schema of the manifest, for editors.

    Returns:
        The files that it holds now.
    """
    schema = resources.files("protoc_gen_nats") / _MANIFEST_SCHEMA
    files = {
        _OPTIONS: (_options_folder() / _OPTIONS).read_bytes(),
        "protonats.schema.json": schema.read_bytes(),
    }
    write_all(folder, files)
    return [folder / path for path in files]


def _options_folder() -> Path:
    """Where our options lie: in the installed package, else in the repository."""
    installed = Path(str(resources.files("protonats"))).parent
    return installed if (installed / _OPTIONS).is_file() else Path(__file__).parents[2] / "proto"


def _google_folder() -> Path:
    return Path(import_module("google.api.annotations_pb2").__file__ or "").parents[2]


@cache
def validate_descriptor_set() -> bytes:
    """`buf/validate/validate.proto` and what it imports, as a serialized FileDescriptorSet.

    Raises:
        UserError: The installed protovalidate has no descriptor where 2.1 has it.
    """
    # Read and not imported: its library takes longer to load than protoc takes.
    found = find_spec("protovalidate")
    for folder in (found and found.submodule_search_locations) or ():
        module = Path(folder, "_gen/buf/validate/validate_pb.py")
        match = _DESCRIPTOR.search(module.read_text("utf-8")) if module.is_file() else None
        if match:
            proto = FileDescriptorProto.FromString(literal_eval(match[1]))
            imports = [
                FileDescriptorProto.FromString(
                    import_module(_module(path)).DESCRIPTOR.serialized_pb
                )
                for path in proto.dependency
            ]
            return FileDescriptorSet(file=[*imports, proto]).SerializeToString(deterministic=True)
    text = "no descriptor of buf/validate: install it with `pip install 'protovalidate>=2.1'`"
    raise UserError.of(text)


def _module(path: str) -> str:
    return path.removesuffix(".proto").replace("/", ".") + "_pb2"
