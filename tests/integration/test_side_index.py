"""From captures to a verdict by way of the side index: a real capture, a real scheduler, a real monitor's process."""

from datetime import timedelta

import pytest

from monitor_jobs.contract.erasure import IdKind
from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.contract.report import Report
from monitor_jobs.erasure import Beside, Variant, begin
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from service.adapters.process_runner import ProcessRunner
from service.core.deployment import EndpointSpec
from service.core.records import CaptureSource
from service.core.states import ExecutionStatus
from tests.integration import job_program
from tests.integration.capture_spool import Clock, exchange_of, offer_all, started
from tests.integration.scheduling import NOON
from tests.wait import wait_until

MONITOR = {"MonitoringAppSpecification": {"ImageUri": "sextant/class-skew"}}
HOUR = timedelta(hours=1)
INDEX = S3Address.parse("s3://bucket/captures/_sextant/digits/AllTraffic/index/2026/11/20/12/")
CAPTURED = S3Address.parse("s3://bucket/captures/digits/AllTraffic/")


class WithoutIndex(FolderStore):
    """A folder store that takes everything but an index, as long as it refuses."""

    asked, refuses = 0, True

    def put(self, address, body):
        self.asked += "/index/" in address.key
        if "/index/" in address.key and self.refuses:
            raise StoreUnavailable("no room for an index")
        super().put(address, body)


@pytest.fixture
def house(house):
    house.runner = ProcessRunner(job_program.environment())
    house.add_schedule(action=(), **MONITOR)
    house.clock.now = NOON + 2 * HOUR
    return house


def capturing(house, clock):
    spec = EndpointSpec.model_validate(house.database.endpoints.get("digits").running[0]["spec"])
    return started(spec, house.store, clock=clock)


def captured(house, *, files=3, records=4, start=NOON):
    """Segments of one producer in the hour from `start`, delivered and closed."""
    clock = Clock(start)
    capture = capturing(house, clock)
    for file in range(files):
        offer_all(capture, [f"{start:%H}-{file}-{number}" for number in range(records)], at=clock.now)
        clock.advance(600)
        wait_until(lambda: not capture.snapshot().backlog_records, timeout_seconds=30, what="delivery")
    capture.close()


def index_keys(house):
    return [entry.address for entry in house.store.list(INDEX)]


def judged(house, *, start=NOON, end=NOON + HOUR, source=CaptureSource.SIDE_INDEX):
    """The report on a window, and how its job says that it read it."""
    house.clock.go(seconds=1)
    ended = house.ended(house.start(), house.ask_for(start=start, end=end, capture_source=source))
    assert ended.status is ExecutionStatus.COMPLETED, (ended.failure_reason, ended.exit_message)
    job = house.job_of(ended.id)
    output = job.request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    report = Report.model_validate_json(house.store.get(S3Address.parse(f"{output}/report.json")))
    return report, (house.folder / "jobs" / job.name / "log.txt").read_text(), ended.window_records


def read_files(log):
    return int(log.partition(": ")[2].partition(" files")[0])


def test_an_hours_captures_have_one_index_and_are_judged_by_it(house):
    captured(house, files=3, records=4)
    assert len(index_keys(house)) == 1
    report, log, lines = judged(house)
    assert (report.predictions, lines, read_files(log)) == (12, 12, 1)


def test_raw_lines_give_the_same_report_to_the_last_count(house):
    captured(house)
    by_index, _, _ = judged(house)
    from_raw, log, lines = judged(house, source=CaptureSource.RAW)
    assert by_index == from_raw
    assert (read_files(log), lines) == (3, 12)


def test_both_give_the_same_report_after_an_erasure(house):
    captured(house, files=3, records=4)
    judged(house)
    variant = Variant(house.store, "s3://bucket/captures", "digits", "AllTraffic")
    rest = {"key": b"k" * 32, "now": house.clock(), "beside": Beside(("s3://bucket/reports/",)), "watch": len}
    assert begin(variant, IdKind.INFERENCE_ID, "12-1-2", **rest).lines == 1
    by_index, log, lines = judged(house)
    from_raw, _, _ = judged(house, source=CaptureSource.RAW)
    assert by_index == from_raw
    assert (read_files(log), lines, by_index.predictions) == (1, 11, 11)


def test_the_index_is_there_when_the_watermark_passes_its_hour(house):
    clock = Clock(NOON + HOUR - timedelta(seconds=5))
    capture = capturing(house, clock)
    offer_all(capture, ["last"], at=clock.now)
    clock.advance(30)
    wait_until(lambda: index_keys(house), timeout_seconds=30, what="the index of an hour that has ended")
    capture.close()
    assert len(index_keys(house)) == 1


def test_an_hour_that_has_not_ended_has_no_index_yet(house):
    clock = Clock(NOON)
    capture = capturing(house, clock)
    offer_all(capture, ["first"], at=clock.now)
    clock.advance(600)
    wait_until(lambda: capture.snapshot().stored, timeout_seconds=30, what="delivery")
    assert index_keys(house) == []
    capture.close()


def test_a_window_of_minutes_reads_its_lines(house):
    captured(house, files=3, records=4)
    report, log, lines = judged(house, start=NOON, end=NOON + timedelta(minutes=15))
    assert (report.predictions, lines, read_files(log)) == (8, 8, 2)


def test_captures_that_others_put_beside_are_read_as_well(house):
    captured(house, files=2, records=4)
    house.capture(NOON + timedelta(minutes=1))
    report, log, _ = judged(house)
    assert (report.predictions, read_files(log)) == (9, 2)


@pytest.mark.parametrize("damage", ["removed", "grown"])
def test_an_index_of_captures_that_have_changed_is_not_used(house, damage):
    captured(house, files=2, records=4)
    first, _ = (entry.address for entry in house.store.list(CAPTURED))
    if damage == "removed":
        house.store.delete(first)
    else:
        house.store.put(first, 2 * house.store.get(first))
    house.clock.go(seconds=1)
    ended = house.ended(house.start(), house.ask_for(start=NOON, end=NOON + HOUR))
    assert ended.window_records == (4 if damage == "removed" else 12)


def test_an_index_that_cannot_be_read_is_passed_over(house):
    captured(house, files=2, records=4)
    house.store.put(index_keys(house)[0], b"PAR1 but not really")
    report, log, _ = judged(house)
    assert (report.predictions, read_files(log)) == (8, 2)


def test_two_indexes_of_the_same_captures_count_once(house):
    captured(house, files=2, records=4)
    (address,) = index_keys(house)
    house.store.put(INDEX.joined("00000000-0000-4000-8000-000000000000.parquet"), house.store.get(address))
    assert judged(house)[0].predictions == 8


def test_without_an_index_captures_are_read_themselves(house):
    captured(house, files=2, records=4)
    house.store.delete(index_keys(house)[0])
    report, log, _ = judged(house)
    assert (report.predictions, read_files(log)) == (8, 2)


def test_an_index_that_the_store_refuses_costs_no_capture_and_is_put_later(house):
    store, clock = WithoutIndex(house.folder), Clock(NOON)
    house.store = store
    capture = capturing(house, clock)
    capture.offer(exchange_of("kept", at=NOON))
    clock.advance(2 * 3600)
    wait_until(lambda: store.asked, timeout_seconds=30, what="a refused index")
    store.refuses = False
    wait_until(lambda: index_keys(house), timeout_seconds=30, what="the index")
    capture.close()
    assert capture.snapshot().stored == 1
