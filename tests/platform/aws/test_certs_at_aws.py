"""`protonats certs --to aws`: signed by the private CA, from requests that are made here."""

from __future__ import annotations

from typing import Any

import botocore.client
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.platform.aws.account import SERVICES, USERS, Account


@pytest.fixture
def ca(account: Account) -> str:
    return f"acm-pca:{account.authority}"


def certificate(account: Account, user: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(account.secret(user)["certificate"].encode())


def test_each_user_gets_a_certificate_of_the_ca(account: Account, ca: str) -> None:
    done = account.done("certs", "create", "--ca", ca)
    assert done["created"] == [f"users/{user}" for user in USERS]
    for user in USERS:
        secret, found = account.secret(user), certificate(account, user)
        found.verify_directly_issued_by(x509.load_pem_x509_certificate(secret["ca"].encode()))
        key = load_pem_private_key(secret["private_key"].encode(), password=None)
        assert key.public_key() == found.public_key()
        assert found.subject.rfc4514_string() == f"CN={user}"
    assert account.done("certs", "create", "--ca", ca)["created"] == []
    assert account.done("certs", "renew", "--ca", ca)["renewed"] == []


def test_what_the_ca_is_asked(account: Account, ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No private key is in any call; users get certificates that are good for clients alone, for
    as long as the manifest says."""
    calls: list[tuple[str, dict[str, Any]]] = []
    make = botocore.client.BaseClient._make_api_call

    def recorded(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        calls.append((operation, parameters))
        return make(self, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", recorded)
    account.done("certs", "create", "--ca", ca)
    asked = [parameters for name, parameters in calls if name == "IssueCertificate"]
    assert len(asked) == len(USERS)
    for one in asked:
        assert one["TemplateArn"] == "arn:aws:acm-pca:::template/EndEntityClientAuthCertificate/V1"
        assert one["SigningAlgorithm"] == "SHA256WITHECDSA"
        assert one["Validity"]["Type"] == "ABSOLUTE"
        assert b"PRIVATE" not in one["Csr"]
    assert len({one["IdempotencyToken"] for one in asked}) == len(USERS)
    others = [parameters for name, parameters in calls if name != "PutSecretValue"]
    assert "PRIVATE KEY" not in str(others)


def test_another_ca_takes_over_in_three_steps(account: Account, ca: str) -> None:
    account.done("certs", "create", "--ca", ca)
    first = certificate(account, "order")
    new = f"acm-pca:{account.make_authority()}"
    # Everybody trusts both, and has the certificate of the old one.
    done = account.done("certs", "renew", "--ca", ca, "--trust", new)
    assert len(done["renewed"]) == len(USERS)
    assert account.secret("order")["ca"].count("BEGIN CERTIFICATE") == 2
    assert certificate(account, "order") == first
    account.done("certs", "renew", "--ca", new, "--trust", ca)
    assert account.secret("order")["ca"].count("BEGIN CERTIFICATE") == 2
    second = certificate(account, "order")
    assert second.issuer != first.issuer
    account.done("certs", "renew", "--ca", new)
    assert account.secret("order")["ca"].count("BEGIN CERTIFICATE") == 1
    assert certificate(account, "order") == second


def test_services_with_older_certificates_are_restarted(account: Account, ca: str) -> None:
    account.done("certs", "create", "--ca", ca)
    account.done("certs", "renew", "--ca", ca, "--restart")
    started = account.started()
    # Nothing is due, so nothing starts again.
    assert account.done("certs", "renew", "--ca", ca, "--restart")["restarted"] == []
    assert account.started() == started
    done = account.done("certs", "renew", "--ca", ca, "--all", "--restart")
    assert done["restarted"] == [user for user in USERS if user in SERVICES]
    assert all(moment > started[name] for name, moment in account.started().items())


def test_who_signs_has_to_be_said(account: Account) -> None:
    result = account.asked("certs", "create")
    assert result.exit_code == 2
    assert "--to aws: say who signs, with --ca acm-pca:ARN or --ca DIR" in result.stderr


def test_nodes_make_their_certificates_themselves(account: Account, ca: str) -> None:
    result = account.asked("certs", "create", "--ca", ca, "--node", "nats-9")
    assert result.exit_code == 2
    assert "at AWS, nodes make their certificates themselves" in result.stderr


def test_an_arn_that_is_none(account: Account) -> None:
    result = account.asked("certs", "create", "--ca", "acm-pca:arn:aws:s3:::bucket")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: arn:aws:s3:::bucket is no ARN of a CA: it looks like"
        " arn:aws:acm-pca:<region>:<account>:certificate-authority/<id>\n"
    )


def test_a_ca_that_is_not_there(account: Account) -> None:
    nobody = f"acm-pca:{account.authority[:-4]}0000"
    result = account.asked("certs", "create", "--ca", nobody)
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "error: AWS refuses IssueCertificate: ResourceNotFoundException: "
    )
