"""What the S3 adapter says of a server that refuses, fails, hangs, breaks off or is none: real sockets on loopback."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import boto3
import pytest
from botocore.config import Config

from monitor_jobs.contract.errors import BadInput, StoreRefused, StoreUnavailable
from monitor_jobs.object_store import ObjectMissing, S3Address
from monitor_jobs.object_store.s3 import S3Store, connect

ADDRESS = S3Address("bucket", "a/key")
NO_SUCH_BUCKET = (404, "NoSuchBucket")
NOTHING_WRONG = (200, "")


@dataclass
class Server:
    """Gives the prepared answers in turn, the last one for ever, and remembers what it was asked."""

    answers: list[tuple[int, str]]
    promised_bytes: int = 0
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        self.asked.append((request.command, request.path, body))
        status, code = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        error = f"<Error><Code>{code}</Code><Message>on purpose</Message></Error>".encode() if code else b""
        request.send_response(status)
        request.send_header("Content-Length", str(len(error) + self.promised_bytes))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(error)


@contextmanager
def answering(server: Server) -> Iterator[str]:
    """The URL at which the server answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # which is where `Expect: 100-continue` is understood

        def do_PUT(self) -> None:
            server.answer(self)
            self.close_connection = True

        do_GET = do_HEAD = do_DELETE = do_PUT  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()


def connected(endpoint_url: str, read_timeout_seconds: float = 10) -> S3Store:
    return connect(
        endpoint_url, "us-east-1", access_key="key", secret_key="secret", read_timeout_seconds=read_timeout_seconds
    )


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        ((403, "AccessDenied"), "check the access key"),
        ((403, "InvalidAccessKeyId"), "check the access key"),
        ((403, "SignatureDoesNotMatch"), "check the access key"),
        ((403, "RequestTimeTooSkewed"), "set this machine's clock"),
        ((400, "AuthorizationHeaderMalformed"), "set the region"),
        ((403, "QuotaExceeded"), "make room"),
        ((418, "Odd"), "see the server's log"),
        ((500, "InternalError"), "try again later"),
        ((503, "SlowDown"), "try again later"),
    ],
)
def test_a_refusal_says_what_was_answered_and_what_to_do(answer: tuple[int, str], advice: str):
    with answering(Server([answer])) as url, pytest.raises(StoreUnavailable) as failure:
        connected(url).put(ADDRESS, b"body")
    beginning = f"cannot write s3://bucket/a/key at {url}: it answered {answer[0]} {answer[1]} (on purpose); "
    assert str(failure.value).startswith(beginning)
    assert advice in str(failure.value)


