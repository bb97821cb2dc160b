"""Object storage behind the S3 protocol, by boto3.

What lives here: S3Store, and how it connects.
What does not: credentials, which come from the caller or from boto3's own chain (environment, files, instance role).

Nothing depends on conditional PUT, which not every S3 server honours.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from monitor_jobs.contract.errors import BadInput, StoreRefused, StoreUnavailable
from monitor_jobs.object_store.port import Head, ObjectMissing, S3Address, StoredObject
from monitor_jobs.object_store.whole_file import whole_file

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

S3Client: TypeAlias = Any  # boto3 makes the class of its clients at run time

CHUNK_BYTES = 1024 * 1024
MULTIPART_FROM_BYTES = 64 * 1024 * 1024
AMAZON_DEFAULT_REGION = "us-east-1"

CHECK_KEYS = "check the access key, its secret and the bucket's policy"
CHECK_REGION = "set the region in which the bucket lives"
ADVICE_BY_CODE = {
    "RequestTimeTooSkewed": "set this machine's clock",
    "AuthorizationHeaderMalformed": CHECK_REGION,
    "IllegalLocationConstraintException": CHECK_REGION,
    "PermanentRedirect": CHECK_REGION,
    "InvalidAccessKeyId": CHECK_KEYS,
    "SignatureDoesNotMatch": CHECK_KEYS,
    "QuotaExceeded": "make room, or raise the quota",
}
ADVICE_BY_STATUS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: CHECK_KEYS,
    HTTPStatus.FORBIDDEN: f"{CHECK_KEYS} (without s3:ListBucket, an object that is missing looks forbidden too)",
    HTTPStatus.NOT_FOUND: "check that the endpoint is an S3 server",
    HTTPStatus.TOO_MANY_REQUESTS: "try again later",
}
REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


class S3Store:
    """The object store on a connected boto3 client."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def put(self, address: S3Address, body: bytes) -> str | None:
        """See ObjectStore."""
        return self._store(address, lambda: self._send(body, address))

    def upload(self, path: Path, address: S3Address) -> str | None:
        """See ObjectStore; one request below 64 MiB, in parts and without an ETag from there on."""
        return self._store(address, lambda: self._send_file(path, address))

    def take(self, path: Path, address: S3Address) -> str | None:
        """See ObjectStore."""
        return self.upload(path, address)

    def get(self, address: S3Address) -> bytes:
        """See ObjectStore."""
        with self._finding(address):
            body: bytes = self._client.get_object(Bucket=address.bucket, Key=address.key)["Body"].read()
            return body

    def download(self, address: S3Address, path: Path) -> None:
        """See ObjectStore."""
        with whole_file(path) as file:
            file.writelines(self._chunks(address))

    def head(self, address: S3Address) -> Head:
        """See ObjectStore."""
        with self._finding(address):
            answer = self._client.head_object(Bucket=address.bucket, Key=address.key)
            return Head(answer["ContentLength"], _etag(answer))

    def list(self, prefix: S3Address) -> Iterator[StoredObject]:
        """See ObjectStore; one page of up to 1,000 objects at a time is asked for."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=prefix.key)
        with self._failures_named("list", prefix):
            try:
                for page in pages:
                    for found in page.get("Contents", ()):
                        address = S3Address(prefix.bucket, found["Key"])
                        yield StoredObject(address, found["Size"], found["LastModified"].astimezone(UTC))
            except self._client.exceptions.NoSuchBucket:
                return

    def delete(self, address: S3Address) -> None:
        """See ObjectStore."""
        with self._failures_named("delete", _of_object(address)):
            try:
                self._client.delete_object(Bucket=address.bucket, Key=address.key)
            except self._client.exceptions.NoSuchBucket:
                return

    def _store(self, address: S3Address, send: Callable[[], str | None]) -> str | None:
        with self._failures_named("write", _of_object(address)):
            try:
                return send()
            except self._client.exceptions.NoSuchBucket:
                self._create_bucket(address.bucket)
                return send()

    def _send(self, body: bytes | BinaryIO, address: S3Address) -> str | None:
        return _etag(self._client.put_object(Bucket=address.bucket, Key=address.key, Body=body))

    def _send_file(self, path: Path, address: S3Address) -> str | None:
        from boto3.s3.transfer import TransferConfig

        with path.open("rb") as file:
            if path.stat().st_size < MULTIPART_FROM_BYTES:
                return self._send(file, address)
            in_parts = TransferConfig(multipart_threshold=MULTIPART_FROM_BYTES)
            self._client.upload_fileobj(file, address.bucket, address.key, Config=in_parts)
        return None  # servers differ in whether an object that came in parts keeps the ETag of its completion

    def _create_bucket(self, bucket: str) -> None:
        meta, taken = self._client.meta, self._client.exceptions
        try:
            # Amazon wants the region said everywhere but in its first one; other servers know none
            if ".amazonaws.com" in meta.endpoint_url and meta.region_name != AMAZON_DEFAULT_REGION:
                place = {"LocationConstraint": meta.region_name}
                self._client.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
            else:
                self._client.create_bucket(Bucket=bucket)
        except (taken.BucketAlreadyOwnedByYou, taken.BucketAlreadyExists):
            return  # another writer was first; whether it is ours to write to, the write will tell

    def _chunks(self, address: S3Address) -> Iterator[bytes]:
        with self._finding(address):
            body = self._client.get_object(Bucket=address.bucket, Key=address.key)["Body"]
            yield from body.iter_chunks(CHUNK_BYTES)

    @contextmanager
    def _finding(self, address: S3Address) -> Iterator[None]:
        with self._failures_named("read", _of_object(address)):
            try:
                yield
            except self._client.exceptions.ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
                    raise
                raise ObjectMissing(f"{address} does not exist") from error

    @contextmanager
    def _failures_named(self, operation: str, address: S3Address) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            kind = StoreRefused if _status(error) in REFUSALS else StoreUnavailable
            raise kind(self._sentence(operation, address, _refusal(error))) from error
        except BotoCoreError as error:
            raise StoreUnavailable(self._sentence(operation, address, _breakdown(error))) from error

    def _sentence(self, operation: str, address: S3Address, cause: str) -> str:
        return f"cannot {operation} {address} at {self._client.meta.endpoint_url}: {cause}"


def connect(
    endpoint_url: str | None,
    region: str,
    *,
    access_key: str | None = None,
    secret_key: str | None = None,
    connect_timeout_seconds: float = 2,
    read_timeout_seconds: float = 10,
) -> S3Store:
    """A store on the S3 server at the endpoint, or on Amazon's where that is None; no request is made yet.

    Without keys, boto3 looks where it always does. A failed request is tried once more.
    Raises BadInput for an endpoint that is no URL, a region that is no name, or one key without the other.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        connect_timeout=connect_timeout_seconds,
        read_timeout=read_timeout_seconds,
        retries={"total_max_attempts": 2, "mode": "standard"},
        # servers other than Amazon's differ in the newer checksums; Content-Length and ETag are understood by all
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"},
    )
    try:
        client = boto3.session.Session().client(
            "s3",
            region_name=region,
            endpoint_url=endpoint_url,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=config,
        )
        return S3Store(client)
    except (ValueError, BotoCoreError) as error:
        raise BadInput(
            f"cannot speak S3 to {endpoint_url!r} in region {region!r}: {error}; "
            "write the endpoint as http://host:port or https://host, and give both keys or none"
        ) from error


def _of_object(address: S3Address) -> S3Address:
    if not address.key:
        raise BadInput(f"{address} names a bucket, not an object; add a key")
    return address


def _etag(answer: Mapping[str, Any]) -> str | None:
    # a proxy that compresses makes it weak, which changes none of the bytes below
    return answer.get("ETag", "").removeprefix("W/").strip('"') or None


def _refusal(error: "ClientError") -> str:
    code = error.response["Error"].get("Code", "")
    message = error.response["Error"].get("Message") or "no reason given"
    status = _status(error)
    advice = ADVICE_BY_CODE.get(code) or ADVICE_BY_STATUS.get(status, "see the server's log, and try again later")
    return f"it answered {status} {code} ({message}); {advice}"


def _status(error: "ClientError") -> int:
    status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status


def _breakdown(error: "BotoCoreError") -> str:
    from botocore.exceptions import NoCredentialsError, PartialCredentialsError

    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return f"{error}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    return f"{type(error).__name__}: {error}; check that the server runs and can be reached from here, and try again"
