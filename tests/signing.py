"""Requests signed by botocore, as a server receives them: what arrives is bytes, header names in lower case.

botocore reads the clock itself; its time is therefore taken from the signature that it made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from service.core.secret import Secret
from service.core.signatures.reading import Headers, Signature, read_signature
from service.core.signatures.verifying import SigningKeys, verify

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SECRETS = {KEY_ID: SECRET}
ADDRESS = "http://127.0.0.1:8080"
KEYS = SigningKeys()


@dataclass(frozen=True)
class Arrived:
    """A request as it came over the wire."""

    method: str
    path: bytes
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def header(self, name: bytes) -> bytes:
        return dict(self.headers)[name]

    def read(self, now: datetime) -> Signature:
        return read_signature(self.method, self.path, self.query, self.headers, now)

    def verify(self, now: datetime, secrets: Mapping[str, str] = SECRETS) -> Signature:
        """Both phases, where these are all the keys that there are."""
        signature = self.read(now)
        secret = secrets.get(signature.scope.key_id)
        verify(signature, None if secret is None else Secret(secret), sha256(self.body).hexdigest(), KEYS)
        return signature


def signed(
    method: str = "POST",
    target: str = "/",
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    service: str = "sagemaker",
    token: str | None = None,
) -> Arrived:
    """A request that botocore's SigV4Auth signed just now."""
    request = _request(method, target, headers, body)
    SigV4Auth(Credentials(KEY_ID, SECRET, token), service, "us-east-1").add_auth(request)
    return arrived(method, request.url, list(request.headers.items()), body)


def presigned(
    method: str = "GET",
    target: str = "/",
    headers: Sequence[tuple[str, str]] = (),
    *,
    members: Mapping[str, str] | None = None,
    expires: int = 3600,
    token: str | None = None,
) -> Arrived:
    """A request that botocore's SigV4QueryAuth signed just now, for so many seconds; members go in its query."""
    request = _request(method, target, headers, b"")
    request.params = dict(members or {})
    SigV4QueryAuth(Credentials(KEY_ID, SECRET, token), "sts", "us-east-1", expires=expires).add_auth(request)
    return arrived(method, request.url, list(request.headers.items()), b"")


def arrived(method: str, url: str, headers: Sequence[tuple[str, str | bytes]], body: bytes) -> Arrived:
    """The request as its client sends it to an address."""
    parts = urlsplit(url)
    pairs = [(name.lower().encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers]
    if b"host" not in dict(pairs):
        pairs.append((b"host", parts.netloc.encode()))
    return Arrived(method, parts.path.encode(), parts.query.encode(), tuple(pairs), body)


def signed_at(request: Arrived) -> datetime:
    """When a request says that it was signed."""
    headers = dict(request.headers)
    if b"x-amz-date" not in headers and b"date" in headers:
        return parsedate_to_datetime(headers[b"date"].decode()).replace(tzinfo=UTC)
    text = headers.get(b"x-amz-date") or request.query.partition(b"X-Amz-Date=")[2][:16]
    return datetime.strptime(text.decode(), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def without(headers: Headers, name: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The headers but for one."""
    return tuple(pair for pair in headers if pair[0] != name)


def _request(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> AWSRequest:
    request = AWSRequest(method, ADDRESS + target, data=body)
    for name, value in headers:
        request.headers.add_header(name, value)
    return request