def test_every_operation_names_itself(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with answering(Server([(403, "AccessDenied")])) as url:
        store = connected(url)
        for operation, deed in {
            "write": lambda: store.upload(tmp_path / "file", ADDRESS),
            "read": lambda: store.get(ADDRESS),
            "list": lambda: list(store.list(ADDRESS)),
            "delete": lambda: store.delete(ADDRESS),
        }.items():
            with pytest.raises(StoreUnavailable, match=f"cannot {operation} {ADDRESS}"):
                deed()


def test_a_forbidden_size_says_that_the_object_may_be_missing():
    with answering(Server([(403, "")])) as url, pytest.raises(StoreUnavailable, match="missing looks forbidden too"):
        connected(url).head(ADDRESS)


def test_a_failing_server_is_asked_twice_and_a_refusing_one_once():
    failing, refusing = Server([(500, "InternalError")]), Server([(403, "AccessDenied")])
    for server in (failing, refusing):
        with answering(server) as url, pytest.raises(StoreUnavailable):
            connected(url).get(ADDRESS)
    assert (len(failing.asked), len(refusing.asked)) == (2, 1)


def test_a_server_that_recovers_in_time_is_no_failure():
    with answering(Server([(503, "SlowDown"), NOTHING_WRONG])) as url:
        connected(url).put(ADDRESS, b"body")


def test_a_port_where_nothing_listens_is_named():
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(
            StoreUnavailable, match=rf"cannot write {ADDRESS} at {url}: EndpointConnectionError.*server runs"
        ):
            connected(url).put(ADDRESS, b"body")


def test_a_host_that_is_none_is_named():
    with pytest.raises(StoreUnavailable, match=r"at http://no-such-host\.invalid: .*can be reached"):
        connected("http://no-such-host.invalid").get(ADDRESS)


def test_a_server_that_hangs_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(StoreUnavailable, match=f"cannot read {ADDRESS} at {url}: ReadTimeoutError"):
            connected(url, read_timeout_seconds=0.1).get(ADDRESS)


def test_a_body_that_breaks_off_is_no_object(tmp_path: Path):
    with answering(Server([NOTHING_WRONG], promised_bytes=100)) as url:
        for deed in (connected(url).get, lambda address: connected(url).download(address, tmp_path / "file")):
            with pytest.raises(StoreUnavailable, match=f"cannot read {ADDRESS}"):
                deed(ADDRESS)
    assert list(tmp_path.iterdir()) == []


def test_a_web_server_that_speaks_no_s3_is_named():
    with answering(Server([(404, "")])) as url:
        with pytest.raises(StoreUnavailable, match="check that the endpoint is an S3 server"):
            list(connected(url).list(ADDRESS))
        with pytest.raises(StoreUnavailable, match="check that the endpoint is an S3 server"):
            connected(url).put(ADDRESS, b"body")


def test_an_answer_that_is_cut_off_within_its_xml_is_named():
    with answering(Server([(200, "<")])) as url, pytest.raises(StoreUnavailable, match=f"cannot list {ADDRESS}"):
        list(connected(url).list(ADDRESS))


def test_an_object_in_no_bucket_is_missing():
    with answering(Server([NO_SUCH_BUCKET])) as url, pytest.raises(ObjectMissing, match=str(ADDRESS)):
        connected(url).get(ADDRESS)


def test_a_missing_bucket_is_made_and_the_put_repeated():
    server = Server([NO_SUCH_BUCKET, NOTHING_WRONG])
    with answering(server) as url:
        connected(url).put(ADDRESS, b"body")
    requests = [("PUT", "/bucket/a/key", b"body"), ("PUT", "/bucket", b""), ("PUT", "/bucket/a/key", b"body")]
    assert server.asked == requests


@pytest.mark.parametrize("code", ["BucketAlreadyOwnedByYou", "BucketAlreadyExists"])
def test_a_bucket_that_another_writer_made_first_is_used(code: str):
    with answering(Server([NO_SUCH_BUCKET, (409, code), NOTHING_WRONG])) as url:
        connected(url).put(ADDRESS, b"body")


def test_a_bucket_that_cannot_be_made_is_not_tried_for_ever():
    server = Server([NO_SUCH_BUCKET, NOTHING_WRONG, NO_SUCH_BUCKET])
    with answering(server) as url, pytest.raises(StoreUnavailable, match="404 NoSuchBucket"):
        connected(url).put(ADDRESS, b"body")
    assert len(server.asked) == 3


@pytest.mark.parametrize(("region", "said"), [("us-east-1", False), ("eu-central-1", True)])
def test_only_amazon_is_told_the_region_of_a_new_bucket(region: str, said: bool):
    server = Server([NO_SUCH_BUCKET, NOTHING_WRONG])
    with answering(server) as proxy:
        config = Config(proxies={"http": proxy}, s3={"addressing_style": "path"})
        session = boto3.session.Session("key", "secret", region_name=region)
        client = session.client("s3", endpoint_url=f"http://s3.{region}.amazonaws.com", config=config)
        S3Store(client).put(ADDRESS, b"body")
    assert (f"<LocationConstraint>{region}</LocationConstraint>".encode() in server.asked[1][2]) is said


def test_keys_that_are_nowhere_are_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StoreUnavailable, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        connect("http://127.0.0.1:9", "us-east-1").get(ADDRESS)


@pytest.mark.parametrize(
    ("endpoint_url", "region", "secret_key"),
    [
        ("127.0.0.1:9000", "us-east-1", "secret"),
        ("http://127.0.0.1:9", "no region", "secret"),
        (None, "us-east-1", None),
    ],
)
def test_a_connection_that_cannot_be_is_refused_at_once(endpoint_url: str | None, region: str, secret_key: str | None):
    with pytest.raises(BadInput, match=r"cannot speak S3 to .* give both keys or none"):
        connect(endpoint_url, region, access_key="key", secret_key=secret_key)


@pytest.mark.parametrize(("answer", "refused"), [((403, "AccessDenied"), True), ((500, "InternalError"), False)])
def test_a_server_that_denies_access_is_told_from_one_that_fails(answer, refused):
    with answering(Server([answer])) as url, pytest.raises(StoreUnavailable) as failure:
        connected(url).put(ADDRESS, b"body")
    assert isinstance(failure.value, StoreRefused) is refused
