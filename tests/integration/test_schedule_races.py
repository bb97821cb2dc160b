"""Changes of a schedule while the scheduler claims its slots, on a database whose readers do not lock.

SQLite's transactions take turns from their first statement on, so there nothing comes in between.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from monitor_jobs.contract.errors import Conflict
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
def claiming(here):
    """Lets another connection write the schedule's row right after each of so many reads of it."""
    table = here.database.schedules
    read = table.get

    def claim_slots(times):
        left = iter(range(times))

        def get(name):
            record = read(name)
            if next(left, None) is not None:
                claimed = replace(record, missed_slots=record.missed_slots + 1)
                elsewhere.submit(table.save, claimed).result()
            return record

        table.get = get

    with ThreadPoolExecutor(1) as elsewhere:
        yield claim_slots


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
