"""When a monitoring alert is InAlert, from the executions that have ended."""

from datetime import timedelta

import pytest

from service.alerting import alert_of, change_alert, reassess
from service.core.alerts import alert_status, default_alert, reassessed
from service.core.records import AlertRecord
from service.core.states import VERDICTS, AlertStatus, ExecutionStatus
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import NOON, Installation

CLEAN, VIOLATING = VERDICTS
OK, IN_ALERT = AlertStatus.OK, AlertStatus.IN_ALERT
TWO_OF_THREE = {"datapoints_to_alert": 2, "evaluation_period": 3}


@pytest.fixture
def here(tmp_path):
    installation = Installation(tmp_path).with_endpoint()
    installation.call("CreateMonitoringSchedule", **requests.schedule())
    yield installation
    installation.database.engine.dispose()


def alert(here, **changes):
    """The alert of the schedule `hourly`, reassessed, after these changes of what it looks at."""
    schedule = here.database.schedules.get("hourly")

    def changed(before):
        return AlertRecord(**{name: getattr(before, name) for name in AlertRecord.__slots__} | changes)

    return change_alert(here.database, schedule, here.now, changed) if changes else reassessed_alert(here)


def reassessed_alert(here):
    return reassess(here.database, here.database.schedules.get("hourly"), here.now)


def end(here, *verdicts, first=1):
    """Executions that ended so, one an hour, and the alert's status after each."""
    found = []
    for slot, verdict in enumerate(verdicts, start=first):
        here.database.executions.add(requests.execution(slot, verdict))
        found.append(reassessed_alert(here.later(hours=1)).status)
    return found


def changes(here):
    return [row.status for row in here.database.alert_changes.find(requests.EVERYTHING)]


@pytest.mark.parametrize(
    ("verdicts", "datapoints", "status"),
    [
        ([], 1, OK),
        ([CLEAN], 1, OK),
        ([VIOLATING], 1, IN_ALERT),
        ([VIOLATING, CLEAN, CLEAN], 1, IN_ALERT),
        ([VIOLATING], 2, OK),
        ([VIOLATING, CLEAN, VIOLATING], 2, IN_ALERT),
        ([VIOLATING] * 100, 100, IN_ALERT),
    ],
)
def test_so_many_violating_executions_raise_the_alert(verdicts, datapoints, status):
    assert alert_status(verdicts, datapoints_to_alert=datapoints) is status


def test_two_of_three_is_raised_and_ended_as_in_the_developer_guide(here):
    alert(here, **TWO_OF_THREE)
    found = end(here, VIOLATING, VIOLATING, CLEAN, CLEAN, VIOLATING, CLEAN, VIOLATING)
    assert found == [OK, IN_ALERT, IN_ALERT, OK, OK, OK, IN_ALERT]


def test_by_default_the_last_execution_decides(here):
    assert end(here, VIOLATING, VIOLATING, CLEAN, VIOLATING) == [IN_ALERT, IN_ALERT, OK, IN_ALERT]
    assert changes(here) == [IN_ALERT, OK, IN_ALERT]


@pytest.mark.parametrize("status", [ExecutionStatus.FAILED, ExecutionStatus.STOPPED, ExecutionStatus.IN_PROGRESS])
def test_what_ended_without_a_verdict_is_no_datapoint(here, status):
    assert end(here, VIOLATING, status) == [IN_ALERT, IN_ALERT]


def test_executions_count_in_the_order_of_their_slots_not_of_their_ends(here):
    end(here, VIOLATING, first=2)
    assert end(here, CLEAN, first=1) == [IN_ALERT]


def test_what_an_earlier_schedule_of_the_name_found_is_not_this_ones(here):
    end(here, VIOLATING)
    here.call("DeleteMonitoringSchedule", MonitoringScheduleName="hourly")
    here.later(hours=1).call("CreateMonitoringSchedule", **requests.schedule())
    assert reassessed_alert(here).status is OK
    assert changes(here) == [IN_ALERT]


def test_an_alert_that_stays_writes_nothing(here):
    end(here, VIOLATING)
    kept = here.database.alerts.get("hourly")
    assert reassessed_alert(here.later(hours=1)) == kept == here.database.alerts.get("hourly")


def test_an_alert_that_never_changed_has_no_row_and_is_as_old_as_its_schedule(here):
    schedule = here.database.schedules.get("hourly")
    assert reassessed_alert(here) == default_alert(schedule) == alert_of(here.database, schedule)
    assert here.database.alerts.get("hourly") is None


def test_an_alert_is_told_before_its_change_is_kept(here):
    here.database.executions.add(requests.execution(1, VIOLATING))
    told = alert_of(here.database, here.database.schedules.get("hourly"))
    assert (told.status, told.modified_at) == (IN_ALERT, NOON + timedelta(hours=1, minutes=5))
    assert (changes(here), here.database.alerts.get("hourly")) == ([], None)


def test_a_change_says_when(here):
    end(here, VIOLATING)
    (change,) = here.database.alert_changes.find(requests.EVERYTHING)
    assert (change.schedule_name, change.alert_name, change.created_at) == (
        "hourly",
        "default",
        NOON + timedelta(hours=1),
    )


def test_new_settings_look_at_old_executions(here):
    end(here, VIOLATING, CLEAN)
    assert alert(here.later(hours=1), datapoints_to_alert=1, evaluation_period=2).status is IN_ALERT
    assert changes(here) == [IN_ALERT, OK, IN_ALERT]


def test_the_same_status_is_the_same_alert(here):
    before = default_alert(here.database.schedules.get("hourly"))
    assert reassessed(before, [requests.execution(1)], NOON) is before
