"""The tokens of NATS: JSON Web Tokens that are signed with nkeys (`ed25519-nkey`, version 2)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from protoc_gen_nats.keys.seeds import public_key, sign

__all__ = ["credentials", "issue", "read_token", "same_claims", "seed_of", "token_of"]

_HEADER: Final = {"typ": "JWT", "alg": "ed25519-nkey"}


def issue(seed: str, *, subject: str, name: str, moment: int, claims: Mapping[str, Any]) -> str:
    """A token.

    Args:
        seed: Whose key signs it.
        subject: The public key that it is about.
        name: Its name, for people.
        moment: When it was issued, in seconds since 1970.
        claims: What it says, with its `type`.
    """
    body: dict[str, Any] = {
        "iat": moment,
        "iss": public_key(seed, name),
        "name": name,
        "sub": subject,
        "nats": {**claims, "version": 2},
    }
    digest = hashlib.sha256(_json(body)).digest()
    body["jti"] = base64.b32encode(digest).decode().rstrip("=")
    content = f"{_encoded(_json(_HEADER))}.{_encoded(_json(body))}"
    return f"{content}.{_encoded(sign(seed, content.encode()))}"


def read_token(token: str) -> dict[str, Any]:
    """What a token says; its signature is not looked at.

    Raises:
        ValueError: It is no token.
    """
    _, body, _ = token.split(".")
    value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return value


def same_claims(one: str, other: str) -> bool:
    """Whether two tokens differ only in when they were issued."""
    left, right = ({**read_token(token), "iat": 0, "jti": ""} for token in (one, other))
    return left == right


def credentials(token: str, seed: str) -> str:
    """A `.creds` file: the token of a user, and its seed."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )


def token_of(content: str) -> str:
    """The token in a `.creds` file.

    Raises:
        ValueError: There is none.
    """
    return _below("-----BEGIN NATS USER JWT-----", content)


def seed_of(content: str) -> str:
    """The seed in a `.creds` file.

    Raises:
        ValueError: There is none.
    """
    return _below("-----BEGIN USER NKEY SEED-----", content)


def _below(head: str, content: str) -> str:
    lines = [*content.splitlines(), ""]
    return lines[lines.index(head) + 1]


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
