"""What a started S3 server tells its users."""

from dataclasses import dataclass


@dataclass(frozen=True)
class S3Server:
    """An S3 endpoint on loopback and the one pair of keys that it accepts."""

    endpoint_url: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"
