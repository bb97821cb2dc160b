"""One endpoint as a real process behind a real socket."""

import io
import json
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from service.endpoint.worker import PLACES
from tests import plain_http
from tests.endpoint_token import AUTHORIZATION, AUTHORIZED, TOKEN
from tests.servers.endpoint import RunningEndpoint, running_endpoint, started_endpoint, write_package
from tests.servers.long_bodies import Framing, long_body
from tests.wait import wait_until

BODY_LIMIT = 100_000
# Says what it is told in the body: echoes JSON, or does one of the things that models should not do.
OBEDIENT = """
import math, os, sys, time
from pathlib import Path

def model_fn(model_dir):
    return {"shout": lambda text: text.upper()}

def transform_fn(model, data, content_type, accept):
    command, _, value = (data if isinstance(data, str) else data.decode("latin-1")).partition(" ")
    if command == "raise":
        raise RuntimeError("out of cheese")
    if command == "quote":
        try:
            raise KeyError(value)
        except KeyError as error:
            raise ValueError(value) from error
    if command == "exit":
        sys.exit(1)
    if command == "die":
        os.abort()
    if command == "nan":
        return [[0.25, math.nan]]
    if command == "long":
        return "x" * int(value)
    if command == "header":
        return "x", "text/plain\\r\\nset-cookie: evil=1"
    if command == "wait":
        Path(value + ".running").touch()
        while not Path(value).exists():
            time.sleep(0.01)
        return "waited", "text/plain"
    if command == "environment":
        return os.environ["FROM_THE_SPEC"], "text/plain"
    return data, "application/json"
"""
CARD = '{"classes": ["stop", "go"]}'
COLLECTS = """
import gc
def model_fn(model_dir):
    return lambda numbers: None
def predict_fn(numbers, model):
    return [gc.isenabled(), gc.get_freeze_count(), len(gc.get_objects())]
"""
FOUR_FUNCTIONS = "def model_fn(model_dir):\n    return lambda numbers: numbers * 2\n"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    folder = tmp_path_factory.mktemp("obedient")
    package = write_package(folder / "package", {"code/inference.py": OBEDIENT, "code/model_card.json": CARD})
    settings = {"max_body_bytes": BODY_LIMIT, "environment": {"FROM_THE_SPEC": "here"}}
    with running_endpoint(package, folder, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def doubling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    folder = tmp_path_factory.mktemp("doubling")
    package = write_package(folder / "package", {"code/inference.py": FOUR_FUNCTIONS})
    with running_endpoint(package, folder) as running:
        yield running


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[RunningEndpoint]:
    """An endpoint whose model may take half a second."""
    package = write_package(tmp_path / "package", {"code/inference.py": OBEDIENT})
    with running_endpoint(package, tmp_path, model_timeout_seconds=0.5) as running:
        yield running


def invoke(endpoint: RunningEndpoint, body: bytes | str, path: str = "/invoke", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return plain_http.post(endpoint.url + path, content=body, headers=AUTHORIZED | named, timeout=30)


def raw(endpoint: RunningEndpoint, request: bytes) -> bytes:
    """What the server answers to these bytes before it closes or falls silent."""
    with closing(socket.create_connection(("127.0.0.1", endpoint.port), timeout=10)) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


def metric(endpoint: RunningEndpoint, name: str, label: str = "") -> float:
    lines = plain_http.get(f"{endpoint.url}/metrics", headers=AUTHORIZED).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name + "{") and label in line)


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("path", ["/invoke", "/invocations"])
def test_both_paths_answer(endpoint: RunningEndpoint, path: str) -> None:
    answer = invoke(endpoint, "[1]", path, content_type="application/json")
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, "[1]", "application/json")


def test_ping_is_empty(endpoint: RunningEndpoint) -> None:
    answer = plain_http.get(f"{endpoint.url}/ping")
    assert (answer.status_code, answer.content) == (200, b"")


def test_no_search_for_garbage_looks_through_what_a_model_was_loaded_with(tmp_path: Path) -> None:
    with running_endpoint(write_package(tmp_path / "package", {"code/inference.py": COLLECTS}), tmp_path) as running:
        is_enabled, frozen, tracked = invoke(running, "[1]", content_type="application/json").json()
    assert is_enabled
    assert frozen > 20_000 > tracked


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_invocations_are_posts(endpoint: RunningEndpoint, method: str) -> None:
    answer = plain_http.request(method, f"{endpoint.url}/invoke", headers=AUTHORIZED)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_another_path_is_not_found(endpoint: RunningEndpoint) -> None:
    assert invoke(endpoint, "[1]", "/invoke/").status_code == 404


