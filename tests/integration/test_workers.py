"""Several workers behind one endpoint, as real processes: what a caller, a scrape and a store see of them."""

import itertools
import json
import os
import re
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from tests import plain_http
from tests.endpoint_token import AUTHORIZED
from tests.servers.endpoint import RunningEndpoint, running_endpoint, started_endpoint, write_package
from tests.wait import wait_until

VARIABLE = "SAGEMAKER_MODEL_SERVER_WORKERS"
# Says which process it is, or what it is told to; loads as the files below FOLDER say.
TELLING = """
import os, time
from pathlib import Path

def model_fn(model_dir):
    folder = Path(os.environ["FOLDER"])
    try:
        (folder / "first").mkdir()
    except FileExistsError:
        while (folder / "second-waits").exists():
            time.sleep(0.01)
    if (folder / "broken").exists():
        raise RuntimeError("the weights are those of another network")
    return folder

def transform_fn(folder, data, content_type, accept):
    command, _, name = data.decode().partition(" ")
    if command == "wait":
        (folder / f"{name}.running").touch()
        while not (folder / name).exists():
            time.sleep(0.01)
    return os.environ["OMP_NUM_THREADS"] if command == "threads" else str(os.getpid()), "text/plain"
"""
CAPTURE_ALL = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://captures/kept",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
}
PLACES = ("stored", "dropped", "quarantined", "left")


def package_in(folder: Path) -> Path:
    return write_package(folder / "package", {"code/inference.py": TELLING, "code/model_card.json": "{}"})


def settings_in(folder: Path, workers: str = "2", **environment: str) -> dict[str, dict[str, str]]:
    return {"environment": {VARIABLE: workers, "FOLDER": str(folder), **environment}}


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[RunningEndpoint]:
    with running_endpoint(package_in(tmp_path), tmp_path, **settings_in(tmp_path)) as running:
        yield running


@pytest.fixture
def capturing(tmp_path: Path) -> Iterator[RunningEndpoint]:
    settings = {**settings_in(tmp_path), "data_capture": CAPTURE_ALL}
    with running_endpoint(package_in(tmp_path), tmp_path, **settings) as running:
        yield running


def workers_of(endpoint: RunningEndpoint) -> list[psutil.Process]:
    return psutil.Process(endpoint.process.pid).children()


@contextmanager
def kept_alive(endpoint: RunningEndpoint, count: int) -> Iterator[list[httpx.Client]]:
    """So many clients, each with one connection that it keeps."""
    with ExitStack() as open_clients:
        made = (plain_http.Client(base_url=endpoint.url, headers=AUTHORIZED, timeout=60) for _ in range(count))
        yield [open_clients.enter_context(client) for client in made]


