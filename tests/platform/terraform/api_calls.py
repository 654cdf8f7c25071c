"""What programs call of AWS, from their text, and what roles may call, from a state."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.platform.terraform.roots import resources

__all__ = ["granted", "of_containers", "of_python", "of_scripts", "policies"]

_SCRIPT_CALL = re.compile(r"\baws ([a-z0-9-]+) ([a-z0-9-]+)(?: ([a-z0-9-]+))?")
_PREFIXES = {"s3api": "s3", "amp": "aps"}
"""The word of IAM, where it is not that of the command line or of boto3."""

_ACTIONS = {"s3:HeadObject": "s3:GetObject", "s3:ListObjectsV2": "s3:ListBucket"}
"""The right, where it does not have the name of the call."""

_WAITS = {
    "acm-pca certificate-issued": "acm-pca:GetCertificate",
    "ec2 volume-in-use": "ec2:DescribeVolumes",
    "ec2 volume-available": "ec2:DescribeVolumes",
}
_IMPLIED = {
    "s3:GetObject": {"kms:Decrypt"},
    "ec2:AttachVolume": {"kms:CreateGrant"},
    "secretsmanager:GetSecretValue": {"kms:Decrypt"},
    "secretsmanager:PutSecretValue": {"kms:Decrypt", "kms:GenerateDataKey"},
    "s3:PutObject": {"kms:GenerateDataKey"},
}
"""What a call needs besides of the key that encrypts what it is about."""


def of_scripts(paths: Iterable[Path]) -> set[str]:
    """The rights that shell programs need: `aws ec2 attach-volume` is `ec2:AttachVolume`."""
    called = set()
    for path in paths:
        code = "\n".join(
            line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")
        )
        for service, operation, waited in _SCRIPT_CALL.findall(code):
            if operation == "wait":
                called.add(_WAITS[f"{service} {waited}"])
            else:
                called.add(_action(service, operation.title().replace("-", "")))
    return _with_implied(called)


def of_python(paths: Iterable[Path]) -> set[str]:
    """The rights that Python needs: every call of an operation on what `client("name")` returns."""
    called = set()
    for path in paths:
        tree = ast.parse(path.read_text())
        clients = dict(_clients(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                service = clients.get(_name(node.func.value))
                if service is not None:
                    operation = node.func.attr.title().replace("_", "")
                    called.add(_action(service, operation))
    return _with_implied(called)


def of_containers(containers: Iterable[Mapping[str, Any]]) -> set[str]:
    """The rights that ECS needs to start these containers, as the guide of ECS lists them."""
    called = {
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetAuthorizationToken",
        "ecr:GetDownloadUrlForLayer",
    }
    for container in containers:
        if container.get("logConfiguration", {}).get("logDriver") == "awslogs":
            called |= {"logs:CreateLogStream", "logs:PutLogEvents"}
        if container.get("secrets"):
            called.add("secretsmanager:GetSecretValue")
    return _with_implied(called)


def policies(state: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The names of all roles that may call something, and the statements of their policies."""
    names = {values["id"]: values["name"] for _, values in resources(state, "aws_iam_role")}
    for _, values in resources(state, "aws_iam_role_policy"):
        yield names[values["role"]], json.loads(values["policy"])["Statement"]


def granted(statements: Iterable[Mapping[str, Any]]) -> set[str]:
    """The rights that statements give."""
    actions: set[str] = set()
    for statement in statements:
        assert statement["Effect"] == "Allow"
        action = statement["Action"]
        actions.update([action] if isinstance(action, str) else action)
    return actions


def _clients(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Names to which a client of boto3 is assigned, and its service."""
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or not isinstance(
            node.value, ast.Call
        ):
            continue
        function = node.value.func
        first = node.value.args[0] if node.value.args else None
        if _name(function).endswith("client") and isinstance(first, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((_name(target), str(first.value)) for target in targets)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _action(service: str, operation: str) -> str:
    action = f"{_PREFIXES.get(service, service)}:{operation}"
    return _ACTIONS.get(action, action)


def _with_implied(called: set[str]) -> set[str]:
    return called.union(*(_IMPLIED.get(action, set()) for action in called))