def test_the_specs_environment_is_the_packages_environment(endpoint: RunningEndpoint) -> None:
    assert invoke(endpoint, "environment").text == "here"


def test_an_empty_body_reaches_the_package(endpoint: RunningEndpoint) -> None:
    assert invoke(endpoint, b"").content == b""


def test_an_empty_body_is_a_bad_request_for_the_default_functions(doubling: RunningEndpoint) -> None:
    answer = invoke(doubling, b"", content_type="application/x-npy")
    assert answer.status_code == 400
    assert "no npy file" in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"[[1, 2]]", "application/json"), (b"1,2", "text/csv"), (npy(np.array([[1.0, 2.0]])), "application/x-npy")],
)
def test_the_default_functions_take_the_toolkits_formats(
    doubling: RunningEndpoint, body: bytes, content_type: str
) -> None:
    answer = invoke(doubling, body, content_type=content_type)
    assert np.ravel(answer.json()).tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "application/x-own"}, 415),
        ({}, 415),
        ({"content_type": "application/json", "accept": "image/png"}, 406),
        ({"content_type": "application/json", "accept": "image/png, */*;q=0.1"}, 200),
    ],
)
def test_formats_that_are_not_known_are_refused(
    doubling: RunningEndpoint, headers: dict[str, str], status: int
) -> None:
    answer = invoke(doubling, "[1]", **headers)
    assert answer.status_code == status
    assert status == 200 or len(answer.json()["error"].split()) > 5


@pytest.mark.parametrize(
    "body", [b"", b"\x93NUMPY\x01\x00v\x00{}", npy(np.zeros(9))[:-1], npy(np.array([{}], dtype=object)), b"PK\x03\x04"]
)
def test_a_wrong_npy_header_is_a_bad_request(doubling: RunningEndpoint, body: bytes) -> None:
    answer = invoke(doubling, body, content_type="application/x-npy")
    assert (answer.status_code, answer.json()["type"]) == (400, "BadInput")


def test_an_exception_of_the_package_is_424_and_is_logged(endpoint: RunningEndpoint) -> None:
    answer = invoke(endpoint, "raise")
    assert answer.status_code == 424
    assert answer.json() == {"error": "transform_fn raised RuntimeError: out of cheese", "type": "RuntimeError"}
    logged = [line for line in endpoint.log_lines if line["event"] == "model_failed"]
    assert 'raise RuntimeError("out of cheese")' in str(logged[-1]["traceback"])


def test_what_an_exception_quotes_of_a_request_is_told_its_caller_and_not_logged(endpoint: RunningEndpoint) -> None:
    answer = invoke(endpoint, "quote 111-22-3333")
    assert "111-22-3333" in answer.json()["error"]
    traceback = str(endpoint.log_lines[-1]["traceback"])
    assert ("KeyError\n" in traceback, "ValueError\n" in traceback) == (True, True)
    assert "111-22-3333" not in (endpoint.folder / "stderr").read_text()


def test_a_package_that_exits_fails_its_request_only(endpoint: RunningEndpoint) -> None:
    assert invoke(endpoint, "exit").status_code == 424
    assert invoke(endpoint, "[1]").status_code == 200


def test_a_content_type_that_would_split_the_answer_is_the_models_failure(endpoint: RunningEndpoint) -> None:
    answer = invoke(endpoint, "header")
    assert answer.status_code == 424
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(("size", "status"), [(BODY_LIMIT, 200), (BODY_LIMIT + 1, 424)])
def test_an_answer_over_the_limit_is_the_models_failure(endpoint: RunningEndpoint, size: int, status: int) -> None:
    assert invoke(endpoint, f"long {size}").status_code == status


def test_nan_is_null_and_counted(endpoint: RunningEndpoint) -> None:
    before = metric(endpoint, "sextant_nan_outputs_total")
    assert invoke(endpoint, "nan").text == "[[0.25,null]]"
    wait_until(
        lambda: metric(endpoint, "sextant_nan_outputs_total") == before + 1, timeout_seconds=5, what="the counted NaN"
    )


def test_predictions_are_counted_by_class(endpoint: RunningEndpoint) -> None:
    before = metric(endpoint, "sextant_predictions_total", 'class="go"')
    invoke(endpoint, "[1, 1]", content_type="application/json")
    wait_until(
        lambda: metric(endpoint, "sextant_predictions_total", 'class="go"') == before + 2,
        timeout_seconds=5,
        what="two counted predictions",
    )


