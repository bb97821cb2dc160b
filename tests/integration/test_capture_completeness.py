"""From a spool that dropped to the report that says so: a real capture, a real scheduler, a real monitor's process."""

from datetime import timedelta

import pytest

from monitor_jobs.contract.report import Report
from monitor_jobs.object_store import S3Address
from service.adapters.process_runner import ProcessRunner
from service.core.deployment import EndpointSpec
from service.core.states import ExecutionStatus
from tests.integration import job_program
from tests.integration.capture_spool import Clock, exchange_of, offer_all, started
from tests.integration.scheduling import NOON

MONITOR = {"MonitoringAppSpecification": {"ImageUri": "sextant/class-skew"}}
MONITORED = NOON - timedelta(seconds=30)


@pytest.fixture
def house(house):
    house.runner = ProcessRunner(job_program.environment())
    return house


def spec_in(house, **changes) -> EndpointSpec:
    return EndpointSpec.model_validate(house.database.endpoints.get("digits").running[0]["spec"] | changes)


def captured(house, count, **changes):
    """What a capture of so many requests counted, once it has ended."""
    clock = Clock(MONITORED)
    capture = started(spec_in(house, **changes), house.store, clock=clock)
    offer_all(capture, [str(number) for number in range(count)], at=MONITORED)
    clock.advance(60)
    capture.close()
    return capture.snapshot()


def judged(house):
    house.add_schedule(action=(), **MONITOR)
    return house.ended(house.start(), house.ask_for())


def report_of(house, execution) -> Report:
    output = house.job_of(execution.id).request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]
    return Report.model_validate_json(house.store.get(S3Address.parse(f"{output['S3Uri']}/report.json")))


def rows_of(report):
    return [row for row in report.violations if row.constraint_check_type == "capture_completeness_check"]


def test_a_window_that_is_whole_has_no_such_violation(house):
    captured(house, 30)
    ended = judged(house)
    assert rows_of(report_of(house, ended)) == []
    assert "incomplete" not in ended.exit_message


def test_what_a_full_spool_dropped_is_a_violation_of_every_report_over_it(house):
    counted = captured(house, 30, spool_budget_bytes=6000)
    dropped = sum(counted.dropped.values())
    ended = judged(house)
    (row,) = rows_of(report_of(house, ended))
    assert 0 < dropped < 30
    assert row.description == f"Capture is incomplete: 1 gap (spool_full) of {dropped} records."
    assert ended.status is ExecutionStatus.COMPLETED_WITH_VIOLATIONS
    assert row.description in ended.exit_message
    assert ended.violations == len(report_of(house, ended).violations)


def test_a_segment_that_somebody_removed_is_a_violation(house):
    captured(house, 30)
    capture_files = S3Address.parse("s3://bucket/captures/digits/")
    manifests = S3Address.parse("s3://bucket/captures/_sextant/digits/AllTraffic/manifests/")
    offered_later = exchange_of("later", at=MONITORED)
    capture = started(spec_in(house), house.store, clock=Clock(NOON))
    capture.offer(offered_later)
    capture.close()
    victim = next(iter(house.store.list(capture_files))).address
    house.store.delete(victim)
    assert len(list(house.store.list(manifests))) == 2
    assert "missing object" in rows_of(report_of(house, judged(house)))[0].description


def test_a_window_of_which_everything_was_dropped_is_not_clean(house):
    captured(house, 5, spool_budget_bytes=1)
    ended = judged(house)
    assert (ended.status, ended.violations) == (ExecutionStatus.COMPLETED_WITH_VIOLATIONS, 1)
    assert ended.exit_message == "No verdict: 0 records. Capture is incomplete: 1 gap (spool_full) of 5 records."


def test_a_producer_that_was_given_up_is_a_violation(house):
    captured(house, 30)
    house.seal(NOON - timedelta(minutes=1), producer="lost")
    house.clock.go(seconds=60)
    ended = judged(house)
    assert "1 not sealed" in rows_of(report_of(house, ended))[0].description
    assert ended.exit_message.endswith("Gave up waiting for captures of lost.")


def test_the_image_of_somebody_else_is_told_and_may_ignore_it(house):
    captured(house, 30, spool_budget_bytes=6000)
    house.runner = ProcessRunner(job_program.environment(), rule=job_program.rule)
    house.add_schedule(action=("leave_report", "0"))
    ended = house.ended(house.start(), house.ask_for())
    assert ended.status is ExecutionStatus.COMPLETED
    assert ended.exit_message.startswith("done. Capture is incomplete: 1 gap (spool_full)")
