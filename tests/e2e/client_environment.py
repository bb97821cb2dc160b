"""A whole installation as SageMaker's clients find it: an S3 server, `sextant up` before it, and the environment block
that points a client at both.

What lives here: the servers and the block. What does not: any client.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.service_under_test import Service
from tests.servers.ceph import ceph_gateway
from tests.servers.s3_server import S3Server

BUCKET = "sm-local"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
SERVICES = ("SAGEMAKER", "SAGEMAKER_RUNTIME", "CLOUDWATCH_LOGS", "CLOUDWATCH", "STS", "IAM")
SDK_CONFIGURATION = """\
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
      Session:
        DefaultS3Bucket: {bucket}
"""


@dataclass(frozen=True)
class Installation:
    """A running `sextant up` and all that a client needs to know of it."""

    folder: Path
    service: Service
    block: dict[str, str]

    @property
    def client_environment(self) -> dict[str, str]:
        """The block, and nothing else but where programs are and an empty home."""
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), **self.block}


@contextmanager
def installation(folder: Path) -> Iterator[Installation]:
    """Ceph's gateway and `sextant up` before it; both have ended when the block is left."""
    for name in ("ceph", "service", "home"):
        (folder / name).mkdir()
    with ceph_gateway(folder / "ceph") as s3:
        service = Service(folder / "service", variables={"SEXTANT_STORE_ENDPOINT_URL": s3.endpoint_url, **keys(s3)})
        try:
            service.start()
            yield Installation(folder, service, environment_block(service.url, s3, folder))
        finally:
            service.clear()


def keys(s3: S3Server) -> dict[str, str]:
    """Credentials and region as AWS's clients read them."""
    return {
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "AWS_DEFAULT_REGION": s3.region,
    }


def environment_block(url: str, s3: S3Server, folder: Path) -> dict[str, str]:
    """The variables that make unmodified clients use this installation; the SDK's own file is written to the folder."""
    configuration = folder / "sagemaker.yaml"
    configuration.write_text(SDK_CONFIGURATION.format(bucket=BUCKET))
    return {
        **{f"AWS_ENDPOINT_URL_{service}": url for service in SERVICES},
        "AWS_ENDPOINT_URL_S3": s3.endpoint_url,
        **keys(s3),
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(configuration),
    }