def asked(client: httpx.Client, body: str = "who", name: str | None = None) -> str:
    headers = {} if name is None else {"X-Amzn-SageMaker-Inference-Id": name}
    answer = client.post("/invocations", content=body.encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def scraped(endpoint: RunningEndpoint) -> dict[str, float]:
    """Every sample of one scrape, by name and labels."""
    answer = plain_http.get(f"{endpoint.url}/metrics", headers=AUTHORIZED)
    lines = (line for line in answer.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def total(samples: dict[str, float], name: str) -> float:
    return sum(value for sample, value in samples.items() if sample.partition("{")[0] == name)


def captured_ids(endpoint: RunningEndpoint) -> Counter[str]:
    store = FolderStore(endpoint.folder / "data")
    files = (entry.address for entry in store.list(S3Address("captures", "kept/tiny/")))
    lines = (json.loads(line) for address in files for line in store.get(address).splitlines())
    return Counter(line["eventMetadata"]["inferenceId"] for line in lines)


def ping(endpoint: RunningEndpoint) -> int:
    return plain_http.get(f"{endpoint.url}/ping").status_code


def refuses(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0


def all_gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def test_connections_that_are_kept_are_dealt_evenly(endpoint: RunningEndpoint) -> None:
    with kept_alive(endpoint, 8) as clients:
        answers = [[asked(client) for client in clients] for _ in range(3)]
    assert Counter(answers[0]) == {str(worker.pid): 4 for worker in workers_of(endpoint)}
    assert answers[0] == answers[1] == answers[2]


def test_one_worker_has_nobody_above_it(tmp_path: Path) -> None:
    with running_endpoint(package_in(tmp_path), tmp_path, **settings_in(tmp_path, "1")) as alone:
        assert workers_of(alone) == []
        with kept_alive(alone, 1) as (client,):
            assert asked(client) == str(alone.process.pid)


def test_metrics_of_all_workers_add_up_whoever_is_asked(capturing: RunningEndpoint) -> None:
    with kept_alive(capturing, 6) as clients, ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda client: [asked(client, name=str(number)) for number in range(10)], clients))
        everything = {
            "sextant_invocations_total": 60,
            "sextant_invocation_duration_seconds_count": 60,
            "sextant_model_duration_seconds_count": 60,
            "sextant_inflight_invocations": 0,
            "sextant_capture_captured_records_total": 60,
            "sextant_capture_stored_records_total": 60,
            "sextant_capture_backlog_records": 0,
            "sextant_capture_spool_capacity_bytes": 1 << 26,
        }

        def found() -> dict[str, float]:
            samples = scraped(capturing)
            return {name: total(samples, name) for name in everything}

        wait_until(lambda: found() == everything, timeout_seconds=30, what="the sums of both workers")
        assert [found() for _ in range(4)] == [everything] * 4  # each connection of these goes to another worker


class Load:
    """Callers that go on asking, and somebody who scrapes meanwhile, until `end`."""

    CALLERS = 4

    def __init__(self, endpoint: RunningEndpoint) -> None:
        self.answered: list[str] = []
        self.scrapes: list[dict[str, float]] = []
        self._endpoint = endpoint
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(self.CALLERS + 1)
        self._running = [self._pool.submit(self._call, caller) for caller in range(self.CALLERS)]
        self._running.append(self._pool.submit(self._scrape))

    def wait_for_more(self, answers: int) -> None:
        wanted = len(self.answered) + answers
        wait_until(lambda: len(self.answered) > wanted, timeout_seconds=30, what=f"{answers} more answers")

    def end(self) -> None:
        self._ended.set()
        with self._pool:
            for each in self._running:
                each.result()

    def _call(self, caller: int) -> None:
        with kept_alive(self._endpoint, 1) as (client,):
            for number in itertools.count():
                if self._ended.is_set():
                    return
                with suppress(httpx.TransportError):  # it was the one that died who had this request
                    asked(client, name=f"{caller}-{number}")
                    self.answered.append(f"{caller}-{number}")

    def _scrape(self) -> None:
        while not self._ended.wait(0.02):
            with suppress(httpx.TransportError):
                self.scrapes.append(scraped(self._endpoint))


@contextmanager
def load_on(endpoint: RunningEndpoint) -> Iterator[Load]:
    load = Load(endpoint)
    try:
        load.wait_for_more(200)
        yield load
        load.wait_for_more(200)
    finally:
        load.end()


def test_a_worker_that_is_killed_costs_no_capture_of_an_answer(capturing: RunningEndpoint) -> None:
    victim, survivor = workers_of(capturing)
    with load_on(capturing) as load:
        victim.kill()
        load.wait_for_more(200)
        wait_until(lambda: len(workers_of(capturing)) == 2, timeout_seconds=30, what="another worker")
    assert survivor.is_running()
    wait_until(lambda: set(load.answered) <= set(captured_ids(capturing)), timeout_seconds=60, what="every capture")
    assert set(captured_ids(capturing).values()) == {1}


def test_no_count_falls_and_captures_balance_while_workers_are_killed(capturing: RunningEndpoint) -> None:
    with load_on(capturing) as load:
        for loaded in (3, 4):
            workers_of(capturing)[0].kill()
            wait_until(lambda: times_loaded(capturing) == loaded, timeout_seconds=30, what="another worker")  # noqa: B023
            load.wait_for_more(200)
    scrapes = [*load.scrapes, scraped(capturing)]
    assert total(scrapes[-1], "sextant_capture_left_records_total") > 0
    for earlier, later in itertools.pairwise(scrapes):
        assert not {name for name in counts_in(earlier) if later.get(name, 0) < earlier[name]}
    for samples in scrapes:
        places = [total(samples, f"sextant_capture_{place}_records_total") for place in PLACES]
        waiting = total(samples, "sextant_capture_backlog_records")
        assert total(samples, "sextant_capture_captured_records_total") == waiting + sum(places)


def times_loaded(endpoint: RunningEndpoint) -> int:
    return sum(line["event"] == "model_loaded" for line in endpoint.log_lines)


def counts_in(samples: dict[str, float]) -> list[str]:
    """Counters and the parts of histograms."""
    return [name for name in samples if re.fullmatch(r".*_(total|bucket|count|sum)(\{.*)?", name)]


def test_no_worker_outlives_a_supervisor_that_is_killed(endpoint: RunningEndpoint) -> None:
    workers = workers_of(endpoint)
    assert len(workers) == 2
    endpoint.process.kill()
    wait_until(lambda: all_gone(workers), timeout_seconds=10, what="the workers' end")
    wait_until(lambda: refuses(endpoint.port), timeout_seconds=10, what="a closed port")


def test_a_model_that_does_not_load_ends_the_endpoint_with_its_own_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    with started_endpoint(package_in(tmp_path), tmp_path, **settings_in(tmp_path)) as started:
        assert started.process.wait(timeout=60) == 3
        last = started.log_lines[-1]
        assert (last["event"], last["pid"]) == ("model_failed_to_load", started.process.pid)
        assert "the weights are those of another network" in str(last["error"])
        assert refuses(started.port)


def test_a_worker_that_dies_while_all_load_ends_the_endpoint(tmp_path: Path) -> None:
    (tmp_path / "second-waits").touch()
    with started_endpoint(package_in(tmp_path), tmp_path, **settings_in(tmp_path)) as started:
        wait_until(lambda: len(workers_of(started)) == 2, timeout_seconds=30, what="two workers")
        workers_of(started)[1].kill()
        assert started.process.wait(timeout=60) == 128 + signal.SIGKILL


def test_ping_waits_for_all_workers_while_those_who_are_ready_answer(tmp_path: Path) -> None:
    waits = tmp_path / "second-waits"
    waits.touch()
    with started_endpoint(package_in(tmp_path), tmp_path, **settings_in(tmp_path)) as started:

        def one_answers() -> bool:
            answer = plain_http.post(f"{started.url}/invocations", content=b"who", headers=AUTHORIZED)
            return answer.status_code == 200

        wait_until(one_answers, timeout_seconds=60, what="an answer of the first worker")
        assert {ping(started) for _ in range(4)} == {503}
        waits.unlink()
        wait_until(started.answers, timeout_seconds=60, what="the 200 on /ping")


def test_who_replaces_the_dead_and_cannot_load_is_tried_again_while_others_answer(endpoint: RunningEndpoint) -> None:
    broken = endpoint.folder / "broken"
    broken.touch()
    workers_of(endpoint)[0].kill()

    def failures() -> int:
        return sum(line.get("exit_code") == 3 for line in endpoint.log_lines)

    wait_until(lambda: failures() >= 2, timeout_seconds=30, what="two who could not load")
    with kept_alive(endpoint, 4) as clients:
        assert len({asked(client) for client in clients}) == 1
    assert ping(endpoint) == 200
    broken.unlink()

    def answering() -> set[str]:
        with kept_alive(endpoint, 4) as clients:
            return {asked(client) for client in clients}

    wait_until(lambda: len(answering()) == 2, timeout_seconds=30, what="two who answer")


def test_ping_fails_while_one_worker_is_stuck_and_the_others_answer(tmp_path: Path) -> None:
    settings = {**settings_in(tmp_path), "model_timeout_seconds": 0.3}
    with running_endpoint(package_in(tmp_path), tmp_path, **settings) as endpoint, kept_alive(endpoint, 1) as (client,):
        assert client.post("/invocations", content=b"wait stuck").status_code == 424
        wait_until(lambda: ping(endpoint) == 503, timeout_seconds=10, what="a ping that fails")

        def statuses() -> set[int]:
            with kept_alive(endpoint, 4) as others:
                return {other.post("/invocations", content=b"who").status_code for other in others}

        wait_until(lambda: statuses() == {200}, timeout_seconds=10, what="answers of the other alone")
        (endpoint.folder / "stuck").touch()
        wait_until(lambda: ping(endpoint) == 200, timeout_seconds=10, what="a ping that does not")


def test_a_stop_lets_all_workers_answer_what_they_were_asked(endpoint: RunningEndpoint) -> None:
    with kept_alive(endpoint, 4) as clients, ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(asked, client, f"wait all{number}") for number, client in enumerate(clients)]
        begun = [endpoint.folder / f"all{number}.running" for number in range(4)]
        wait_until(lambda: sum(map(Path.exists, begun)) == 2, timeout_seconds=30, what="a request in each worker")
        inflight = "sextant_inflight_invocations"
        wait_until(lambda: total(scraped(endpoint), inflight) == 4, timeout_seconds=30, what="all four under way")
        endpoint.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(endpoint.port), timeout_seconds=10, what="a closed port")
        for number in range(4):
            (endpoint.folder / f"all{number}").touch()
        answers = [each.result(timeout=30) for each in asking]
    assert endpoint.process.wait(timeout=30) == 0
    assert len(set(answers)) == 2
    assert endpoint.captured_bodies.count("closed in time") == 2


def test_cores_are_shared_out_where_nobody_says_how_many_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    with (
        running_endpoint(package_in(tmp_path), tmp_path, **settings_in(tmp_path)) as running,
        kept_alive(running, 1) as (client,),
    ):
        assert asked(client, "threads") == str(max(1, len(os.sched_getaffinity(0)) // 2))


@pytest.mark.parametrize("asked_for", ["0", "65", "two", "-1", ""])
def test_a_number_of_workers_that_is_none_ends_the_process_with_its_reason(tmp_path: Path, asked_for: str) -> None:
    with started_endpoint(package_in(tmp_path), tmp_path, **settings_in(tmp_path, asked_for)) as started:
        assert started.process.wait(timeout=60) == 3
        expected = f"{VARIABLE} is {asked_for!r}: it is a number from 1 to 64"
        assert started.log_lines[-1]["error"] == expected
