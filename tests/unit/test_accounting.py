import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from monitor_jobs.capture_io import Contents
from monitor_jobs.contract.watermark import SECOND, Gap
from service.endpoint.accounting import Ledger, Line
from service.endpoint.segment import SegmentName
from service.endpoint.snapshot import DropReason, Source

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BUDGET = 1000
QUEUE = 400
CONTENTS = Contents(records=1, size_bytes=1, sha256="0" * 64, first=None, last=None)


def ledger_of(budget_bytes=BUDGET, queue_bytes=QUEUE):
    return Ledger(budget_bytes=budget_bytes, queue_bytes=queue_bytes)


def segment_of(sequence=0, opened_at=NOON):
    return SegmentName.new("0" * 32, sequence, opened_at)


def line(ticket, size_bytes):
    return Line(ticket, bytes(size_bytes))


def seconds(count):
    return timedelta(seconds=count)


class EveryRecordIsSomewhere(RuleBasedStateMachine):
    """Whatever happens in whatever order: each record is in exactly one place, and the watermark never lies."""

    tickets = Bundle("tickets")
    segments = Bundle("segments")

    def __init__(self):
        super().__init__()
        self.ledger = ledger_of()
        self.offered = self.adopted = 0
        self.promised = NOON - timedelta(days=1)
        self.unsafe = {}  # segments of our own that are not settled yet, and their first moments
        self.queued = Counter()

    @rule(target=tickets, after=st.integers(-5, 5), size=st.integers(0, 500))
    def offer(self, after, size):
        self.offered += 1
        ticket = self.ledger.admit(NOON + seconds(after), size)
        if ticket is None:
            return multiple()
        assert ticket.moment >= self.promised
        self.queued[ticket.moment] += 1
        return ticket

    @rule(target=segments, written=st.lists(consumes(tickets), min_size=1, max_size=3), size=st.integers(1, 600))
    def write(self, written, size):
        oldest = min(ticket.moment for ticket in written)
        name = segment_of(opened_at=oldest)
        self.ledger.write(name, [line(ticket, size) for ticket in written])
        for ticket in written:
            self.queued[ticket.moment] -= 1
        self.unsafe[name] = oldest
        return name

    @rule(ticket=consumes(tickets), reason=st.sampled_from(DropReason))
    def drop(self, ticket, reason):
        self.ledger.drop(ticket, reason)
        self.queued[ticket.moment] -= 1

    @rule(name=consumes(segments))
    def store(self, name):
        self.ledger.store(name)
        self.unsafe.pop(name, None)

    @rule(name=consumes(segments), records=st.integers(0, 3))
    def quarantine(self, name, records):
        self.ledger.quarantine(name, records)
        self.unsafe.pop(name, None)

    @rule(name=consumes(segments))
    def lose(self, name):
        self.ledger.lose(name, DropReason.VANISHED)
        self.unsafe.pop(name, None)

    @rule(target=segments, records=st.integers(0, 5), size=st.integers(0, 300))
    def adopt(self, records, size):
        self.adopted += records
        name = segment_of()
        self.ledger.adopt(name, records, size)
        return name

    @rule(name=segments, records=st.integers(0, 3))
    def find_again(self, name, records):
        before = self.ledger.snapshot().captured[Source.ADOPTED]
        self.ledger.adopt(name, records, 100)
        self.adopted += self.ledger.snapshot().captured[Source.ADOPTED] - before
        if not records:
            self.unsafe.pop(name, None)

    @rule(after=st.integers(-5, 5))
    def promise(self, after):
        promised = self.ledger.promise(NOON + seconds(after))
        assert promised >= self.promised
        self.promised = promised

    @rule(put_back=st.booleans())
    def take_gaps(self, put_back):
        gaps = self.ledger.take_gaps()
        assert all(gap.start < gap.end for gap in gaps)
        if put_back:
            self.ledger.give_back(gaps)

    @precondition(lambda self: self.offered > 20)
    @rule()
    def close(self):
        self.ledger.close()

    @invariant()
    def every_record_is_in_exactly_one_place(self):
        now = self.ledger.snapshot()
        assert now.balanced
        assert now.captured[Source.REQUEST] == self.offered
        assert min(now.stored, now.backlog_records, now.backlog_bytes, now.quarantined) >= 0

    @invariant()
    def nothing_unsafe_is_older_than_the_watermark(self):
        assert all(moment >= self.promised for moment in (*self.unsafe.values(), *self.queued.elements()))


TestEveryRecordIsSomewhere = EveryRecordIsSomewhere.TestCase


