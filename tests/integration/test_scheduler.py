"""The scheduler's tick against SQLite, a folder store and real jobs; the clock is the test's."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import OperationalError

from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from service.core.records import ExecutionOrigin
from service.core.states import EndpointStatus, ExecutionStatus, ScheduleStatus
from tests.integration.scheduling import FLUSH_SECONDS, MINUTE, NOON

BEFORE_NOON = NOON - MINUTE / 2


def test_a_slot_becomes_one_execution_over_the_hour_before_it(house):
    house.add_schedule()
    house.capture(NOON)
    house.clock.go(hours=1)
    process = house.start()
    process.tick()
    (row,) = house.executions()
    assert (row.origin, row.scheduled_at, row.window_start) == (ExecutionOrigin.SLOT, house.clock(), NOON)
    ended = house.ended(process, row.id)
    assert ended.window_records == 1
    names = ("constraint_violations", "constraints_violations", "report", "statistics")
    assert set(house.reports()) == {f"reports/digits/skew/2026/11/20/13/{name}.json" for name in names}


def test_slots_of_a_day_of_downtime_are_caught_up_and_older_ones_counted(house):
    house.add_schedule()
    house.clock.go(hours=30)
    house.start().tick()
    assert len(house.executions()) == 24
    assert house.database.schedules.get("skew").missed_slots == 6


def test_a_second_look_makes_no_second_execution(house):
    house.add_schedule()
    house.clock.go(hours=1)
    process = house.start()
    process.tick()
    process.tick()
    assert len(house.executions()) == 1


def test_a_stopped_schedule_makes_no_execution(house):
    house.add_schedule()
    row = house.database.schedules.get("skew")
    house.database.schedules.save(replace(row, status=ScheduleStatus.STOPPED))
    house.clock.go(hours=5)
    house.start().tick()
    assert house.executions() == []


def test_a_slot_that_was_judged_before_does_not_hold_up_the_later_ones(house):
    house.add_schedule()
    house.ask_for(at=NOON + 60 * MINUTE)
    house.clock.go(hours=2)
    house.start().tick()
    assert [row.scheduled_at.hour for row in house.executions()] == [13, 14]


def test_a_schedule_that_cannot_be_read_keeps_no_other_from_its_slots(house):
    house.add_schedule("a-broken")
    row = house.database.schedules.get("a-broken")
    house.database.schedules.save(replace(row, request={"MonitoringScheduleConfig": 1}))
    house.add_schedule("good")
    house.clock.go(hours=1)
    house.start().tick()
    assert [row.schedule_name for row in house.executions()] == ["good"]


def test_a_clock_that_goes_back_repeats_no_slot_and_loses_none(house):
    house.add_schedule(cron="cron(* * ? * * *)")
    process = house.start()
    for passed in (3, -10, 8, 4):
        house.clock.go(minutes=passed)
        process.tick()
    assert [row.scheduled_at.minute for row in house.executions()] == [1, 2, 3, 4, 5]


def test_executions_of_one_schedule_never_overlap_and_keep_their_order(house, tmp_path):
    go = tmp_path / "go"
    house.add_schedule(action=("wait_for_go", str(go)))
    house.capture(BEFORE_NOON)
    first, second = house.ask_for(at=NOON), house.ask_for(at=NOON + MINUTE)
    process = house.start()
    house.running_job(process, first)
    process.tick()
    assert house.execution(second).status is ExecutionStatus.PENDING
    go.touch()
    house.ended(process, second)
    assert house.execution(first).modified_at <= house.execution(second).modified_at


def test_executions_wait_for_a_place_and_not_in_a_queue(house, tmp_path):
    go = tmp_path / "go"
    house.capture(BEFORE_NOON)
    ids = []
    for number, name in enumerate(("a", "b", "c")):
        house.add_schedule(name, action=("wait_for_go", str(go)))
        ids.append(house.ask_for(schedule=name, at=NOON + number * MINUTE))
    process = house.start()
    for execution in ids[:2]:
        house.running_job(process, execution)
    third = house.execution(ids[2])
    assert (third.status, third.attempt) == (ExecutionStatus.PENDING, 0)
    go.touch()
    assert house.ended(process, ids[2]).attempt == 1


def test_a_window_waits_until_every_producer_has_sealed_beyond_it(house):
    house.add_schedule()
    house.seal(NOON, producer="quick")
    house.seal(NOON - MINUTE, producer="slow")
    execution = house.ask_for()
    process = house.start()
    process.tick()
    assert house.execution(execution).status is ExecutionStatus.PENDING
    house.seal(NOON, producer="slow")
    assert house.ended(process, execution).exit_message == "No verdict: 0 records"


def test_a_producer_that_has_ended_is_not_waited_for(house):
    house.add_schedule()
    house.seal(NOON - 60 * MINUTE, closed=True)
    assert house.ended(house.start(), house.ask_for()).status is ExecutionStatus.COMPLETED


def test_a_window_that_has_not_ended_is_not_judged(house):
    house.add_schedule()
    execution = house.ask_for(end=NOON + MINUTE)
    house.start().tick()
    assert house.execution(execution).status is ExecutionStatus.PENDING


@pytest.mark.parametrize("records", [0, 1])
def test_waiting_is_given_up_after_the_flush_interval_and_thirty_seconds(house, records):
    house.add_schedule()
    house.seal(NOON - MINUTE, producer="lost")
    for _ in range(records):
        house.capture(BEFORE_NOON)
    execution = house.ask_for()
    process = house.start()
    house.clock.go(seconds=FLUSH_SECONDS + 29)
    process.tick()
    assert house.execution(execution).status is ExecutionStatus.PENDING
    house.clock.go(seconds=1)
    assert house.ended(process, execution).exit_message.endswith(". Gave up waiting for captures of lost.")


def test_a_watermark_that_cannot_be_read_is_no_reason_to_wait(house):
    house.add_schedule()
    house.store.put(S3Address.parse("s3://bucket/captures/_sextant/digits/AllTraffic/watermarks/x.json"), b"{")
    assert house.ended(house.start(), house.ask_for()).status is ExecutionStatus.COMPLETED


class _FailingStore(FolderStore):
    """A folder store that is down until told otherwise."""

    down = True

    def list(self, prefix):
        if self.down:
            raise StoreUnavailable("the store is down")
        return super().list(prefix)


def test_an_execution_waits_while_the_store_is_down(house):
    store = _FailingStore(house.folder)
    house.add_schedule()
    house.capture(BEFORE_NOON)
    execution, process = house.ask_for(), house.start(store=store)
    process.tick()
    assert house.execution(execution).status is ExecutionStatus.PENDING
    store.down = False
    assert house.ended(process, execution).status is ExecutionStatus.COMPLETED


def test_a_database_that_is_locked_for_a_tick_ends_nothing(house, monkeypatch):
    house.add_schedule()
    house.clock.go(hours=1)
    process = house.start()
    with monkeypatch.context() as patched:
        patched.setattr(house.database.schedules, "find", _locked)
        process.tick()
    process.tick()
    assert len(house.executions()) == 1


def test_an_endpoint_in_service_stays_so(house):
    house.start().tick()
    assert house.database.endpoints.get("digits").status is EndpointStatus.IN_SERVICE


def _locked(query):
    raise OperationalError("BEGIN", {}, Exception("database is locked"))
