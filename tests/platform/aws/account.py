"""An account at AWS, played by moto, with what Terraform makes of the project of these tests."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from click.testing import CliRunner, Result

from protoc_gen_nats.cli import main
from tests.platform.tools import ROOT

__all__ = ["BUCKET", "CLUSTER", "SERVICES", "USERS", "Account"]

BUCKET = "shop-production-nats-0001"
CLUSTER = "shop-production"
USERS = ("order", "order_v2", "stock", "operator", "deployer", "gateway", "monitor", "system")
SERVICES = ("order", "order_v2", "stock", "gateway", "monitor")
"""The users whose tasks run all the time."""

_CASE = ROOT / "tests" / "golden" / "cases" / "deployment"
_REGION = "eu-central-1"
_TEMPLATE = "arn:aws:acm-pca:::template/RootCACertificate/V1"


class Account:
    """Secrets, bucket, CA and services of the environment `production`.

    Attributes:
        authority: The ARN of the CA.
    """

    def __init__(self, folder: Path, *, login: str = "nkeys") -> None:
        self._project = folder
        shutil.copytree(_CASE / "proto", folder / "proto")
        text = (_CASE / "protonats.yaml").read_text()
        named = text.replace("  name: shop\n", f"  name: shop\n  login: {login}\n")
        (folder / "protonats.yaml").write_text(named)
        self.secrets = self.client("secretsmanager")
        self.ecs = self.client("ecs")
        self._s3 = self.client("s3")
        self._pca = self.client("acm-pca")
        for user in USERS:
            self.secrets.create_secret(Name=f"{CLUSTER}/nats/{user}")
        place = {"LocationConstraint": _REGION}
        self._s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        self.authority = self.make_authority()
        self._start_services()

    def client(self, service: str) -> Any:
        """A client of boto3."""
        return boto3.client(service, region_name=_REGION)

    def asked(self, *arguments: str, **variables: str) -> Result:
        """Runs a command on the project, for production at AWS."""
        where = ("--project", str(self._project), "--environment", "production", "--to", "aws")
        return CliRunner().invoke(main, [*arguments, *where], env=variables)

    def done(self, *arguments: str) -> Any:
        """What it prints as JSON."""
        bucket = ("--bucket", BUCKET) if arguments[0] == "keys" and arguments[1] != "list" else ()
        result = self.asked(*arguments, *bucket, "--json")
        assert result.exit_code == 0, result.output
        assert "PRIVATE KEY" not in result.output
        return json.loads(result.stdout)

    def refused(self, *arguments: str) -> str:
        """What it says when it ends with exit code 1."""
        result = self.asked(*arguments, "--bucket", BUCKET)
        assert result.exit_code == 1, result.output
        return result.stderr.removeprefix("error: ").rstrip("\n")

    def secret(self, user: str) -> dict[str, str]:
        """What a user's secret has."""
        answer = self.secrets.get_secret_value(SecretId=f"{CLUSTER}/nats/{user}")
        value: dict[str, str] = json.loads(answer["SecretString"])
        return value

    def file(self, name: str) -> str:
        """What is in the bucket."""
        body: bytes = self._s3.get_object(Bucket=BUCKET, Key=name)["Body"].read()
        return body.decode()

    def started(self) -> dict[str, datetime]:
        """When the tasks of the services started last."""
        answer = self.ecs.describe_services(cluster=CLUSTER, services=[*SERVICES])
        return {
            one["serviceName"]: one["deployments"][0]["createdAt"] for one in answer["services"]
        }

    def make_authority(self) -> str:
        """Makes a CA that signs; gives its ARN."""
        arn: str = self._pca.create_certificate_authority(
            CertificateAuthorityConfiguration={
                "KeyAlgorithm": "EC_prime256v1",
                "SigningAlgorithm": "SHA256WITHECDSA",
                "Subject": {"CommonName": f"CA {datetime.now(UTC):%f}"},
            },
            CertificateAuthorityType="ROOT",
        )["CertificateAuthorityArn"]
        request = self._pca.get_certificate_authority_csr(CertificateAuthorityArn=arn)["Csr"]
        issued = self._pca.issue_certificate(
            CertificateAuthorityArn=arn,
            Csr=request.encode(),
            SigningAlgorithm="SHA256WITHECDSA",
            TemplateArn=_TEMPLATE,
            Validity={"Type": "YEARS", "Value": 10},
        )["CertificateArn"]
        root = self._pca.get_certificate(CertificateAuthorityArn=arn, CertificateArn=issued)
        self._pca.import_certificate_authority_certificate(
            CertificateAuthorityArn=arn, Certificate=root["Certificate"].encode()
        )
        return arn

    def _start_services(self) -> None:
        self.ecs.create_cluster(clusterName=CLUSTER)
        container = {"name": "main", "image": "none", "memory": 128}
        self.ecs.register_task_definition(family="any", containerDefinitions=[container])
        for name in SERVICES:
            self.ecs.create_service(
                cluster=CLUSTER, serviceName=name, taskDefinition="any", desiredCount=2
            )
