"""What handlers return."""

from __future__ import annotations

from typing import Any

from protonats._info import MethodInfo


def no_response(method: MethodInfo[Any, Any], returned: object) -> TypeError:
    """Why something cannot be the response of a unary method."""
    return TypeError(
        f"the handler of {method.name} returned {type(returned).__name__} instead of"
        f" {method.response.DESCRIPTOR.full_name}"
    )
