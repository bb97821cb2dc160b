"""The command line's client, against a small real HTTP server."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from monitor_jobs.contract.errors import BadInput, Conflict, NotFound, SextantError
from service.cli.app import exit_code
from service.cli.client import Client, Unreachable, api_key_for, connect, local_time, wait_for
from service.core.keys import ApiKey, KeyPair
from service.core.secret import Secret
from service.first_key import FirstKey, secrets_folder, write_first_key
from service.private_files import private_folder
from service.running import Running, write_running


@dataclass
class Answers:
    """What a server says, one answer after the other, and what it was asked."""

    waiting: list[tuple[int, bytes]]
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@contextmanager
def server(*waiting: tuple[int, object]) -> Iterator[tuple[Client, Answers]]:
    answers = Answers(
        [(status, body if isinstance(body, bytes) else json.dumps(body).encode()) for status, body in waiting]
    )

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answers.requests.append((self.headers.get("X-Amz-Target", self.path), json.loads(body)))
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, *_arguments: object) -> None:
            pass

        def _answer(self) -> None:
            status, content = answers.waiting.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Client(f"http://127.0.0.1:{http.server_port}"), answers
        http.shutdown()
        thread.join()


def test_a_call_names_its_operation_and_returns_the_answer():
    with server((200, {"Endpoints": []})) as (client, answers):
        assert client.call("ListEndpoints", MaxResults=5) == {"Endpoints": []}
    assert answers.requests == [("SageMaker.ListEndpoints", {"MaxResults": 5})]


def test_an_empty_answer_is_an_empty_object():
    with server((200, b"")) as (client, _):
        assert client.call("StopMonitoringSchedule") == {}


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "exits_with"),
    [
        (400, "ResourceNotFound", "Monitoring Schedule with name x does not exist", NotFound, 3),
        (400, "ValidationException", 'Could not find endpoint "x".', NotFound, 3),
        (400, "ResourceInUse", "x already exists", Conflict, 4),
        (400, "ValidationException", 'Cannot create already existing model "x".', Conflict, 4),
        (400, "ValidationException", "'x' is no cron", BadInput, 5),
        (500, "InternalFailure", "see the control log", SextantError, 1),
        (400, "UnknownOperationException", "X is not served", SextantError, 1),
    ],
)
def test_an_error_code_becomes_an_exception_and_an_exit_code(status, code, message, kind, exits_with, capsys):
    with server((status, {"__type": code, "message": message})) as (client, _):
        ended = exit_code(lambda: client.call("Anything"))
    assert ended == exits_with
    assert message in capsys.readouterr().err
    with (
        server((status, {"__type": code, "message": message})) as (client, _),
        pytest.raises(SextantError) as raised,
    ):
        client.call("Anything")
    assert type(raised.value) is kind


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[1, 2]", b'"text"', b"17", b"\xff\xfe"])
@pytest.mark.parametrize("status", [200, 404])
def test_another_server_at_the_address_is_named_as_such(status, body):
    with server((status, body)) as (client, _), pytest.raises(Unreachable, match="is no Sextant"):
        client.call("ListEndpoints")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[::", "nothing", "ftp://127.0.0.1"])
def test_an_address_that_does_not_answer_says_how_to_start_one(url):
    with pytest.raises(Unreachable, match="start `sextant up`, or set SEXTANT_URL"):
        Client(url).call("ListEndpoints")


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with server((200, {})) as (client, _):
        assert client.call("ListEndpoints") == {}


def test_pages_follow_the_next_token_to_the_end():
    pages = [(200, {"Rows": [1, 2], "NextToken": "a"}), (200, {"Rows": [], "NextToken": "b"}), (200, {"Rows": [3]})]
    with server(*pages) as (client, answers):
        assert client.pages("List", "Rows", NameContains="x") == [1, 2, 3]
    assert [request.get("NextToken") for _, request in answers.requests] == [None, "a", "b"]
    assert all(request["NameContains"] == "x" for _, request in answers.requests)


def test_an_invocation_returns_the_bytes_as_they_came():
    with server((200, b"\x93NUMPY")) as (client, _):
        assert client.invoke("x", b"{}", {}) == b"\x93NUMPY"


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "Endpoint x of account 000000000000 not found.", NotFound),
        (400, "Endpoint x is Creating, not InService.", BadInput),
        (424, "Received client error (415) from AllTraffic", BadInput),
        (503, "Endpoint process does not answer", SextantError),
    ],
)
def test_an_invocation_that_failed_says_the_services_sentence(status, message, kind):
    with server((status, {"message": message})) as (client, _), pytest.raises(SextantError) as raised:
        client.invoke("x", b"{}", {})
    assert (type(raised.value), str(raised.value)) == (kind, message)


def test_a_page_that_is_not_there_is_not_found():
    with server((404, b"job x has no log")) as (client, _), pytest.raises(NotFound, match="job x has no log"):
        client.text("/processing-jobs/x/log")


def test_waiting_ends_with_what_was_found():
    looks = iter([None, None, "found"])
    assert wait_for(lambda: next(looks), what="it is there", timeout_seconds=10) == "found"


def test_waiting_says_what_never_came():
    with pytest.raises(SextantError, match="it is there: not done after 0 s"):
        wait_for(lambda: None, what="it is there", timeout_seconds=0)


def test_waiting_takes_an_empty_answer_for_an_answer():
    assert wait_for(dict, what="it is there", timeout_seconds=0) == {}


def test_the_environments_address_is_the_first_to_be_taken(monkeypatch):
    monkeypatch.setenv("SEXTANT_URL", "http://127.0.0.1:9/")
    assert connect().url == "http://127.0.0.1:9"


@pytest.mark.parametrize("written", ["", "{", "[]", "{}", "\x00"])
def test_a_damaged_address_file_leaves_the_configured_address(monkeypatch, tmp_path, written):
    monkeypatch.delenv("SEXTANT_URL", raising=False)
    monkeypatch.setenv("SEXTANT_DATA", str(tmp_path))
    monkeypatch.setenv("SEXTANT_PORT", "8123")
    (tmp_path / "control.json").write_text(written)
    assert connect().url == "http://127.0.0.1:8123"


def test_a_running_service_of_the_data_folder_is_found(monkeypatch, tmp_path):
    monkeypatch.delenv("SEXTANT_URL", raising=False)
    monkeypatch.setenv("SEXTANT_DATA", str(tmp_path))
    told = {"url": "http://127.0.0.1:7", "region": "r", "account": "a", "bucket": "b", "sdk_config": "c"}
    write_running(tmp_path, Running(pid=1, **told))
    assert connect().url == "http://127.0.0.1:7"


def test_times_are_shown_in_utc_whatever_the_time_zone(monkeypatch):
    assert (local_time(0), local_time(None)) == ("1970-01-01 00:00:00Z", "")


def test_an_error_of_the_operating_system_is_a_sentence_too(capsys):
    def fail() -> None:
        raise PermissionError(13, "Permission denied", "/data")

    assert exit_code(fail) == 1
    assert capsys.readouterr().err == "sextant: [Errno 13] Permission denied: '/data'\n"


def test_an_interruption_ends_with_130():
    def interrupt() -> None:
        raise KeyboardInterrupt

    assert exit_code(interrupt) == 130


@pytest.fixture
def first_key(tmp_path, monkeypatch):
    monkeypatch.delenv("SEXTANT_API_KEY", raising=False)
    private_folder(secrets_folder(tmp_path))
    pair, api_key = KeyPair("SXT", Secret("secret")), ApiKey("SXK", Secret("sxt_first"))
    write_first_key(tmp_path, FirstKey("admin", pair, api_key, is_given=False))
    return api_key.secret


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost", "https://[::1]:1"])
def test_this_machine_is_sent_the_first_key(tmp_path, first_key, url):
    assert api_key_for(url, tmp_path, is_own=False) == first_key


@pytest.mark.parametrize(
    "url", ["https://monitor.example.com", "http://127.0.0.1.evil.example", "http://10.0.0.1", "x"]
)
def test_another_machine_is_never_sent_the_first_key(tmp_path, first_key, url):
    assert api_key_for(url, tmp_path, is_own=False) is None


def test_the_service_of_the_data_folder_is_sent_it_by_any_name(tmp_path, first_key):
    assert api_key_for("https://monitor.example.com", tmp_path, is_own=True) == first_key


def test_a_key_that_was_given_is_sent_wherever_it_is_to_go(tmp_path, first_key, monkeypatch):
    monkeypatch.setenv("SEXTANT_API_KEY", "sxt_given")
    assert api_key_for("https://monitor.example.com", tmp_path, is_own=False) == Secret("sxt_given")


def test_without_any_key_none_is_sent(tmp_path, monkeypatch):
    monkeypatch.delenv("SEXTANT_API_KEY", raising=False)
    assert api_key_for("http://127.0.0.1:1", tmp_path, is_own=True) is None
