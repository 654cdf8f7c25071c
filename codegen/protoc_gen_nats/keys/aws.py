"""Keys and certificates at AWS: secrets of users in Secrets Manager, what servers read in S3."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, Final

from protoc_gen_nats.errors import Place, UserError
from protoc_gen_nats.keys.moments import moment_of
from protoc_gen_nats.keys.places import (
    CA,
    CERTIFICATE,
    CREDENTIALS,
    PRIVATE_KEY,
    SEED,
    Holder,
    user,
)

__all__ = ["AwsStore", "asking", "client"]

_SHOWN: Final = (SEED, CREDENTIALS, CA, CERTIFICATE, PRIVATE_KEY)
"""What tasks start with. The other fields of a secret are this command line's."""

_CHANGED: Final = "changed"
_SETTLING: Final = 300.0
"""Seconds in which every node has read a new file: they look each minute."""


def client(service: str, region: str) -> Any:
    """What asks a service of AWS.

    Raises:
        UserError: boto3 is not installed.
    """
    try:
        import boto3
    except ModuleNotFoundError:
        text = "keys and certificates at AWS need boto3: pip install 'protonats[codegen,aws]'"
        raise UserError.of(text) from None
    return boto3.client(service, region_name=region)


@contextmanager
def asking(*, missing: str = "") -> Iterator[None]:
    """Says what AWS says to the calls in its block.

    Args:
        missing: What is said where there is no such thing; empty: what AWS says.

    Raises:
        UserError: AWS refuses, or there is no way to it. What was sent is not in its text.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        said = error.response["Error"]
        if missing and said["Code"] == "ResourceNotFoundException":
            raise UserError.of(missing) from None
        raise UserError.of(
            f"AWS refuses {error.operation_name}: {said['Code']}: {said.get('Message', '')}"
        ) from None
    except BotoCoreError as error:
        raise UserError.of(f"AWS cannot be asked: {error}") from None


class AwsStore:
    """The secrets `<prefix>/nats/<user>`, and the bucket of the servers."""

    settling = _SETTLING

    def __init__(
        self, *, prefix: str, region: str, bucket: str, now: Callable[[], datetime]
    ) -> None:
        """
        Args:
            prefix: What the names of an environment begin with.
            region: Where it is.
            bucket: What the servers read their configuration from; empty where nothing is
                published.
            now: The clock.
        """
        self._prefix = prefix
        self._now = now
        self._bucket = bucket
        self._secrets = client("secretsmanager", region)
        self._files = client("s3", region)

    def alone(self) -> AbstractContextManager[object]:
        return nullcontext()

    def where(self, holder: Holder) -> str:
        return f"secret {self._name(holder)}"

    def read(self, holder: Holder) -> dict[str, str]:
        with asking():
            try:
                answer = self._secrets.get_secret_value(SecretId=self._name(holder))
            except self._secrets.exceptions.ResourceNotFoundException:
                # A secret without a value is not told from one that is not there.
                return {}
        try:
            value = json.loads(answer["SecretString"])
        except (ValueError, KeyError):
            value = None
        if not isinstance(value, dict):
            text = "no JSON object: restore an older version of the secret"
            raise UserError.of(text, Place(self.where(holder)))
        return {str(field): str(one) for field, one in value.items()}

    def write(self, holder: Holder, fields: Mapping[str, str]) -> None:
        old, new = self.read(holder), dict(fields)
        if any(old.get(field) != new.get(field) for field in _SHOWN):
            new[_CHANGED] = self._now().isoformat()
        if new == old:
            return
        name = self._name(holder)
        with asking(missing=f"there is no secret {name}: create it with Terraform first"):
            self._secrets.put_secret_value(SecretId=name, SecretString=json.dumps(new))

    def published(self, name: str) -> str:
        with asking():
            # Who may not list is told that a file which is missing is forbidden.
            listed = self._files.list_objects_v2(Bucket=self._bucket, Prefix=name)
            if name not in (entry["Key"] for entry in listed.get("Contents", ())):
                return ""
            answer = self._files.get_object(Bucket=self._bucket, Key=name)
            content: bytes = answer["Body"].read()
        return content.decode(errors="replace")

    def publish(self, name: str, content: str) -> None:
        with asking():
            self._files.put_object(
                Bucket=self._bucket, Key=name, Body=content.encode(), ContentType="text/plain"
            )

    def changed(self, name: str) -> datetime | None:
        """When that changed last with which the tasks of a user start; None where there is none."""
        return moment_of(self.read(user(name)).get(_CHANGED))

    def _name(self, holder: Holder) -> str:
        return f"{self._prefix}/nats/{holder.name}"
