"""The implementation of bodybroker.payment.v1.PaymentService."""
