"""The workflow of the delivery, put where GitHub looks for it."""

from __future__ import annotations

from pathlib import Path

from protoc_gen_nats.comparing.sources import git_output
from protoc_gen_nats.contents import content_of
from protoc_gen_nats.errors import Place, UserError
from protoc_gen_nats.seals import is_intact
from protoc_gen_nats.writing import write_file

__all__ = ["SOURCE", "TARGET", "install_workflow"]

SOURCE = "generated/deploy/delivery.yaml"
TARGET = ".github/workflows/delivery.yaml"


def install_workflow(root: Path, content: bytes, *, force: bool = False) -> bool:
    """Writes the workflow.

    GitHub reads workflows from this folder of the repository alone, and follows no links.

    Args:
        root: The project, which is the repository: the paths in the workflow begin there.
        content: The workflow as it is generated now.
        force: Whether to overwrite one that was edited, or is somebody else's.

    Returns:
        Whether anything changed.

    Raises:
        UserError: The project is not the whole repository; or the file is there, and was edited.
    """
    top = git_output(root, "rev-parse", "--show-toplevel", missing="is in no git repository")
    if Path(top.decode().strip()).resolve() != root.resolve():
        text = (
            "is not the root of its git repository, where GitHub looks for workflows: call what is"
            f" in {SOURCE} from one of your own"
        )
        raise UserError.of(text, Place(str(root)))
    there = content_of(root / TARGET)
    if there == content:
        return False
    if there is not None and not is_intact(there) and not force:
        text = (
            "was edited by hand, and would be overwritten: move the edit to a workflow of its own,"
            " or overwrite it with --force"
        )
        raise UserError.of(text, Place(TARGET))
    write_file(root / TARGET, content)
    return True
