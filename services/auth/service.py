"""Serves bodybroker.auth.v1.AuthService."""

from __future__ import annotations

import protonats
from bodybroker.auth.v1 import auth_pb2
from bodybroker.auth.v1.auth_nats import AuthServiceServer


class AuthService(AuthServiceServer):
    """Keeps sessions and rate limits, both in Redis.

    A session is proven by a secret token, which is stored only as a hash. A
    failover of Redis may lose the newest sessions: their users sign in again.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def create_session(
        self,
        request: auth_pb2.CreateSessionRequest,
        context: protonats.CallContext,
    ) -> auth_pb2.CreateSessionResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "CreateSession is not implemented",
        )

    async def validate_session(
        self,
        request: auth_pb2.ValidateSessionRequest,
        context: protonats.CallContext,
    ) -> auth_pb2.ValidateSessionResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "ValidateSession is not implemented",
        )

    async def revoke_session(
        self,
        request: auth_pb2.RevokeSessionRequest,
        context: protonats.CallContext,
    ) -> auth_pb2.RevokeSessionResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "RevokeSession is not implemented",
        )

    async def check_rate_limit(
        self,
        request: auth_pb2.CheckRateLimitRequest,
        context: protonats.CallContext,
    ) -> auth_pb2.CheckRateLimitResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "CheckRateLimit is not implemented",
        )