def test_answers_are_counted_by_status(endpoint: RunningEndpoint) -> None:
    before = metric(endpoint, "sextant_invocations_total", 'code="424"')
    invoke(endpoint, "raise")
    assert metric(endpoint, "sextant_invocations_total", 'code="424"') == before + 1


def test_only_answered_requests_are_offered_to_capture(endpoint: RunningEndpoint) -> None:
    invoke(endpoint, "raise-not but unique")
    invoke(endpoint, "raise")
    invoke(endpoint, "the last unique words")
    wait_until(lambda: "the last unique words" in endpoint.captured_bodies, timeout_seconds=5, what="the offer")
    assert endpoint.captured_bodies[-2:] == ["raise-not but unique", "the last unique words"]


@pytest.mark.parametrize("size", [BODY_LIMIT, BODY_LIMIT + 1])
def test_the_limit_is_the_largest_body_that_is_taken(endpoint: RunningEndpoint, size: int) -> None:
    answer = invoke(endpoint, b"x" * size)
    assert answer.status_code == (200 if size == BODY_LIMIT else 413)


def test_a_declared_length_over_the_limit_is_refused_before_the_body_comes(endpoint: RunningEndpoint) -> None:
    head = b"POST /invoke HTTP/1.0\r\nhost: localhost\r\n" + AUTHORIZATION + b"content-length: 99999999\r\n\r\n"
    assert raw(endpoint, head).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize(("path", "status"), [("/invoke", 413), ("/invocations", 413), ("/nobodys", 404)])
def test_three_hundred_megabytes_are_refused_without_being_held(
    endpoint: RunningEndpoint, path: str, status: int, framing: Framing
) -> None:
    process = psutil.Process(endpoint.process.pid)
    token = AUTHORIZATION.decode().strip()
    long_body(endpoint.port, path, framing, mebibytes=10, server=process, header=token)
    answer, growth = long_body(endpoint.port, path, framing, mebibytes=300, server=process, header=token)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert growth <= 16 << 20


def test_a_packed_body_is_refused_in_words(endpoint: RunningEndpoint) -> None:
    answer = invoke(endpoint, b"x", content_encoding="gzip")
    assert (answer.status_code, answer.json()["error"]) == (415, "the body is packed by 'gzip': send it as it is")
    assert invoke(endpoint, b"x", content_encoding="identity").status_code == 200


def test_the_same_client_goes_on_after_a_body_that_was_too_large(endpoint: RunningEndpoint) -> None:
    with plain_http.Client(base_url=endpoint.url, headers=AUTHORIZED) as client:
        assert client.post("/invoke", content=b"x" * (BODY_LIMIT * 3)).status_code == 413
        assert client.post("/invoke", content="[1]").text == "[1]"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-amzn-sagemaker-inference-id", b""),
        ("x-amzn-sagemaker-inference-id", b"x" * 65),
        ("x-amzn-sagemaker-inference-id", b"gr\xc3\xbc\xc3\x9fe"),
        ("x-amzn-sagemaker-custom-attributes", b"x" * 1025),
        ("x-amzn-sagemaker-custom-attributes", b"a\tb"),
        ("content-type", b"x" * 257),
        ("accept", b"\xff"),
    ],
)
def test_a_header_that_is_too_long_or_not_visible_ascii_is_a_bad_request(
    endpoint: RunningEndpoint, name: str, value: bytes
) -> None:
    answer = plain_http.post(f"{endpoint.url}/invoke", content=b"[1]", headers=[*AUTHORIZED.items(), (name, value)])
    assert answer.status_code == 400
    assert name in answer.json()["error"]


def test_a_header_given_twice_is_a_bad_request(endpoint: RunningEndpoint) -> None:
    headers = [*AUTHORIZED.items(), ("x-amzn-sagemaker-inference-id", "a"), ("x-amzn-sagemaker-inference-id", "b")]
    assert plain_http.post(f"{endpoint.url}/invoke", content=b"[1]", headers=headers).status_code == 400


def test_identifiers_of_the_longest_length_are_taken(endpoint: RunningEndpoint) -> None:
    headers = {"x_amzn_sagemaker_inference_id": "i" * 64, "x_amzn_sagemaker_custom_attributes": "c=1, " * 204 + "c=1"}
    assert invoke(endpoint, "[1]", **headers).status_code == 200


