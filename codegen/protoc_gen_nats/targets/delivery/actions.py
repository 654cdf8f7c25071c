"""Steps of the workflow that are actions of others, each pinned to a commit."""

from __future__ import annotations

from typing import Any

from protoc_gen_nats.environments import Deployment

__all__ = ["VERSIONS", "attest", "aws", "checkout", "download", "terraform", "tools", "upload"]

_PINS = {
    "actions/attest-build-provenance": ("v2.4.0", "e8998f949152b193b063cb0ec769d69d929409be"),
    "actions/checkout": ("v4.2.2", "11bd71901bbe5b1630ceea73d27597364c9af683"),
    "actions/download-artifact": ("v4.3.0", "d3f86a106a0bac45b974a628896c90dbdf5c8093"),
    "actions/setup-python": ("v5.6.0", "a26af69be951a213d495a4c3e4e4022e16d87065"),
    "actions/upload-artifact": ("v4.6.2", "ea165f8d65b6e75b540449e92b4886f43607fa02"),
    "aws-actions/configure-aws-credentials": (
        "v4.2.1",
        "b47578312673ae6fa5b5096b330d9fbac3d116df",
    ),
    "hashicorp/setup-terraform": ("v3.1.2", "b9cd54a3c349d3f38e8881555d616ced269862dd"),
}
VERSIONS = {name: version for name, (version, _) in _PINS.items()}
"""The versions of the actions that are used."""

_PYTHON = "3.12"
_TERRAFORM = "1.11.4"


def checkout(*, history: bool = False) -> dict[str, Any]:
    """The repository; with all of its history, if asked for."""
    depth = {"fetch-depth": 0} if history else {}
    return _action("actions/checkout", **{"persist-credentials": False, **depth})


def tools(deployment: Deployment) -> list[dict[str, Any]]:
    """Python, and protonats as it is locked."""
    install = f"""\
python -m pip install --quiet --require-hashes --requirement {deployment.tools_requirements}
if [ -n "$PROTONATS_SOURCE" ]; then
  python -m pip install --quiet --no-deps "$PROTONATS_SOURCE"
fi
protonats --version
"""
    return [
        _action("actions/setup-python", **{"python-version": _PYTHON}),
        {"name": "Install protonats", "run": install},
    ]


def aws(role: str, region: str) -> dict[str, Any]:
    """A login at AWS that ends by itself: GitHub says who this is, and there is no key."""
    return _action(
        "aws-actions/configure-aws-credentials",
        **{"role-to-assume": f"${{{{ vars.{role} }}}}", "aws-region": region},
    )


def terraform() -> dict[str, Any]:
    """Terraform, whose output is read by programs."""
    return _action(
        "hashicorp/setup-terraform",
        **{"terraform_version": _TERRAFORM, "terraform_wrapper": False},
    )


def upload(name: str, path: str) -> dict[str, Any]:
    """Keeps a file for other jobs, and for people."""
    return _action(
        "actions/upload-artifact",
        **{"name": name, "path": path, "if-no-files-found": "error"},
    )


def download(pattern: str, path: str) -> dict[str, Any]:
    """What jobs before kept."""
    return _action(
        "actions/download-artifact",
        **{"pattern": pattern, "path": path, "merge-multiple": True},
    )


def attest(name: str, digest: str) -> dict[str, Any]:
    """A signed statement of which workflow built an image of which commit."""
    return _action(
        "actions/attest-build-provenance",
        **{"subject-name": name, "subject-digest": digest, "push-to-registry": True},
    )


def _action(action: str, /, **inputs: Any) -> dict[str, Any]:
    return {"uses": f"{action}@{_PINS[action][1]}", "with": inputs}
