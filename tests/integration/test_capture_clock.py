"""Capture while its clock is set: nothing is lost or misplaced, no promise is broken, and capture verify agrees."""

from collections import Counter
from datetime import timedelta

import pytest

from monitor_jobs.object_store.folder import FolderStore
from tests.integration.capture_spool import NOON, Clock, offer_all, spec_of, started, stored_ids
from tests.integration.capture_times import Watch, findings_in, misplaced_in
from tests.wait import wait_until

PATIENCE = 60
SECOND, HOUR, DAY = 1.0, 3600.0, 86400.0
JUMPS = (HOUR, -HOUR, DAY, -DAY, 0.3, -0.3, -2 * SECOND, 2 * SECOND)


def emptied(capture):
    wait_until(lambda: not capture.snapshot().backlog_records, timeout_seconds=PATIENCE, what="what was offered")


def captured_across(folder, jump):
    """The store after records before a jump, after it, and after the clock was set right again; and who watched it.

    The clock stands a moment before a full hour.
    """
    store, clock = FolderStore(folder / "data"), Clock(NOON - timedelta(seconds=0.2))
    watch, capture = Watch(store), started(spec_of(folder), store, clock=clock)
    for number, seconds in enumerate((0, jump, 0.4, -jump, 0.4)):
        clock.advance(seconds)
        offer_all(capture, [f"{number}-{each}" for each in range(3)], at=clock.now)
        clock.advance(1)
        emptied(capture)
        watch.look()
    capture.close()
    watch.look()
    return store, watch


@pytest.mark.parametrize("jump", JUMPS)
def test_whichever_way_the_clock_is_set_each_record_is_stored_once(tmp_path, jump):
    store, _ = captured_across(tmp_path, jump)
    assert Counter(stored_ids(store)) == {f"{number}-{each}": 1 for number in range(5) for each in range(3)}


@pytest.mark.parametrize("jump", JUMPS)
def test_whichever_way_the_clock_is_set_promises_hold_and_keys_tell_the_hour(tmp_path, jump):
    store, watch = captured_across(tmp_path, jump)
    assert (watch.late, watch.gone_back, misplaced_in(store)) == (0, 0, 0)


@pytest.mark.parametrize("jump", JUMPS)
def test_whichever_way_the_clock_is_set_the_captures_are_proved_complete(tmp_path, jump):
    store, _ = captured_across(tmp_path, jump)
    assert findings_in(store) == []


@pytest.mark.parametrize("jump", [jump for jump in JUMPS if abs(jump) <= HOUR])
def test_a_jump_that_is_over_before_the_next_flush_is_no_flaw_in_the_proof(tmp_path, jump):
    store, clock = FolderStore(tmp_path / "data"), Clock(NOON)
    capture = started(spec_of(tmp_path, flush_seconds=10 * DAY), store, clock=clock)
    for number, moved in enumerate((0, jump, -jump, 1)):
        clock.advance(moved)
        offer_all(capture, [str(number)], at=clock.now)
    capture.close()
    assert (len(stored_ids(store)), misplaced_in(store), findings_in(store)) == (4, 0, [])
