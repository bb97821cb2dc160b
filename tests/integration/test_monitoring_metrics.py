"""What Prometheus scrapes from a real control process over a database that other processes fill."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.alerting import reassess
from service.core.states import EndpointStatus, ExecutionStatus
from tests import plain_http
from tests import sagemaker_requests as requests
from tests.aws_clients import SIGNED
from tests.sagemaker_requests import NOON, Installation
from tests.servers.control import control_process
from tests.servers.programs import find_program

HOURLY = {"schedule": "hourly", "endpoint": "signs"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("monitoring")


@pytest.fixture(scope="module")
def url(folder):
    with control_process(folder) as address:
        yield address


@pytest.fixture
def here(folder, url):
    """An endpoint and an hourly schedule that was made at noon, without executions."""
    installation = Installation(folder)
    installation.forget_everything()
    installation.with_endpoint().call("CreateMonitoringSchedule", **requests.schedule())
    yield installation
    installation.database.engine.dispose()


def scrape(url):
    """Every sample of one scrape by name and labels."""
    families = text_string_to_metric_families(plain_http.get(f"{url}/metrics", auth=SIGNED).text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(url, name, **labels):
    return scrape(url).get((f"sextant_{name}", frozenset(labels.items())))


def end(here, *executions):
    """The executions, and the alert that the scheduler makes of each."""
    for execution in executions:
        here.database.executions.add(execution)
        reassess(here.database, here.database.schedules.get("hourly"), NOON)


def violating(slot, violations):
    return requests.execution(slot, ExecutionStatus.COMPLETED_WITH_VIOLATIONS, violations=violations, window_records=40)


def test_a_schedule_without_executions_has_a_period_and_no_verdict(url, here):
    assert value(url, "schedule_period_seconds", **HOURLY) == 3600
    assert value(url, "missed_slots_total", **HOURLY) == 0
    assert value(url, "executions_total", **HOURLY, status="Completed") == 0
    assert value(url, "last_execution_violations", **HOURLY) is None
    assert value(url, "monitoring_alert_state", **HOURLY) is None


def test_the_last_finished_execution_is_the_verdict(url, here):
    end(here, violating(1, 60), violating(2, 3), requests.execution(0, violations=0))
    assert value(url, "last_execution_violations", **HOURLY) == 3
    assert value(url, "last_window_records", **HOURLY) == 40
    assert value(url, "monitoring_alert_state", **HOURLY) == 1


def test_an_execution_that_failed_leaves_the_last_verdict(url, here):
    here.database.executions.add(violating(1, 60))
    here.database.executions.add(requests.execution(2, ExecutionStatus.FAILED))
    assert value(url, "last_execution_violations", **HOURLY) == 60
    assert value(url, "last_execution_state", **HOURLY, status="Failed") == 1
    assert value(url, "executions_total", **HOURLY, status="Failed") == 1


def test_exactly_one_status_is_that_of_the_last_execution(url, here):
    here.database.executions.add(requests.execution(1, ExecutionStatus.IN_PROGRESS))
    states = {
        dict(labels)["status"]: state
        for (name, labels), state in scrape(url).items()
        if name == "sextant_last_execution_state"
    }
    assert states == {status: float(status == "InProgress") for status in ExecutionStatus}


def test_a_clean_window_ends_the_alert(url, here):
    end(here, violating(1, 60), requests.execution(2, violations=0, window_records=9))
    assert value(url, "monitoring_alert_state", **HOURLY) == value(url, "last_execution_violations", **HOURLY) == 0


def alert_status(here):
    (alert,) = here.call("ListMonitoringAlerts", MonitoringScheduleName="hourly")["MonitoringAlertSummaries"]
    return alert["AlertStatus"]


def test_prometheus_and_listed_alerts_tell_the_same(url, here):
    settings = {"MonitoringAlertName": "default", "DatapointsToAlert": 2, "EvaluationPeriod": 3}
    here.call("UpdateMonitoringAlert", MonitoringScheduleName="hourly", **settings)
    told = []
    for slot, violations in enumerate([60, 60, 0, 0]):
        end(here, violating(slot, 60) if violations else requests.execution(slot, violations=0))
        told.append((value(url, "monitoring_alert_state", **HOURLY), alert_status(here)))
    assert told == [(0, "OK"), (1, "InAlert"), (1, "InAlert"), (0, "OK")]


def test_what_a_monitor_published_is_exported(url, here):
    here.database.processing_jobs.add(requests.ended_job("job-1", metrics={"class_skew": 0.25, 'a "b"\n': -1e300}))
    here.database.executions.add(requests.execution(1, processing_job_name="job-1"))
    assert value(url, "monitor_metric_value", **HOURLY, metric="class_skew") == 0.25
    assert value(url, "monitor_metric_value", **HOURLY, metric='a "b"\n') == -1e300


def age(url):
    return timedelta(seconds=value(url, "last_report_age_seconds", **HOURLY))


def test_the_report_grows_old_from_the_end_of_the_last_finished_execution(url, here):
    ended = datetime.now(UTC) - timedelta(hours=5)
    here.database.executions.add(replace(requests.execution(1), modified_at=ended))
    here.database.executions.add(requests.execution(2, ExecutionStatus.FAILED))
    changed(here, modified_at=NOON - timedelta(days=9999))
    assert timedelta(hours=5) <= age(url) < timedelta(hours=6)


def test_a_schedule_that_was_just_started_is_not_late(url, here):
    here.database.executions.add(requests.execution(1))
    changed(here, modified_at=datetime.now(UTC) - timedelta(hours=5))
    assert timedelta(hours=5) <= age(url) < timedelta(hours=6)


def test_a_clock_set_back_makes_no_negative_age(url, here):
    changed(here, modified_at=datetime.now(UTC) + timedelta(days=1))
    assert age(url) == timedelta(0)


def changed(here, **changes):
    table = here.database.schedules
    table.save(replace(table.get("hourly"), **changes))


def test_a_stopped_schedule_has_no_period_to_be_late_by(url, here):
    here.call("StopMonitoringSchedule", MonitoringScheduleName="hourly")
    assert value(url, "schedule_period_seconds", **HOURLY) is None
    assert value(url, "missed_slots_total", **HOURLY) == 0


def test_an_endpoint_is_in_service_or_not(url, here):
    assert value(url, "endpoint_in_service_state", endpoint="signs") == 0
    here.database.endpoints.save(replace(here.database.endpoints.get("signs"), status=EndpointStatus.IN_SERVICE))
    assert value(url, "endpoint_in_service_state", endpoint="signs") == 1


def test_prometheus_is_told_where_endpoints_are(url, here):
    running = [{"variant": "AllTraffic", "handle": {"address": "http://127.0.0.1:9999"}}]
    here.database.endpoints.save(replace(here.database.endpoints.get("signs"), running=running))
    answer = plain_http.get(f"{url}/prometheus/targets", auth=SIGNED)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == [{"targets": ["127.0.0.1:9999"], "labels": {"job": "sextant-endpoint"}}]


def test_nothing_is_forgotten_by_a_restart(here, folder, url):
    end(here, violating(1, 60))
    changed(here, missed_slots=4)
    before = scrape(url)
    with control_process(folder) as another:
        after = scrape(another)
    growing = {key for key in before if key[0] == "sextant_last_report_age_seconds"}
    assert {key: after[key] for key in before.keys() - growing} == {key: before[key] for key in before.keys() - growing}
    assert after.keys() == before.keys()


def test_a_scrape_of_nothing_says_that_nothing_is_left_out(url, here):
    here.call("DeleteMonitoringSchedule", MonitoringScheduleName="hourly")
    here.database.endpoints.remove("signs")
    assert scrape(url) == {("sextant_metrics_left_out_state", frozenset()): 0}


@pytest.mark.server("promtool")
def test_promtool_finds_no_fault(url, here):
    here.database.processing_jobs.add(requests.ended_job("job-1", metrics={"skew": 0.5}))
    here.database.executions.add(replace(violating(1, 60), processing_job_name="job-1"))
    text = plain_http.get(f"{url}/metrics", auth=SIGNED).content
    done = subprocess.run([find_program("promtool"), "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
