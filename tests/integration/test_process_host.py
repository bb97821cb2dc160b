"""Endpoints as real processes: found again, listened to, and ended with all that they forked."""

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest

from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from service.adapters.process_host import ProcessHost, at_start, inherited_by_endpoints
from service.core.deployment import EndpointSpec
from tests import plain_http
from tests.endpoint_token import AUTHORIZED, TOKEN_SHA256
from tests.integration import job_program
from tests.integration.tiny_package import write_tiny_package
from tests.wait import wait_until

START_SECONDS = 60


@pytest.fixture
def host(tmp_path):
    return ProcessHost(job_program.environment(SEXTANT_DATA=str(tmp_path)), token_sha256=TOKEN_SHA256)


@pytest.fixture
def start(host, tmp_path):
    """Starts an endpoint of the tiny package; all are ended with the test."""
    FolderStore(tmp_path).upload(write_tiny_package(tmp_path), S3Address("bucket", "tiny.tar.gz"))
    handles = []

    def started(**environment):
        spec = EndpointSpec(
            endpoint="tiny",
            variant="AllTraffic",
            model_name="tiny",
            model_data_url="s3://bucket/tiny.tar.gz",
            environment=environment,
            spool_folder=tmp_path / "spool",
            spool_budget_bytes=1 << 20,
            flush_interval_seconds=1,
        )
        handles.append(host.start(spec, folder=tmp_path / "endpoint"))
        return handles[-1]

    yield started
    for handle in handles:
        host.stop(handle)


def lives(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_ready(host, handle):
    wait_until(lambda: host.ready(handle), timeout_seconds=START_SECONDS, what="the endpoint's first 200 on /ping")


def wait_ended(host, handle):
    wait_until(lambda: not host.running(handle), timeout_seconds=START_SECONDS, what="the endpoint's end")


def test_a_started_endpoint_serves_at_its_address_on_loopback(host, start):
    handle = start()
    wait_ready(host, handle)
    assert handle["address"].startswith("http://127.0.0.1:")
    assert plain_http.post(f"{handle['address']}/invocations", content=b"hello", headers=AUTHORIZED).content == b"hello"


def test_an_endpoint_that_loads_is_running_and_not_ready(host, start):
    handle = start(BEHAVIOUR="hang")
    assert (host.running(handle), host.ready(handle)) == (True, False)


def test_a_models_environment_says_nothing_of_where_the_store_is(host, start):
    nowhere = "http://127.0.0.1:9"
    names = ("SEXTANT_STORE_ENDPOINT_URL", "SEXTANT_DATA", "AWS_ENDPOINT_URL_S3", "aws_endpoint_url", "HTTPS_PROXY")
    wait_ready(host, start(**dict.fromkeys(names, nowhere)))


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "BEHAVIOUR", "MY_AWS_REGION", "PROXY"])
def test_what_else_a_models_environment_says_is_there_from_the_start(name):
    assert at_start({name: "1", "AWS_ENDPOINT_URL": "http://elsewhere", "no_proxy": "*"}) == {name: "1"}


