"""Who may do what on the NATS servers: accounts, their users, and what they share."""

from __future__ import annotations

from protoc_gen_nats.access.accounts import (
    Account,
    Export,
    Import,
    JetStreamLimits,
    User,
    accounts_of,
    key_variable,
    next_key_variable,
    permissions_variable,
)
from protoc_gen_nats.access.roles import GATEWAY

__all__ = [
    "GATEWAY",
    "Account",
    "Export",
    "Import",
    "JetStreamLimits",
    "User",
    "accounts_of",
    "key_variable",
    "next_key_variable",
    "permissions_variable",
]