def test_a_record_over_the_budget_is_dropped_and_counted():
    ledger = ledger_of(budget_bytes=10)
    assert ledger.admit(NOON, 11) is None
    assert ledger.snapshot().dropped[DropReason.SPOOL_FULL] == 1


def test_a_record_that_just_fits_is_taken():
    assert ledger_of(budget_bytes=10).admit(NOON, 10) is not None


def test_a_queue_that_outruns_the_disk_drops_under_its_own_name():
    ledger = ledger_of()
    assert [ledger.admit(NOON, QUEUE) is None for _ in range(2)] == [False, True]
    assert ledger.snapshot().dropped[DropReason.QUEUE_FULL] == 1


def test_what_others_keep_in_the_folder_counts_against_the_budget():
    ledger = ledger_of()
    ledger.note_others(BUDGET)
    assert ledger.admit(NOON, 1) is None


def test_what_is_stored_gives_its_bytes_back():
    ledger, name = ledger_of(), segment_of()
    ledger.write(name, [line(ledger.admit(NOON, 10), BUDGET)])
    assert ledger.admit(NOON, 1) is None
    ledger.store(name)
    assert ledger.admit(NOON, 1) is not None


def test_lines_longer_than_their_records_may_not_fit_any_more():
    ledger = ledger_of()
    first, second = ledger.admit(NOON, 100), ledger.admit(NOON, 100)
    assert ledger.fit([line(first, BUDGET - 100)])
    assert not ledger.fit([line(first, BUDGET - 99)])
    assert ledger.fit([line(first, BUDGET - 50), line(second, 50)])
    assert not ledger.fit([line(first, BUDGET - 50), line(second, 51)])


def test_after_the_end_everything_is_dropped():
    ledger = ledger_of()
    ledger.close()
    assert ledger.admit(NOON, 1) is None
    assert ledger.snapshot().dropped[DropReason.CLOSED] == 1


def test_without_traffic_the_watermark_follows_the_clock():
    ledger = ledger_of()
    assert [ledger.promise(NOON + seconds(after)) for after in (0, 0.9, 1.5)] == [NOON, NOON, NOON + SECOND]


def test_a_queued_record_holds_the_watermark_at_its_second():
    ledger = ledger_of()
    ledger.admit(NOON + seconds(3.7), 1)
    assert ledger.promise(NOON + seconds(60)) == NOON + seconds(3)


def test_a_written_record_holds_the_watermark_until_it_is_stored():
    ledger, name = ledger_of(), segment_of()
    ledger.write(name, [line(ledger.admit(NOON, 1), 1)])
    assert ledger.promise(NOON + seconds(60)) == NOON
    ledger.store(name)
    assert ledger.promise(NOON + seconds(60)) == NOON + seconds(60)


def test_a_dropped_record_holds_the_watermark_until_its_gap_is_taken():
    ledger = ledger_of(budget_bytes=1)
    ledger.admit(NOON, 2)
    assert ledger.promise(NOON + seconds(60)) == NOON
    ledger.take_gaps()
    assert ledger.promise(NOON + seconds(60)) == NOON + seconds(60)


def test_an_adopted_segment_does_not_hold_the_heirs_watermark():
    ledger = ledger_of()
    ledger.adopt(segment_of(opened_at=NOON - timedelta(hours=3)), 5, 100)
    assert ledger.promise(NOON) == NOON


def test_a_record_that_comes_after_its_second_was_promised_gets_the_promised_one():
    ledger = ledger_of()
    ledger.promise(NOON)
    assert ledger.admit(NOON - seconds(0.1), 1).moment == NOON


def test_a_clock_set_back_does_not_take_the_promise_back():
    ledger = ledger_of()
    ledger.promise(NOON)
    assert ledger.promise(NOON - timedelta(hours=1)) == NOON


def test_a_gap_spans_all_that_was_dropped_for_one_reason():
    ledger = ledger_of(budget_bytes=1)
    for after in (5.5, 2.2, 3):
        ledger.admit(NOON + seconds(after), 2)
    (gap,) = ledger.take_gaps()
    assert gap == Gap(start=NOON + seconds(2), end=NOON + seconds(6), dropped=3, reason="spool_full")


def test_a_gap_is_told_once():
    ledger = ledger_of(budget_bytes=1)
    ledger.admit(NOON, 2)
    assert [len(ledger.take_gaps()), len(ledger.take_gaps())] == [1, 0]


