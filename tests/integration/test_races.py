"""Changes of a row that a scheduler writes at the same moment, on a database whose readers do not lock.

SQLite's transactions take turns from their first statement on, so there nothing comes in between.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from monitor_jobs.contract.errors import Conflict
from service.alerting import reassess
from service.core.states import ExecutionStatus
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import Installation

pytestmark = pytest.mark.server("postgres")
HOURLY = {"MonitoringScheduleName": "hourly"}


@pytest.fixture
def here(tmp_path, postgres):
    installation = Installation(tmp_path, database_url=postgres.new_database()).with_endpoint()
    installation.call("CreateMonitoringSchedule", **requests.schedule())
    yield installation
    installation.database.engine.dispose()


@pytest.fixture
def written_meanwhile():
    """Lets another connection write a table's row right after each of so many reads of it."""

    def interfere(table, times, change):
        read, left = table.get, iter(range(times))

        def get(name):
            record = read(name)
            if next(left, None) is not None:
                elsewhere.submit(table.save, change(record)).result()
            return record

        table.get = get

    with ThreadPoolExecutor(1) as elsewhere:
        yield interfere


@pytest.fixture
def claiming(here, written_meanwhile):
    """Lets a scheduler claim a slot right after each of so many reads of a schedule."""

    def claimed(record):
        return replace(record, missed_slots=record.missed_slots + 1)

    return lambda times: written_meanwhile(here.database.schedules, times, claimed)


def test_an_update_that_meets_the_claim_of_a_slot_is_begun_anew(here, claiming):
    claiming(3)
    here.call("UpdateMonitoringSchedule", **requests.schedule(Environment={"THRESHOLD": "0.5"}))
    record = here.database.schedules.get("hourly")
    definition = record.request["MonitoringScheduleConfig"]["MonitoringJobDefinition"]
    assert (record.missed_slots, definition["Environment"]) == (3, {"THRESHOLD": "0.5"})


@pytest.mark.parametrize(("verb", "status"), [("Stop", "Stopped"), ("Start", "Scheduled")])
def test_stopping_and_starting_meet_claims_too(here, claiming, verb, status):
    if verb == "Start":
        here.call("StopMonitoringSchedule", **HOURLY)
    claiming(3)
    here.call(f"{verb}MonitoringSchedule", **HOURLY)
    assert here.database.schedules.get("hourly").status == status


def test_an_update_that_always_comes_second_gives_up_and_changes_nothing(here, claiming):
    before = here.database.schedules.get("hourly").request
    claiming(100)
    with pytest.raises(Conflict, match="schedules 'hourly' was changed by someone else: read it again"):
        here.call("UpdateMonitoringSchedule", **requests.schedule(Environment={"THRESHOLD": "0.5"}))
    assert here.database.schedules.get("hourly").request == before


def test_stopping_a_job_meets_its_renewal(here, written_meanwhile):
    here.call("CreateProcessingJob", **requests.processing_job())
    written_meanwhile(here.database.processing_jobs, 3, lambda record: replace(record, modified_at=here.now))
    here.call("StopProcessingJob", ProcessingJobName="baseline")
    assert here.database.processing_jobs.get("baseline").status == "Stopping"


def test_an_alert_that_is_changed_meanwhile_is_looked_at_anew(here, written_meanwhile):
    names = {"MonitoringScheduleName": "hourly", "MonitoringAlertName": "default"}
    here.call("UpdateMonitoringAlert", **names, DatapointsToAlert=1, EvaluationPeriod=1)
    here.database.executions.add(requests.execution(1, ExecutionStatus.COMPLETED_WITH_VIOLATIONS))
    written_meanwhile(here.database.alerts, 2, lambda record: replace(record, evaluation_period=9))
    alert = reassess(here.database, here.database.schedules.get("hourly"), here.now)
    assert (alert.status, alert.evaluation_period) == ("InAlert", 9)
    assert here.database.alert_changes.count(requests.EVERYTHING) == 1
