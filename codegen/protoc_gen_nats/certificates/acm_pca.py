"""AWS Private CA: its key never leaves it, and that of a certificate never gets there."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from protoc_gen_nats.certificates.requests import Request
from protoc_gen_nats.errors import UserError
from protoc_gen_nats.keys.aws import asking, client

__all__ = ["PrivateCa"]

_ALGORITHM: Final = "SHA256WITHECDSA"
"""With what the CA signs: that of infra/terraform/modules/certificates has a key on P-256."""

_ARN: Final = re.compile(
    r"arn:[\w-]+:acm-pca:(?P<region>[\w-]+):\d{12}:certificate-authority/[\w-]+"
)
_SERVING: Final = "EndEntityCertificate/V1"
_CLIENT: Final = "EndEntityClientAuthCertificate/V1"
_INTERVAL: Final = 1.0
_PATIENCE: Final = 60.0


class PrivateCa:
    """A CA at AWS."""

    def __init__(
        self,
        arn: str,
        *,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            arn: Which CA.
            wait: What waits for seconds.

        Raises:
            UserError: It is no ARN of a CA, or boto3 is not installed.
        """
        self._acm_pca = client("acm-pca", _region(arn))
        self._arn = arn
        self._wait = wait
        self._trusted: tuple[x509.Certificate, ...] = ()

    def trusted(self) -> tuple[x509.Certificate, ...]:
        if not self._trusted:
            with asking():
                answer = self._acm_pca.get_certificate_authority_certificate(
                    CertificateAuthorityArn=self._arn
                )
            both = f"{answer['Certificate']}\n{answer.get('CertificateChain') or ''}"
            self._trusted = tuple(x509.load_pem_x509_certificates(both.encode()))
        return self._trusted

    def sign(self, request: Request, *, start: datetime, end: datetime) -> str:
        csr = request.signing_request.public_bytes(Encoding.PEM)
        partition = self._arn.split(":")[1]
        template = _SERVING if request.serving else _CLIENT
        with asking():
            issued = self._acm_pca.issue_certificate(
                CertificateAuthorityArn=self._arn,
                Csr=csr,
                SigningAlgorithm=_ALGORITHM,
                TemplateArn=f"arn:{partition}:acm-pca:::template/{template}",
                Validity={"Type": "ABSOLUTE", "Value": int(end.timestamp())},
                IdempotencyToken=hashlib.sha256(csr).hexdigest()[:32],
            )
        answer = self._answer(issued["CertificateArn"], request.name)
        chain = answer.get("CertificateChain") or ""
        # What is trusted already leads nowhere.
        between = (
            [
                one
                for one in x509.load_pem_x509_certificates(chain.encode())
                if one not in self.trusted()
            ]
            if chain
            else []
        )
        leaf = x509.load_pem_x509_certificate(answer["Certificate"].encode())
        return "".join(one.public_bytes(Encoding.PEM).decode() for one in (leaf, *between))

    def _answer(self, arn: str, name: str) -> Any:
        waited = 0.0
        while True:
            with asking():
                try:
                    return self._acm_pca.get_certificate(
                        CertificateAuthorityArn=self._arn, CertificateArn=arn
                    )
                except self._acm_pca.exceptions.RequestInProgressException:
                    pass
            if waited >= _PATIENCE:
                raise UserError.of(
                    f"the CA did not sign the certificate of {name} in {_PATIENCE:g}s: try again"
                )
            self._wait(_INTERVAL)
            waited += _INTERVAL


def _region(arn: str) -> str:
    parts = _ARN.fullmatch(arn)
    if parts is None:
        raise UserError.of(
            f"{arn} is no ARN of a CA: it looks like"
            " arn:aws:acm-pca:<region>:<account>:certificate-authority/<id>"
        )
    return parts["region"]
