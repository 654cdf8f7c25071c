"""Where the imported schemas are: our options, `google/api` and `buf/validate`.

The first two are `.proto` files of installed packages. Of `buf/validate` packages ship the
descriptor alone, so protoc gets it as a descriptor set.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib import import_module, resources
from pathlib import Path

import platformdirs
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from protoc_gen_nats.errors import UserError
from protoc_gen_nats.naming import COMMON_PACKAGES
from protoc_gen_nats.writing import write_file

__all__ = ["VALIDATE", "export", "flags", "is_provided", "validate_descriptor_set"]

VALIDATE = "buf/validate/validate.proto"
"""The schema of the validation rules."""

_OPTIONS = "protonats/v1/options.proto"
_PROVIDED = tuple(
    package.replace(".", "/") for package in (*COMMON_PACKAGES, "google.protobuf.", "protonats.v1.")
)


def is_provided(path: str) -> bool:
    """Whether an installed package has the Python module of a schema."""
    return path.startswith(_PROVIDED)


def flags(descriptors: Path | None = None) -> list[str]:
    """The flags with which any protoc finds the imported schemas.

    Args:
        descriptors: The file that holds `validate_descriptor_set()`. Default: one in the user's
            cache folder, which is written if it is not there.
    """
    folders = dict.fromkeys((_options_folder(), _google_folder()))
    path = descriptors or _cached_descriptors()
    return [*(f"-I{folder}" for folder in folders), f"--descriptor_set_in={path}"]


def _cached_descriptors() -> Path:
    """The descriptor set in a file whose name is made from its content."""
    content = validate_descriptor_set()
    name = f"validate-{sha256(content).hexdigest()[:16]}.binpb"
    path = platformdirs.user_cache_path("protonats", ensure_exists=True) / name
    if not path.exists():
        write_file(path, content)
    return path


def export(folder: Path) -> list[Path]:
    """Copies our options to `folder`, for build tools that take folders and no flags.

    Returns:
        The files that it holds now.
    """
    target = folder / _OPTIONS
    target.parent.mkdir(parents=True, exist_ok=True)
    write_file(target, (_options_folder() / _OPTIONS).read_bytes())
    return [target]


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
    try:
        validate = import_module("protovalidate._gen.buf.validate.validate_pb")
    except ImportError as error:
        text = "no descriptor of buf/validate: install it with `pip install 'protovalidate>=2.1'`"
        raise UserError.of(text) from error
    proto = FileDescriptorProto.FromString(validate.desc().proto.to_binary())
    imports = [
        FileDescriptorProto.FromString(import_module(_module(path)).DESCRIPTOR.serialized_pb)
        for path in proto.dependency
    ]
    return FileDescriptorSet(file=[*imports, proto]).SerializeToString(deterministic=True)


def _module(path: str) -> str:
    return path.removesuffix(".proto").replace("/", ".") + "_pb2"
