"""Rules of task definitions that no validator has. Each gives a sentence for what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from protoc_gen_nats.fargate import is_size
from tests.platform.ecs.definitions import GENERATED, Definition

__all__ = ["TASK_RULES", "Rule", "one_essential_container"]

Rule = Callable[[Definition], Iterator[str]]

_DIGEST = re.compile(r"[^@:]+(:\d+/[^@:]+)?@sha256:[0-9a-f]{64}")
_SECRET = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[^:]+:\w+::")
_SECRET_NAME = re.compile(r"(^|_)(PASSWORD|PASSPHRASE|TOKEN|SECRET|SEED|CREDS?|KEY)(_|$)")
_SECRET_VALUE = re.compile(r"://[^/@]*:[^/@]*@|PRIVATE KEY|^S[A-Z][A-Z2-7]{56}$")
_IDENTITY = {"NATS_CA_PEM", "NATS_CERT_PEM", "NATS_KEY_PEM"}
_LOGINS = {"NATS_NKEY_SEED", "NATS_CREDS_TEXT"}


def one_essential_container(definition: Definition) -> Iterator[str]:
    containers = definition.task["containerDefinitions"]
    if len(containers) != 1 or not containers[0]["essential"]:
        yield f"{len(containers)} containers, of which one has to be essential"


def nothing_is_left_to_fill_in(definition: Definition) -> Iterator[str]:
    for value in (definition.task, definition.service, definition.scaling):
        if "${" in json.dumps(value):
            yield "something is not filled in"


def it_runs_on_fargate(definition: Definition) -> Iterator[str]:
    task = definition.task
    if (task["networkMode"], task["requiresCompatibilities"]) != ("awsvpc", ["FARGATE"]):
        yield "it is not for Fargate"
    if not is_size(int(task["cpu"]), int(task["memory"]) << 20):
        yield f"Fargate has no task of {task['cpu']} CPU units with {task['memory']} MiB"


def its_user_is_not_root(definition: Definition) -> Iterator[str]:
    user = definition.container.get("user", "")
    if not re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user):
        yield f"its user is {user!r}, and has to be a number and a group that are not root's"


def it_has_no_privileges(definition: Definition) -> Iterator[str]:
    container = definition.container
    if container.get("privileged"):
        yield "it is privileged"
    capabilities = container.get("linuxParameters", {}).get("capabilities", {})
    if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
        yield "it keeps capabilities"
    if definition.task.get("pidMode") or definition.task.get("ipcMode"):
        yield "it shares processes with others"


def its_root_is_read_only(definition: Definition) -> Iterator[str]:
    if definition.container.get("readonlyRootFilesystem") is not True:
        yield "its root file system can be written"


def it_hears_sigterm(definition: Definition) -> Iterator[str]:
    if not definition.container.get("linuxParameters", {}).get("initProcessEnabled"):
        yield "Python is process 1, which hears no SIGTERM"


def it_stops_in_time(definition: Definition) -> Iterator[str]:
    stop = definition.container.get("stopTimeout")
    if stop is None or not 2 <= stop <= 120:
        yield f"it has {stop} seconds to stop, and ECS gives 2 to 120"
        return
    variables = {one["name"]: one["value"] for one in definition.container["environment"]}
    grace = variables.get("PROTONATS_GRACE_PERIOD", "0" if definition.service is None else "20")
    if float(grace) >= stop:
        yield f"it is killed after {stop} s, while handlers may run for {grace} s"


def its_image_is_named_by_its_digest(definition: Definition) -> Iterator[str]:
    image = definition.container["image"]
    if not _DIGEST.fullmatch(image):
        yield f"{image} is another image tomorrow"


def its_variables_are_no_secrets(definition: Definition) -> Iterator[str]:
    for one in definition.container["environment"]:
        if _SECRET_NAME.search(one["name"]) or _SECRET_VALUE.search(one["value"]):
            yield f"the variable {one['name']} looks like a secret"


def its_secrets_are_in_secrets_manager(definition: Definition) -> Iterator[str]:
    for one in definition.container["secrets"]:
        if not _SECRET.fullmatch(one["valueFrom"]):
            yield f"{one['name']} is no key of a secret of Secrets Manager: {one['valueFrom']}"


def it_can_log_in(definition: Definition) -> Iterator[str]:
    names = {one["name"] for one in definition.container["secrets"]}
    if not names >= _IDENTITY or len(names & _LOGINS) != 1:
        yield "it has no key or no certificate for NATS"


def no_variable_is_set_twice(definition: Definition) -> Iterator[str]:
    container = definition.container
    names = [one["name"] for one in (*container["environment"], *container["secrets"])]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} is set twice"


def its_two_roles_are_two(definition: Definition) -> Iterator[str]:
    execution, task = (definition.task.get(f"{one}RoleArn") for one in ("execution", "task"))
    if not execution or not task or execution == task:
        yield "it may do what ECS does to start it: execution role and task role have to differ"


def it_says_how_it_is(definition: Definition) -> Iterator[str]:
    """A tool runs until it is done: nobody asks."""
    check = definition.container.get("healthCheck")
    if definition.service is None:
        return
    if check is None:
        yield "nobody knows whether it is well: it has no health check"
    elif check["command"] != ["CMD", "python", "-m", "protonats.health_check"]:
        yield f"its health check is {check['command']}, which its image need not have"


def its_logs_are_kept(definition: Definition) -> Iterator[str]:
    logs = definition.container.get("logConfiguration", {})
    options = logs.get("options", {})
    group = f"/bodybroker-{definition.environment}/{definition.name}"
    if logs.get("logDriver") != "awslogs" or options.get("awslogs-group") != group:
        yield f"its logs are not in {group}"
    elif not options.get("awslogs-stream-prefix") or not options.get("awslogs-region"):
        yield "its logs are without prefix or region, and Fargate wants both"


def it_has_only_what_fargate_has(definition: Definition) -> Iterator[str]:
    container = definition.container
    linux = container.get("linuxParameters", {})
    found = {"devices", "maxSwap", "sharedMemorySize", "swappiness", "tmpfs"} & linux.keys()
    found |= {"dockerSecurityOptions", "extraHosts", "links"} & container.keys()
    for name in sorted(found):
        yield f"Fargate has no {name}"
    for limit in container.get("ulimits", []):
        if limit["name"] != "nofile":
            yield f"Fargate sets no limit {limit['name']}"


def it_writes_where_its_image_lets_it(definition: Definition) -> Iterator[str]:
    """Folders that are mounted belong to root, unless the image declares them."""
    image = "tools" if definition.service is None else definition.name
    dockerfile = GENERATED / "images" / image / "Dockerfile"
    volumes = {one["name"] for one in definition.task.get("volumes", [])}
    for mount in definition.container.get("mountPoints", []):
        if mount["sourceVolume"] not in volumes:
            yield f"there is no volume {mount['sourceVolume']}"
        elif f"VOLUME {mount['containerPath']}\n" not in dockerfile.read_text():
            yield f"{mount['containerPath']} belongs to root: its image declares no such volume"


TASK_RULES: tuple[Rule, ...] = (
    nothing_is_left_to_fill_in,
    it_runs_on_fargate,
    its_user_is_not_root,
    it_has_no_privileges,
    its_root_is_read_only,
    it_hears_sigterm,
    it_stops_in_time,
    its_image_is_named_by_its_digest,
    its_variables_are_no_secrets,
    its_secrets_are_in_secrets_manager,
    it_can_log_in,
    no_variable_is_set_twice,
    its_two_roles_are_two,
    it_says_how_it_is,
    its_logs_are_kept,
    it_has_only_what_fargate_has,
    it_writes_where_its_image_lets_it,
)
"""Those of a task that has its container."""
