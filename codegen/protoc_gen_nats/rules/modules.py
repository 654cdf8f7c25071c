"""Rules of the Python modules that schemas become: each is a file that can be imported."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator

from protoc_gen_nats.errors import Place, Problem
from protoc_gen_nats.naming import module_of

__all__ = ["check_modules"]


def check_modules(paths: Iterable[str]) -> Iterator[Problem]:
    """Finds schemas whose module no `import` statement can name, or would overwrite another's.

    Names that differ in case alone are one file on macOS and Windows.
    """
    owners: dict[str, str] = {}
    for path in paths:
        module = module_of(path)
        for name in module.split("."):
            if keyword.iskeyword(name) or not name.isidentifier():
                text = (
                    f"its Python module would be {module}, and Python cannot import {name!r}:"
                    " rename that folder or file"
                )
                yield Problem(Place(path), text)
        owner = owners.setdefault(module.casefold(), path)
        if owner != path:
            where = "" if module == module_of(owner) else " where file names have no case"
            text = f"its Python module {module} would be that of {owner}{where}: rename one of them"
            yield Problem(Place(path), text)
