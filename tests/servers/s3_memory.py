"""As much of S3 as our adapter speaks, on a dictionary: whole objects, objects in parts, listings by page.

What does not live here: HTTP, and misbehaving (tests.servers.faulty_store). Every signature is good.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count, islice
from threading import Lock
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Request:
    """What a client asks; for a bucket the key is empty."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    body: bytes

    @classmethod
    def parse(cls, method: str, target: str, body: bytes) -> "Request":
        path, _, query = target.partition("?")
        bucket, _, key = path.removeprefix("/").partition("/")
        return cls(method, bucket, unquote(key), dict(parse_qsl(query, keep_blank_values=True)), body)

    @property
    def stores_an_object(self) -> bool:
        return self.method == "PUT" and bool(self.key)

    def with_body(self, body: bytes) -> "Request":
        return replace(self, body=body)


@dataclass(frozen=True)
class Answer:
    """What the client is told; a HEAD has the headers of the body that a GET would have."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stored:
    """One object."""

    body: bytes
    modified_at: datetime
    etag: str


def answer_of(status: int, body: str | bytes = b"", **headers: str) -> Answer:
    content = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, content, {"Content-Length": str(len(content)), **named})


def failure(status: int, code: str) -> Answer:
    """An answer that is an error."""
    return answer_of(status, f"<Error><Code>{code}</Code><Message>on purpose</Message></Error>")


NO_BUCKET, NO_KEY = failure(404, "NoSuchBucket"), failure(404, "NoSuchKey")


class Objects:
    """All buckets; one request at a time."""

    def __init__(self) -> None:
        self._buckets: dict[str, dict[str, Stored]] = {}
        self._parts: dict[str, dict[int, bytes]] = {}
        self._numbers = count(1)
        self._one_at_a_time = Lock()

    def answer(self, request: Request) -> Answer:
        """Do what is asked."""
        with self._one_at_a_time:
            answer = self._answer_anyhow(request)
        return replace(answer, body=b"") if request.method == "HEAD" else answer

    def _answer_anyhow(self, request: Request) -> Answer:
        if request.method == "PUT" and not request.key:
            self._buckets.setdefault(request.bucket, {})
            return answer_of(200)
        if request.bucket not in self._buckets:
            return NO_BUCKET
        bucket = self._buckets[request.bucket]
        if not request.key:
            return _listing(bucket, request.query)
        if {"uploads", "uploadId"} & request.query.keys():
            return self._in_parts(bucket, request)
        return _on_object(bucket, request)

    def _in_parts(self, bucket: dict[str, Stored], request: Request) -> Answer:
        if "uploads" in request.query:
            upload_id = str(next(self._numbers))
            self._parts[upload_id] = {}
            return _document("InitiateMultipartUploadResult", f"<UploadId>{upload_id}</UploadId>")
        upload_id = request.query["uploadId"]
        if request.method == "PUT":
            self._parts[upload_id][int(request.query["partNumber"])] = request.body
            return answer_of(200, ETag=_etag(request.body))
        parts = self._parts.pop(upload_id)
        bucket[request.key] = _stored(b"".join(body for _, body in sorted(parts.items())))
        return _document("CompleteMultipartUploadResult", "<ETag>of-all-parts</ETag>")


def _on_object(bucket: dict[str, Stored], request: Request) -> Answer:
    if request.method == "PUT":
        bucket[request.key] = _stored(request.body)
        return answer_of(200, ETag=bucket[request.key].etag)
    if request.method == "DELETE":
        bucket.pop(request.key, None)
        return answer_of(204)
    found = bucket.get(request.key)
    return NO_KEY if found is None else answer_of(200, found.body, ETag=found.etag)


def _listing(bucket: dict[str, Stored], query: Mapping[str, str]) -> Answer:
    prefix, after, most = query.get("prefix", ""), query.get("continuation-token", ""), int(query.get("max-keys", 1000))
    wanted = (key for key in sorted(bucket, key=str.encode) if key.startswith(prefix) and key.encode() > after.encode())
    page = list(islice(wanted, most + 1))
    more, page = len(page) > most, page[:most]
    token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
    rows = "".join(_row(key, bucket[key]) for key in page)
    truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
    return _document("ListBucketResult", f"<EncodingType>url</EncodingType>{truncated}{token}{rows}")


def _row(key: str, found: Stored) -> str:
    modified = f"<LastModified>{found.modified_at.isoformat()}</LastModified>"
    return f"<Contents><Key>{quote(key, safe='')}</Key><Size>{len(found.body)}</Size>{modified}</Contents>"


def _document(name: str, content: str) -> Answer:
    return answer_of(200, f'<?xml version="1.0" encoding="UTF-8"?><{name}>{content}</{name}>')


def _stored(body: bytes) -> Stored:
    return Stored(body, datetime.now(UTC), _etag(body))


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'