def test_a_proxy_in_the_environment_does_not_stand_between_us(host, start, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    wait_ready(host, start())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_model_that_does_not_load_ends_the_process_with_its_own_sentence(host, start, workers):
    handle = start(BEHAVIOUR="raise", SAGEMAKER_MODEL_SERVER_WORKERS=workers)
    wait_ended(host, handle)
    assert "the weights are those of another network" in host.last_words(handle)
    assert "Traceback" not in host.last_words(handle)


def test_a_very_long_sentence_is_still_found(host, start):
    handle = start(BEHAVIOUR="raise at length")
    wait_ended(host, handle)
    assert "missing keys: layer.weight, layer.weight" in host.last_words(handle)[:200]


def test_a_process_that_ended_without_a_word_has_none(host, start):
    handle = start(BEHAVIOUR="exit")
    wait_ended(host, handle)
    assert "model_failed_to_load" not in host.last_words(handle)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_another_service_finds_a_living_endpoint_and_ends_it(host, start, workers):
    handle = start(SAGEMAKER_MODEL_SERVER_WORKERS=workers)
    wait_ready(host, handle)
    forked = psutil.Process(handle["pid"]).children()
    other = ProcessHost({}, token_sha256="")
    assert (other.running(handle), other.ready(handle)) == (True, True)
    other.stop(handle)
    assert not other.running(handle)
    assert not any(lives(worker.pid) for worker in forked)


def test_a_killed_endpoint_does_not_run(host, start):
    handle = start()
    os.kill(handle["pid"], signal.SIGKILL)
    wait_ended(host, handle)
    assert not ProcessHost({}, token_sha256="").running(handle)


@pytest.fixture
def no_patience(monkeypatch):
    # A child that is forked off an endpoint has its handlers, and takes no notice of SIGTERM.
    monkeypatch.setattr("service.adapters.process_host.STOP_PATIENCE_SECONDS", 0.5)


@pytest.mark.usefixtures("no_patience")
def test_stopping_takes_forked_children_along(host, start, tmp_path):
    child = tmp_path / "child"
    handle = start(BEHAVIOUR="fork", CHILD=str(child))
    wait_until(lambda: child.exists() and child.read_text(), timeout_seconds=START_SECONDS, what="the child")
    host.stop(handle)
    assert not lives(int(child.read_text()))


@pytest.mark.usefixtures("no_patience")
def test_children_of_a_killed_endpoint_are_ended_too(host, start, tmp_path):
    child = tmp_path / "child"
    handle = start(BEHAVIOUR="fork", CHILD=str(child))
    wait_until(lambda: child.exists() and child.read_text(), timeout_seconds=START_SECONDS, what="the child")
    os.kill(handle["pid"], signal.SIGKILL)
    wait_ended(host, handle)
    host.stop(handle)
    assert not lives(int(child.read_text()))


def test_stopping_twice_is_stopping_once(host, start):
    handle = start()
    host.stop(handle)
    host.stop(handle)
    assert not host.running(handle)


def test_a_pid_that_is_someone_elses_by_now_is_neither_running_nor_stopped(host, start):
    handle = start(BEHAVIOUR="hang")
    stale = {**handle, "started": handle["started"] - 1}
    assert not host.running(stale)
    host.stop(stale)
    assert host.running(handle)


def test_processes_beside_each_other_have_specs_of_their_own_and_one_of_them_is_ended(host, start, tmp_path):
    first, second = start(), start()
    wait_ready(host, first)
    wait_ready(host, second)
    host.stop(first)
    assert (host.running(first), host.ready(second)) == (False, True)
    assert [str(path) for path in (tmp_path / "endpoint").glob("spec-*.json")] == [second["spec"]]


def test_last_words_are_of_the_process_that_is_asked_for(host, start):
    broken, serving = start(BEHAVIOUR="raise"), start()
    wait_ended(host, broken)
    wait_ready(host, serving)
    assert "the weights are those of another network" in host.last_words(broken)
    assert "the weights are those of another network" not in host.last_words(serving)


@pytest.fixture
def orphan(tmp_path):
    """The handle of an endpoint whose starter ended without a word to anybody."""
    spec = EndpointSpec(
        endpoint="tiny",
        variant="AllTraffic",
        model_name="tiny",
        model_data_url="s3://bucket/tiny.tar.gz",
        spool_folder=tmp_path / "spool",
        spool_budget_bytes=1 << 20,
        flush_interval_seconds=1,
    )
    starter = [sys.executable, "-c", START_AND_DIE, spec.model_dump_json(), str(tmp_path / "endpoint")]
    environment = job_program.environment(SEXTANT_DATA=str(tmp_path))
    handle = json.loads(subprocess.run(starter, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    yield handle
    ProcessHost({}, token_sha256="").stop(handle)


START_AND_DIE = """
import json, os, sys
from pathlib import Path
from service.adapters.process_host import ProcessHost, at_start
from service.core.deployment import EndpointSpec

spec = EndpointSpec.model_validate_json(sys.argv[1])
print(json.dumps(ProcessHost(dict(os.environ), token_sha256="").start(spec, folder=Path(sys.argv[2]))), flush=True)
os._exit(0)
"""


def test_what_a_dead_starter_left_is_a_stray_below_its_folder_alone(host, start, orphan, tmp_path):
    ours = start(BEHAVIOUR="hang")
    (stray,) = host.strays(tmp_path)
    assert stray.items() <= orphan.items()
    assert host.strays(tmp_path / "endpoin") == []
    assert host.running(ours)


def test_a_stray_is_ended_by_what_is_known_of_it(host, orphan, tmp_path):
    (stray,) = host.strays(tmp_path)
    host.stop(stray)
    assert (host.running(orphan), host.strays(tmp_path)) == (False, [])


@pytest.mark.parametrize("store", [{}, {"SEXTANT_STORE_ENDPOINT_URL": "http://s3"}])
def test_an_endpoint_inherits_no_secret_and_the_stores_keys_only_where_there_is_a_store(store):
    given = ("SEXTANT_SECRET_ACCESS_KEY", "SEXTANT_ACCESS_KEY_ID", "SEXTANT_SECRET_ACCESS_KEY_FILE", "SEXTANT_API_KEY")
    secret = dict.fromkeys((*given, "SEXTANT_DATABASE_URL", "PGPASSWORD", "SEXTANT_TLS_KEY"), "canary")
    harmless = {"PATH": "/bin", "LD_LIBRARY_PATH": "/cuda", "SEXTANT_DATA": "data", "SEXTANT_REGION": "eu-west-1"}
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "canary"}
    inherited = inherited_by_endpoints({**secret, **harmless, **keys, **store})
    assert inherited == {**harmless, **store, **(keys if store else {})}
