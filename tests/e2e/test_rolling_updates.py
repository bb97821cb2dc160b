"""An endpoint that is replaced while clients call it and while its scheduler is killed: every request is answered."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.benchmarks.faults.rolling_restart import (
    kill,
    measure,
    process_ids,
    roll,
    roll_and_kill_schedulers,
    tried,
)
from tests.e2e.service_under_test import next_second
from tests.servers.rolling_calls import NAME, UpdatesUnderLoad, calling, sleeping_package, updated_under_load


@pytest.fixture
def service(own_service):
    """A running installation with one endpoint that is called."""
    own_service.start()
    own_service.deploy(NAME, sleeping_package(own_service.folder))
    own_service.wait_in_service(NAME)
    return own_service


def test_a_restart_under_load_fails_no_request_and_every_answer_is_captured_once(tmp_path):
    figures = measure(tmp_path, quick=True)
    assert {name: figure.value for name, figure in figures.items()} == {
        "restart_failed_requests": 0,
        "restart_lost_captures": 0,
        "restart_repeated_captures": 0,
    }


def test_the_same_clients_do_see_a_process_that_is_killed(tmp_path):
    outcome = tried(tmp_path / "killed", kill)
    assert outcome.failed > 0
    assert (outcome.lost, outcome.repeated) == (0, 0)


def test_a_scheduler_killed_during_an_update_fails_no_request_and_leaves_one_process(tmp_path):
    outcome = tried(tmp_path / "killed", lambda service: roll_and_kill_schedulers(service, 1))
    assert (outcome.failed, outcome.lost, outcome.repeated) == (0, 0, 0)


def test_a_request_that_is_being_answered_when_its_process_retires_is_answered(service):
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(service.invoke, NAME, b"[6]", "application/json")
        roll(service, 1)
        assert slow.result() == [6]


def test_a_window_that_spans_an_update_is_judged_over_both_processes(service):
    service.schedule("skew", NAME, environment={"THRESHOLD": "1"})
    start = next_second()
    with calling(service.url, NAME) as calls:
        roll(service, 1)
    verdict = service.verdict(service.ask_for("skew", start, next_second()))
    assert (verdict["MonitoringExecutionStatus"], verdict["WindowRecords"]) == ("Completed", len(calls.answered))


def test_neither_an_update_nor_one_that_is_rolled_back_takes_anything_from_those_who_call(service):
    outcome = updated_under_load(service, rounds=2)
    assert (outcome.taken_over, outcome.rolled_back, outcome.failed) == (2, 2, ())
    assert outcome.answered > 0
    described = service.call("DescribeEndpoint", EndpointName=NAME)
    assert "these weights are of another network" in described["FailureReason"]
    assert (described["EndpointConfigName"], len(process_ids(service))) == (NAME, 1)


def test_the_figure_counts_what_failed_and_says_what_came_first():
    figure = UpdatesUnderLoad(3, 2, 100, ("caller-0-7: it broke",)).figure()
    assert (figure.value, figure.goal) == (1, "<= 0")
    assert "3 updates that took over, 2 that were rolled back" in figure.note
    assert figure.note.endswith("100 answered; first: caller-0-7: it broke")
