"""Alerts where executions end: real jobs over SQLite and a folder store, at a clock that stands."""

from datetime import timedelta

from service.alerting import alert_of
from service.core.states import AlertStatus, ExecutionStatus
from tests import sagemaker_requests as requests
from tests.integration.scheduling import MINUTE, NOON
from tests.wait import wait_until

BEFORE_NOON = NOON - MINUTE / 2
OK, IN_ALERT = AlertStatus.OK, AlertStatus.IN_ALERT


def status(house):
    return alert_of(house.database, house.database.schedules.get("skew")).status


def changes(house):
    return [(row.status, row.created_at) for row in house.database.alert_changes.find(requests.EVERYTHING)]


def comes_to(house, *expected):
    """Waits until these are the alert's changes: one is kept right after its execution has ended."""
    kept = lambda: [change for change, _ in changes(house)] == list(expected)  # noqa: E731 -- one look
    wait_until(kept, timeout_seconds=30, what=f"the alert's changes to be {expected}")


def judge(house, process, *, start=NOON - MINUTE):
    house.clock.go(minutes=1)
    return house.ended(process, house.ask_for(start=start, end=start + MINUTE))


def test_an_execution_that_finds_violations_raises_the_alert_and_a_clean_one_ends_it(house):
    house.add_schedule(action=("leave_report", "2"))
    house.capture(BEFORE_NOON)
    process = house.start()
    judge(house, process)
    assert status(house) is IN_ALERT
    comes_to(house, IN_ALERT)
    judge(house, process, start=NOON - timedelta(hours=5))
    assert status(house) is OK
    comes_to(house, IN_ALERT, OK)


def test_a_failed_execution_leaves_the_alert(house):
    house.add_schedule(action=("end_with", "3"))
    house.capture(BEFORE_NOON)
    assert judge(house, house.start()).status is ExecutionStatus.FAILED
    assert (status(house), changes(house)) == (OK, [])


def test_an_alert_that_a_scheduler_died_before_is_made_up_for_by_the_next(house):
    house.add_schedule()
    row = house.execution(house.ask_for())
    violated = {"status": ExecutionStatus.COMPLETED_WITH_VIOLATIONS, "violations": 2}
    house.database.executions.remove(row.id)
    house.database.executions.add(type(row)(**{name: getattr(row, name) for name in row.__slots__} | violated))
    process = house.start()
    process.stop.set()
    process.scheduler.run(tick_seconds=0.1, stop=process.stop)
    assert changes(house) == [(IN_ALERT, NOON)]
