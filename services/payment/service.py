"""Serves bodybroker.payment.v1.PaymentService."""

from __future__ import annotations

import protonats
from bodybroker.payment.v1 import payment_pb2
from bodybroker.payment.v1.payment_nats import PaymentServiceServer


class PaymentService(PaymentServiceServer):
    """Keeps the accounts of in-game currency.

    An account is never below zero. Every payment is stored with the key it was
    asked for with, so the same key never moves money twice, and is refunded at
    most once. Accounts and payments live in JetStream key-value buckets and
    survive a failover.
    """

    def __init__(self, app: protonats.Application) -> None:
        self._app = app

    async def process(
        self,
        request: payment_pb2.ProcessRequest,
        context: protonats.CallContext,
    ) -> payment_pb2.ProcessResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Process is not implemented",
        )

    async def validate(
        self,
        request: payment_pb2.ValidateRequest,
        context: protonats.CallContext,
    ) -> payment_pb2.ValidateResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Validate is not implemented",
        )

    async def refund(
        self,
        request: payment_pb2.RefundRequest,
        context: protonats.CallContext,
    ) -> payment_pb2.RefundResponse:
        raise protonats.StatusError(
            protonats.Code.UNIMPLEMENTED,
            "Refund is not implemented",
        )
