"""A whole installation that is stopped, killed and started again: nothing is lost, lingers, or is done twice."""

import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests import plain_http
from tests.e2e.service_under_test import Service, next_second
from tests.integration.tiny_package import write_tiny_package
from tests.wait import wait_until

RECORDS = 25


@pytest.fixture
def service(own_service):
    """A running installation with one endpoint that echoes what it is sent."""
    own_service.start()
    own_service.deploy("tiny", write_tiny_package(own_service.folder))
    own_service.wait_in_service("tiny")
    own_service.schedule("skew", "tiny", environment={"THRESHOLD": "1"})
    return own_service


def send(service):
    """The window in which some records were sent."""
    start = next_second()
    for number in range(RECORDS):
        service.invoke("tiny", str(number % 5).encode(), "application/json")
    return start, next_second()


def judged_records(service, window):
    verdict = service.verdict(service.ask_for("skew", *window))
    assert verdict["MonitoringExecutionStatus"] == "Completed", verdict
    return verdict["WindowRecords"]


def pids(service, role):
    return {process.pid for process in service.processes(role)}


def answers(service):
    return service.post("tiny", b"1", "application/json").is_success


def test_a_clean_stop_loses_no_capture_and_leaves_no_process(service):
    send(service)
    assert service.stop() == 0
    assert len(service.captures("tiny")) == RECORDS
    assert service.processes() == []


def test_after_a_clean_stop_everything_is_there_again(service):
    window = send(service)
    first = pids(service, "serve-endpoint")
    service.stop()
    service.start()
    wait_until(lambda: answers(service), timeout_seconds=60, what="an answer")
    assert judged_records(service, window) == RECORDS
    assert pids(service, "serve-endpoint").isdisjoint(first)


def test_the_roles_end_with_a_killed_parent_and_the_endpoint_lives_on(service):
    endpoint = pids(service, "serve-endpoint")
    service.kill()
    wait_until(
        lambda: not service.processes("control") and not service.processes("scheduler"),
        timeout_seconds=10,
        what="the roles' end",
    )
    assert pids(service, "serve-endpoint") == endpoint


def test_after_a_kill_the_endpoint_is_adopted_and_nothing_is_lost(service):
    window, endpoint = send(service), pids(service, "serve-endpoint")
    service.kill()
    service.start()
    assert answers(service)
    assert judged_records(service, window) == RECORDS
    assert pids(service, "serve-endpoint") == endpoint
    assert service.stop() == 0
    assert service.processes() == []


@pytest.mark.parametrize("role", ["control", "scheduler"])
def test_a_killed_role_is_started_again_and_the_endpoint_never_stops(service, role):
    endpoint, (victim,) = pids(service, "serve-endpoint"), pids(service, role)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: pids(service, role) - {victim}, timeout_seconds=20, what=f"another {role}")
    wait_until(lambda: answers(service), timeout_seconds=30, what="an answer")
    assert judged_records(service, send(service)) == RECORDS
    assert pids(service, "serve-endpoint") == endpoint


def test_a_killed_endpoint_is_started_again_and_its_captures_arrive(service):
    window, (victim,) = send(service), pids(service, "serve-endpoint")
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: pids(service, "serve-endpoint") - {victim}, timeout_seconds=20, what="another process")
    wait_until(lambda: answers(service), timeout_seconds=60, what="an answer")
    assert judged_records(service, window) == RECORDS


def test_a_deleted_endpoint_leaves_its_captures_and_no_process(service):
    send(service)
    service.call("DeleteEndpoint", EndpointName="tiny")
    wait_until(lambda: not service.processes("serve-endpoint"), timeout_seconds=40, what="the process's end")
    assert len(service.captures("tiny")) == RECORDS


def test_what_was_pending_when_its_endpoint_went_fails_and_says_so(service):
    end = datetime.now(UTC) + timedelta(seconds=4)
    execution = service.ask_for("skew", end - timedelta(minutes=1), end)
    service.call("DeleteEndpoint", EndpointName="tiny")
    verdict = service.verdict(execution)
    assert (verdict["MonitoringExecutionStatus"], verdict["FailureReason"]) == (
        "Failed",
        "endpoint tiny does not run: create it, or delete the schedule",
    )


def refused(service, **variables):
    """The exit code and the words of another `sextant up`."""
    environment = {**os.environ, "SEXTANT_DATA": str(service.data), "SEXTANT_PORT": "0", **variables}
    command = [sys.executable, "-m", "service", "up"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_second_one_on_the_same_folder_is_refused(own_service):
    own_service.start()
    code, words = refused(own_service)
    assert (code, "another `sextant up` uses" in words) == (4, True)
    assert plain_http.get(f"{own_service.url}/ping").is_success


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_an_address_beyond_loopback_is_refused(own_service, host):
    code, words = refused(own_service, SEXTANT_HOST=host)
    assert (code, "can be reached from other machines" in words) == (5, True)
    assert not own_service.data.exists()


def test_a_port_that_is_taken_is_named(own_service):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, words = refused(own_service, SEXTANT_PORT=str(port))
    assert (code, f"cannot listen on 127.0.0.1:{port}" in words) == (4, True)


def test_a_stop_while_it_starts_leaves_no_process(own_service):
    up = own_service.spawn()
    wait_until(lambda: own_service.processes("scheduler"), timeout_seconds=30, what="the scheduler")
    up.terminate()
    up.wait(70)
    assert own_service.processes() == []


def test_a_folder_whose_name_holds_a_space_serves(tmp_path):
    service = Service(tmp_path / "a folder")
    service.folder.mkdir()
    service.start()
    assert service.stop() == 0


def test_the_process_that_watches_the_others_holds_nothing_of_the_database(own_service):
    own_service.start()
    held = {
        role: [library for library in ("sqlite3", "cryptography") if holds(own_service, role, library)]
        for role in ("up", "control")
    }
    assert held == {"up": [], "control": ["sqlite3", "cryptography"]}


def holds(service, role, library):
    return any(library in mapped.path for process in service.processes(role) for mapped in process.memory_maps())