@pytest.mark.parametrize(
    "line", [b"evil\r\n: x", b"x: a\0b", b"content-length: -1", b"content-length: 1\r\ncontent-length: 2"]
)
def test_bytes_that_are_no_http_are_refused(endpoint: RunningEndpoint, line: bytes) -> None:
    answer = raw(endpoint, b"POST /invoke HTTP/1.0\r\nhost: localhost\r\n" + line + b"\r\n\r\n")
    assert re.match(rb"HTTP/1.1 4\d\d ", answer)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"host": "evil.example"}, 421), ({"origin": "http://evil.example"}, 403), ({"origin": "http://localhost"}, 200)],
)
def test_requests_from_elsewhere_are_refused(endpoint: RunningEndpoint, headers: dict[str, str], status: int) -> None:
    assert invoke(endpoint, "[1]", **headers).status_code == status


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer another"}, {"Authorization": TOKEN}, {"Authorization": "Bearer"}],
    ids=str,
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/invoke"), ("POST", "/invocations"), ("GET", "/metrics")])
def test_whoever_lacks_the_token_is_refused_before_the_body_comes(
    endpoint: RunningEndpoint, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = plain_http.request(method, endpoint.url + path, headers=headers)
    assert (answer.status_code, "the token of this installation is needed" in answer.json()["error"]) == (401, True)


def test_a_process_that_was_told_no_token_answers_nobody_but_ping(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package", {"code/inference.py": OBEDIENT})
    with running_endpoint(package, tmp_path, token_sha256="") as closed:
        assert invoke(closed, "[1]").status_code == 401
        assert plain_http.get(f"{closed.url}/metrics", headers={"Authorization": "Bearer"}).status_code == 401


def test_a_slow_model_does_not_block_ping(endpoint: RunningEndpoint, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(invoke, endpoint, f"wait {gate}")
        wait_until(Path(f"{gate}.running").exists, timeout_seconds=10, what="the model to run")
        assert plain_http.get(f"{endpoint.url}/ping", timeout=5).status_code == 200
        assert not waiting.done()
        gate.touch()
        assert waiting.result().text == "waited"


def test_requests_that_wait_for_the_model_are_all_answered(endpoint: RunningEndpoint, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(invoke, endpoint, f"wait {gate}")
        wait_until(Path(f"{gate}.running").exists, timeout_seconds=10, what="the model to run")
        others = [pool.submit(invoke, endpoint, f"[{number}]") for number in range(8)]
        wait_until(
            lambda: metric(endpoint, "sextant_inflight_invocations") == 9, timeout_seconds=10, what="nine waiting"
        )
        gate.touch()
        assert [other.result().text for other in others] == [f"[{number}]" for number in range(8)]
        assert first.result().status_code == 200


def test_who_finds_no_place_is_told_so_at_once_and_counted(endpoint: RunningEndpoint, tmp_path: Path) -> None:
    gate, refused = tmp_path / "gate", 'code="503"'
    before = metric(endpoint, "sextant_invocations_total", refused)
    request = b"POST /invoke HTTP/1.1\r\nhost: localhost\r\n" + AUTHORIZATION + b"content-length: %d\r\n\r\n%s"
    with ExitStack() as stack:
        dialled = [
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", endpoint.port)))) for _ in range(PLACES)
        ]
        for connection in dialled:
            body = f"wait {gate}".encode()
            connection.sendall(request % (len(body), body))
        wait_until(
            lambda: metric(endpoint, "sextant_inflight_invocations") == PLACES, timeout_seconds=10, what="a full house"
        )
        with plain_http.Client() as client:  # one connection
            late = [client.post(f"{endpoint.url}/invoke", content="[1]", headers=AUTHORIZED) for _ in range(20)]
            gate.touch()
            assert all(connection.recv(65536).startswith(b"HTTP/1.1 200 ") for connection in dialled)
            assert client.post(f"{endpoint.url}/invoke", content="[2]", headers=AUTHORIZED).text == "[2]"
    assert {(each.status_code, each.headers["retry-after"]) for each in late} == {(503, "1")}
    assert late[0].json() == {"error": f"{PLACES} requests wait for the model already", "type": "ModelBusy"}
    assert metric(endpoint, "sextant_invocations_total", refused) == before + len(late)
    assert 0 < (endpoint.folder / "stderr").read_text().count('"event": "invocations_refused"') < len(late)


def test_a_caller_who_hangs_up_is_neither_answered_nor_captured(endpoint: RunningEndpoint, tmp_path: Path) -> None:
    gate, gone = tmp_path / "gate", 'code="499"'
    before = metric(endpoint, "sextant_invocations_total", gone)
    with closing(socket.create_connection(("127.0.0.1", endpoint.port))) as connection:
        body = f"wait {gate}".encode()
        head = b"POST /invoke HTTP/1.1\r\nhost: localhost\r\n" + AUTHORIZATION
        connection.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        wait_until(Path(f"{gate}.running").exists, timeout_seconds=10, what="the model to run")
    wait_until(
        lambda: metric(endpoint, "sextant_invocations_total", gone) == before + 1, timeout_seconds=10, what="a 499"
    )
    captured = len(endpoint.captured_bodies)
    gate.touch()
    assert invoke(endpoint, "after hanging up").status_code == 200
    wait_until(lambda: "after hanging up" in endpoint.captured_bodies, timeout_seconds=5, what="the next offer")
    assert len(endpoint.captured_bodies) == captured + 1


def test_a_hung_model_is_424_then_503_and_fails_ping_until_it_returns(slow: RunningEndpoint, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    hung = invoke(slow, f"wait {gate}")
    assert (hung.status_code, hung.json()["error"]) == (424, "the model did not answer within 0.5 s")
    refused = invoke(slow, "[1]")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "busy with one request" in refused.json()["error"]
    assert plain_http.get(f"{slow.url}/ping").status_code == 503
    gate.touch()
    wait_until(slow.answers, timeout_seconds=10, what="a 200 on /ping again")
    assert invoke(slow, "[1]").status_code == 200


def test_the_model_that_kills_its_process_is_seen_from_outside(slow: RunningEndpoint) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        invoke(slow, "die")
    assert slow.process.wait(timeout=10) == -signal.SIGABRT


def test_sigterm_lets_the_running_request_finish_and_closes_capture_last(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    package = write_package(tmp_path / "package", {"code/inference.py": OBEDIENT})
    with running_endpoint(package, tmp_path) as running, ThreadPoolExecutor() as pool:
        waiting = pool.submit(invoke, running, f"wait {gate}")
        wait_until(Path(f"{gate}.running").exists, timeout_seconds=10, what="the model to run")
        running.process.terminate()
        wait_until(lambda: not running.answers(), timeout_seconds=10, what="/ping to fail")
        gate.touch()
        assert waiting.result().text == "waited"
        assert running.process.wait(timeout=20) == 0
        assert running.captured_bodies == ["waited", "closed in time"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"code/inference.py": "import absent_module_of_nobody"}, "'absent_module_of_nobody', which is not there"),
        ({"code/inference.py": "def model_fn(d): raise OSError('no weights')"}, "model_fn raised OSError: no weights"),
        ({"code/model_card.json": "{"}, "model_card.json cannot be read"),
        ({}, "exactly one .pt or .pth file"),
    ],
)
def test_a_package_that_cannot_be_loaded_ends_the_process_with_its_reason(
    tmp_path: Path, files: dict[str, str], reason: str
) -> None:
    package = write_package(tmp_path / "package", {"README": "", **files})
    with started_endpoint(package, tmp_path) as started:
        assert started.process.wait(timeout=60) == 3
        assert started.log_lines[-1]["event"] == "model_failed_to_load"
        assert reason in str(started.log_lines[-1]["error"])


def test_an_archive_that_is_not_there_ends_the_process_with_its_reason(tmp_path: Path) -> None:
    package = write_package(tmp_path / "package", {"README": ""})
    with started_endpoint(package, tmp_path, model_data_url="s3://models/absent.tar.gz") as started:
        assert started.process.wait(timeout=60) == 3
        assert "absent.tar.gz" in str(started.log_lines[-1]["error"])


def test_ping_is_503_while_the_model_is_loaded(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    program = f"""
import time
from pathlib import Path
def model_fn(model_dir):
    Path({str(gate)!r} + ".running").touch()
    while not Path({str(gate)!r}).exists():
        time.sleep(0.01)
def transform_fn(model, data, content_type, accept): return "1"
"""
    package = write_package(tmp_path / "package", {"code/inference.py": program})
    with started_endpoint(package, tmp_path) as started:
        wait_until(Path(f"{gate}.running").exists, timeout_seconds=60, what="the model to be loaded")
        assert plain_http.get(f"{started.url}/ping").status_code == 503
        assert invoke(started, "[1]").status_code == 503
        gate.touch()
        wait_until(started.answers, timeout_seconds=10, what="the first 200 on /ping")


def test_the_models_folder_is_gone_when_the_process_has_ended(tmp_path: Path) -> None:
    program = "def model_fn(d): return d\ndef transform_fn(model, data, content_type, accept): return [model]"
    package = write_package(tmp_path / "package", {"code/inference.py": program})
    with running_endpoint(package, tmp_path) as running:
        folder = json.loads(invoke(running, "[1]").text)[0]
        assert [path.name for path in Path(folder).iterdir()] == ["code"]
        running.process.terminate()
        running.process.wait(timeout=20)
    assert not Path(folder).exists()
