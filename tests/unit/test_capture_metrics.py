from datetime import timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service.endpoint.accounting import Ledger, Line
from service.endpoint.capture_metrics import CaptureCollector
from service.endpoint.snapshot import DropReason
from service.metrics import Metric, spec_of
from tests.unit.test_accounting import NOON, segment_of

SERVING = {"endpoint": "signs", "variant": "AllTraffic"}


def scraped(ledger, now=NOON):
    registry = CollectorRegistry()
    registry.register(
        CaptureCollector(ledger.snapshot, serving=("signs", "AllTraffic"), budget_bytes=1000, clock=lambda: now)
    )
    return registry


def ledger_with_history():
    ledger = Ledger(budget_bytes=1000, queue_bytes=1000)
    stored, waiting = segment_of(), segment_of()
    ledger.adopt(stored, 5, 50)
    ledger.store(stored)
    ledger.write(waiting, [Line(ledger.admit(NOON, 10), bytes(20))])
    ledger.drop(ledger.admit(NOON, 10), DropReason.DISK_FULL)
    ledger.quarantine(segment_of(), 2)
    ledger.note_request("upload", "failed")
    return ledger


def value(registry, name, **labels):
    return registry.get_sample_value(name, SERVING | labels)


def test_every_place_of_a_record_is_exported():
    registry = scraped(ledger_with_history())
    assert value(registry, "sextant_capture_captured_records_total", source="adopted") == 7
    assert value(registry, "sextant_capture_captured_records_total", source="request") == 2
    assert value(registry, "sextant_capture_stored_records_total") == 5
    assert value(registry, "sextant_capture_dropped_records_total", reason="disk_full") == 1
    assert value(registry, "sextant_capture_quarantined_records_total") == 2
    assert value(registry, "sextant_capture_backlog_records") == 1
    assert value(registry, "sextant_capture_backlog_bytes") == 20


def test_every_reason_is_exported_before_it_ever_happened():
    registry = scraped(Ledger(budget_bytes=1, queue_bytes=1))
    values = [value(registry, "sextant_capture_dropped_records_total", reason=reason) for reason in DropReason]
    assert values == [0.0] * len(DropReason)


def test_the_age_is_that_of_the_oldest_record_that_waits():
    registry = scraped(ledger_with_history(), now=NOON + timedelta(seconds=90))
    assert value(registry, "sextant_capture_oldest_backlog_age_seconds") == 90


def test_nothing_waiting_has_no_age_and_a_clock_set_back_no_negative_one():
    empty, early = Ledger(budget_bytes=1, queue_bytes=1), ledger_with_history()
    name = "sextant_capture_oldest_backlog_age_seconds"
    assert value(scraped(empty), name) == value(scraped(early, now=NOON - timedelta(hours=1)), name) == 0


def test_the_budget_and_the_requests_to_the_store_are_exported():
    registry = scraped(ledger_with_history())
    assert value(registry, "sextant_capture_spool_capacity_bytes") == 1000
    assert value(registry, "sextant_store_requests_total", operation="upload", outcome="failed") == 1


def test_a_scrape_is_valid_text_with_the_declared_help():
    families = text_string_to_metric_families(generate_latest(scraped(ledger_with_history())).decode())
    helps = {family.name: family.documentation for family in families}
    assert helps["sextant_capture_backlog_bytes"] == spec_of(Metric.BACKLOG_BYTES).help
