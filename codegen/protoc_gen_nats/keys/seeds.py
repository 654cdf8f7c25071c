"""Nkeys: Ed25519 keys as NATS writes them, private ones as seeds."""

from __future__ import annotations

import secrets

import nkeys

from protoc_gen_nats.errors import Place, UserError

__all__ = ["ACCOUNT", "OPERATOR", "USER", "new_seed", "public_key", "sign"]

OPERATOR: int = nkeys.PREFIX_BYTE_OPERATOR
ACCOUNT: int = nkeys.PREFIX_BYTE_ACCOUNT
USER: int = nkeys.PREFIX_BYTE_USER


def new_seed(role: int) -> str:
    """A new seed, for an operator, an account or a user."""
    seed: bytes = nkeys.encode_seed(secrets.token_bytes(32), role)
    return seed.decode()


def public_key(seed: str, place: str) -> str:
    """The public key of a seed.

    Raises:
        UserError: It is none; the text names the place, and not the seed.
    """
    # nkeys calls it a VerifyKey, and gives the bytes of its text.
    return bytes(_pair(seed, place).public_key).decode()


def sign(seed: str, content: bytes) -> bytes:
    """The signature of something."""
    signature: bytes = _pair(seed, "").sign(content)
    return signature


def _pair(seed: str, place: str) -> nkeys.KeyPair:
    try:
        return nkeys.from_seed(bytearray(seed.strip().encode()))
    except (nkeys.NkeysError, ValueError):
        text = "no nkey seed: restore it from a backup, or remove it and make a new one"
        raise UserError.of(text, Place(place)) from None
