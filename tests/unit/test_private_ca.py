"""The private CA at AWS, which signs when it gets to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.client
import pytest

from protoc_gen_nats.certificates.acm_pca import PrivateCa
from protoc_gen_nats.certificates.requests import new_key, request_for
from protoc_gen_nats.errors import UserError

ARN = "arn:aws:acm-pca:eu-central-1:000000000000:certificate-authority/1"
START = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_ca_that_does_not_sign_is_given_up_after_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never_signs(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation == "IssueCertificate":
            return {"CertificateArn": f"{ARN}/certificate/1"}
        code = "RequestInProgressException"
        raise self.exceptions.from_code(code)({"Error": {"Code": code}}, operation)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", never_signs)
    request = request_for(new_key(), "order", (), serving=False)
    waited: list[float] = []

    with pytest.raises(UserError) as caught:
        PrivateCa(ARN, wait=waited.append).sign(
            request, start=START, end=START + timedelta(days=90)
        )

    assert str(caught.value) == ("the CA did not sign the certificate of order in 60s: try again")
    assert sum(waited) == 60