def test_a_gap_that_was_given_back_is_told_again_with_what_came_since():
    ledger = ledger_of(budget_bytes=1)
    ledger.admit(NOON, 2)
    gaps = ledger.take_gaps()
    ledger.admit(NOON + SECOND, 2)
    ledger.give_back(gaps)
    assert [(gap.dropped, gap.end - gap.start) for gap in ledger.take_gaps()] == [(2, 2 * SECOND)]


def test_a_segment_of_our_own_that_lost_records_tells_how_many():
    ledger, name = ledger_of(), segment_of()
    for _ in range(3):
        ledger.write(name, [line(ledger.admit(NOON, 1), 1)])
    ledger.adopt(name, 1, 1)
    now = ledger.snapshot()
    assert (now.dropped[DropReason.DISK_ERROR], now.backlog_records, now.balanced) == (2, 1, True)


def test_a_segment_that_nobody_knows_changes_nothing_when_it_is_stored():
    ledger = ledger_of()
    ledger.store(segment_of())
    assert ledger.snapshot() == ledger_of().snapshot()


@pytest.mark.parametrize("settle", ["write", "drop"])
def test_whoever_waits_for_the_queue_is_told_when_it_is_empty(settle):
    ledger = ledger_of()
    ticket = ledger.admit(NOON, 1)
    assert not ledger.wait_until_written(0)
    finish = {
        "write": lambda: ledger.write(segment_of(), [line(ticket, 1)]),
        "drop": lambda: ledger.drop(ticket, DropReason.DISK_FULL),
    }
    threading.Thread(target=finish[settle]).start()
    assert ledger.wait_until_written(10)


def test_the_oldest_backlog_is_the_oldest_of_queue_and_segments():
    ledger, name = ledger_of(), segment_of()
    ledger.admit(NOON, 1)
    ledger.write(name, [line(ledger.admit(NOON - SECOND, 1), 1)])
    assert ledger.snapshot().oldest_backlog == NOON - SECOND
    ledger.store(name)
    assert ledger.snapshot().oldest_backlog == NOON


def test_an_unbalanced_snapshot_is_recognised():
    ledger = ledger_of()
    ledger._stored = 1
    assert not ledger.snapshot().balanced


def test_a_gap_never_crosses_an_hour():
    ledger = ledger_of(budget_bytes=1)
    for after in (-2, -1, 0, 1, 3600):
        ledger.admit(NOON + seconds(after), 2)
    gaps = ledger.take_gaps()
    assert [(gap.start - NOON, gap.dropped) for gap in gaps] == [(-2 * SECOND, 2), (0 * SECOND, 2), (3600 * SECOND, 1)]
    assert [gap.end - NOON for gap in gaps] == [0 * SECOND, 2 * SECOND, 3601 * SECOND]


def test_a_gap_that_was_given_back_stays_in_its_hour():
    ledger = ledger_of(budget_bytes=1)
    for after in (-1, 0):
        ledger.admit(NOON + seconds(after), 2)
    before = ledger.take_gaps()
    ledger.give_back(before)
    assert ledger.take_gaps() == before


def test_a_segment_that_is_lost_whole_is_dropped_and_leaves_no_gap():
    ledger, name = ledger_of(), segment_of()
    ledger.write(name, [line(ledger.admit(NOON, 1), 1)])
    assert ledger.records_of(name) == 1
    ledger.lose(name, DropReason.VANISHED)
    assert (ledger.records_of(name), ledger.take_gaps()) == (0, [])
    assert ledger.snapshot().dropped[DropReason.VANISHED] == 1


def test_what_was_promised_last_can_be_asked_for():
    ledger = ledger_of()
    assert ledger.promised == datetime(1970, 1, 1, tzinfo=UTC)
    ledger.promise(NOON)
    assert ledger.promised == NOON


def test_a_segment_is_finished_until_somebody_had_to_mend_it():
    ledger, name = ledger_of(), segment_of()
    ledger.write(name, [line(ledger.admit(NOON, 1), 1)])
    told = [ledger.contents_of(name)]
    ledger.finish(name, CONTENTS)
    told.append(ledger.contents_of(name))
    ledger.adopt(name, 1, 1)
    assert [*told, ledger.contents_of(name)] == [None, CONTENTS, None]


def test_a_segment_that_is_stored_already_is_not_finished_again():
    ledger, name = ledger_of(), segment_of()
    ledger.write(name, [line(ledger.admit(NOON, 1), 1)])
    ledger.store(name)
    ledger.finish(name, CONTENTS)
    assert ledger.contents_of(name) is None
