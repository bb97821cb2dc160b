"""The operation table on monitoring alerts and their history."""

from datetime import timedelta

import pytest

from monitor_jobs.contract.errors import BadInput
from service.alerting import reassess
from service.control.sagemaker.context import ResourceNotFound, ValidationException
from service.core.states import VERDICTS
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import NOON, Installation

ARN = "arn:aws:sagemaker:us-east-1:000000000000"
CLEAN, VIOLATING = VERDICTS
NAMES = {"MonitoringScheduleName": "hourly", "MonitoringAlertName": "default"}


@pytest.fixture
def here(tmp_path):
    installation = Installation(tmp_path).with_endpoint()
    for name in ("hourly", "daily"):
        installation.call("CreateMonitoringSchedule", **requests.schedule(name))
    yield installation
    installation.database.engine.dispose()


def alerts(here, **request):
    return here.call("ListMonitoringAlerts", MonitoringScheduleName="hourly", **request)["MonitoringAlertSummaries"]


def update(here, datapoints, period, **names):
    settings = {"DatapointsToAlert": datapoints, "EvaluationPeriod": period}
    return here.call("UpdateMonitoringAlert", **NAMES | names | settings)


def end(here, *verdicts, schedule="hourly"):
    """Executions of a schedule that ended so, one an hour."""
    for verdict in verdicts:
        slot = here.later(hours=1).database.executions.count(requests.EVERYTHING)
        row = requests.execution(slot, verdict, id=f"{schedule}-{slot}", schedule_name=schedule)
        here.database.executions.add(row)
        reassess(here.database, here.database.schedules.get(schedule), here.now)


def history(here, **request):
    answer = here.call("ListMonitoringAlertHistory", **request)
    return [(row["MonitoringScheduleName"], row["AlertStatus"]) for row in answer["MonitoringAlertHistory"]]


def test_a_schedule_has_one_alert_from_its_creation(here):
    assert alerts(here) == [
        {
            "MonitoringAlertName": "default",
            "CreationTime": NOON,
            "LastModifiedTime": NOON,
            "AlertStatus": "OK",
            "DatapointsToAlert": 1,
            "EvaluationPeriod": 1,
            "Actions": {"ModelDashboardIndicator": {"Enabled": True}},
        }
    ]


def test_an_alert_is_updated_and_told(here):
    answer = update(here.later(hours=1), 2, 3)
    assert answer == {"MonitoringScheduleArn": f"{ARN}:monitoring-schedule/hourly", "MonitoringAlertName": "default"}
    (alert,) = alerts(here)
    assert (alert["DatapointsToAlert"], alert["EvaluationPeriod"]) == (2, 3)
    assert alert["LastModifiedTime"] - alert["CreationTime"] == timedelta(hours=1)


def test_an_update_holds_for_what_has_ended_already(here):
    end(here, VIOLATING, CLEAN)
    assert alerts(here)[0]["AlertStatus"] == "OK"
    update(here, 1, 2)
    assert alerts(here)[0]["AlertStatus"] == "InAlert"


@pytest.mark.parametrize(
    ("datapoints", "period", "words"),
    [
        (0, 1, "datapointsToAlert"),
        (1, 0, "evaluationPeriod"),
        (101, 101, "less than or equal to 100"),
        (2, 1, "DatapointsToAlert 2 is more than EvaluationPeriod 1"),
    ],
)
def test_an_alert_that_cannot_be_raised_is_refused(here, datapoints, period, words):
    with pytest.raises((BadInput, ValidationException), match=words):
        update(here, datapoints, period)
    assert alerts(here)[0]["DatapointsToAlert"] == 1


@pytest.mark.parametrize("names", [{"MonitoringScheduleName": "nope"}, {"MonitoringAlertName": "nope"}])
def test_an_alert_that_is_not_there_is_a_resource_not_found(here, names):
    with pytest.raises(ResourceNotFound, match="nope"):
        update(here, 1, 1, **names)


def test_alerts_of_a_schedule_that_is_not_there_are_a_resource_not_found(here):
    with pytest.raises(ResourceNotFound, match="Monitoring Schedule with name nope does not exist"):
        here.call("ListMonitoringAlerts", MonitoringScheduleName="nope")


def test_a_token_that_no_page_gave_is_refused(here):
    with pytest.raises(ValidationException, match="NextToken is not one that this listing gave"):
        alerts(here, NextToken="forged")


def test_a_deleted_schedules_alert_is_gone_and_its_history_stays(here):
    update(here, 2, 2)
    end(here, VIOLATING, VIOLATING)
    here.call("DeleteMonitoringSchedule", MonitoringScheduleName="hourly")
    here.call("CreateMonitoringSchedule", **requests.schedule())
    assert (alerts(here)[0]["AlertStatus"], alerts(here)[0]["DatapointsToAlert"]) == ("OK", 1)
    assert history(here) == [("hourly", "InAlert")]


@pytest.fixture
def changed(here):
    """Both schedules went into alert; hourly out of it again; then daily did."""
    end(here, VIOLATING)
    end(here, VIOLATING, schedule="daily")
    end(here, CLEAN)
    end(here, CLEAN, schedule="daily")
    return here


@pytest.mark.parametrize(
    ("request_body", "found"),
    [
        ({}, ["daily OK", "hourly OK", "daily InAlert", "hourly InAlert"]),
        ({"SortOrder": "Ascending", "StatusEquals": "InAlert"}, ["hourly InAlert", "daily InAlert"]),
        ({"MonitoringScheduleName": "daily"}, ["daily OK", "daily InAlert"]),
        ({"MonitoringAlertName": "nope"}, []),
        ({"CreationTimeAfter": "2026-11-20T15:00:00Z"}, ["daily OK", "hourly OK"]),
        ({"CreationTimeBefore": "2026-11-20T14:00:00Z"}, ["hourly InAlert"]),
    ],
)
def test_history_is_filtered_and_newest_first(changed, request_body, found):
    assert [" ".join(row) for row in history(changed, **request_body)] == found


def test_history_sorts_by_status_and_pages(changed):
    request = {"SortBy": "Status", "SortOrder": "Ascending", "MaxResults": 3}
    first = changed.call("ListMonitoringAlertHistory", **request)
    second = changed.call("ListMonitoringAlertHistory", NextToken=first["NextToken"], **request)
    rows = [*first["MonitoringAlertHistory"], *second["MonitoringAlertHistory"]]
    assert [row["AlertStatus"] for row in rows] == ["InAlert", "InAlert", "OK", "OK"]
    assert "NextToken" not in second


def test_a_page_of_history_holds_a_hundred_unless_said(here):
    end(here, *[VIOLATING, CLEAN] * 55)
    assert len(history(here)) == 100
