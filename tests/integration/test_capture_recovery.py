"""What processes that died leave in the spool: real children, real SIGKILL, real flocks."""

import errno
import os
import random
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from monitor_jobs.contract.manifest import FIRST_SEQUENCE
from monitor_jobs.object_store import S3Address
from service.endpoint import adoption, uploader
from service.endpoint.capture_lines import line_of
from service.endpoint.ownership import Destination, become_producer
from service.endpoint.segment import OpenSegment, SegmentName, State
from service.endpoint.snapshot import Source
from tests.integration.capture_spool import (
    NOON,
    Clock,
    Switched,
    config_of,
    exchange_of,
    gaps,
    manifests,
    offer_all,
    spec_of,
    spooled,
    started,
    stored_ids,
    stored_keys,
    watermarks,
)
from tests.wait import wait_until

PATIENCE = 60
REPOSITORY = Path(__file__).parents[2]
HERE = Destination(destination="s3://bucket/capture", endpoint="signs", variant="AllTraffic")


@pytest.fixture
def store(tmp_path):
    return Switched(tmp_path / "data")


@contextmanager
def child(folder, prefix, **environment):
    """A process that captures until it is killed; it prints the ids of what it has written."""
    command = [sys.executable, "-m", "tests.integration.capture_child", str(folder), prefix]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=os.environ | environment, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def killed_after(process, count):
    """The ids that a child printed, at least so many, before SIGKILL ended it in the middle of its work."""
    ids = [process.stdout.readline().decode().strip() for _ in range(count)]
    process.kill()
    rest = process.stdout.read().decode()
    return ids + rest.splitlines()[: rest.count("\n")]


def line(name, at=NOON):
    return line_of(exchange_of(name, at=at), at, config_of())


def left_behind(spec, content, *, state=State.OPEN, producer="0" * 32, opened_at=NOON):
    """A segment as a process leaves it that dies."""
    spec.spool_folder.mkdir(parents=True, exist_ok=True)
    path = spec.spool_folder / SegmentName.new(producer, FIRST_SEQUENCE, opened_at).file(state)
    path.write_bytes(content)
    return path


def delivered(spec, store, ids):
    """The snapshot of an heir, once it has delivered these ids and ended."""
    heir = started(spec, store, clock=Clock(NOON))
    wait_until(lambda: stored_ids(store) == ids, timeout_seconds=PATIENCE, what=f"{len(ids)} records in the store")
    heir.close()
    return heir.snapshot()


def swept(spec, store):
    """The snapshot of an heir, once it has looked at the spool and ended."""
    before = {each.producer for each in watermarks(store)}
    heir = started(spec, store, clock=Clock(NOON))
    wait_until(
        lambda: {each.producer for each in watermarks(store)} - before,
        timeout_seconds=PATIENCE,
        what="the heir's first watermark",
    )
    heir.close()
    return heir.snapshot()


def test_kill_9_loses_nothing_that_was_written(tmp_path, store):
    written = []
    for round_number in range(5):
        with child(tmp_path, f"r{round_number}") as process:
            written += killed_after(process, random.Random(round_number).randint(1, 400))
    heir = started(spec_of(tmp_path), store)
    wait_until(lambda: set(written) <= set(stored_ids(store)), timeout_seconds=PATIENCE, what="all that was written")
    heir.close()
    assert len(set(stored_ids(store))) == len(stored_ids(store))


def test_kill_9_does_lose_what_is_only_in_memory(tmp_path, store):
    with child(tmp_path, "m", SEXTANT_TEST_UNWRITTEN="1") as process:
        offered = killed_after(process, 2000)
    swept(spec_of(tmp_path), store)
    assert set(offered) - set(stored_ids(store))


def test_what_the_dead_left_counts_as_adopted(tmp_path, store):
    left_behind(spec_of(tmp_path), line("a") + line("b"))
    now = delivered(spec_of(tmp_path), store, ["a", "b"])
    assert (now.captured[Source.ADOPTED], now.captured[Source.REQUEST], now.stored, now.balanced) == (2, 0, 2, True)


def test_what_the_dead_left_counts_as_backlog_while_the_store_is_away(tmp_path, store):
    store.on = False
    left_behind(spec_of(tmp_path), line("a"))
    heir = started(spec_of(tmp_path), store)
    wait_until(lambda: heir.snapshot().backlog_records == 1, timeout_seconds=PATIENCE, what="the inherited record")
    assert heir.snapshot().backlog_bytes == len(line("a"))
    heir.close(timeout_seconds=0.5)


def test_sealed_segments_of_the_dead_are_delivered_too(tmp_path, store):
    left_behind(spec_of(tmp_path), line("a"), state=State.SEALED)
    delivered(spec_of(tmp_path), store, ["a"])


def test_a_torn_tail_is_cut_and_the_rest_delivered(tmp_path, store):
    left_behind(spec_of(tmp_path), line("a") + line("b")[:-40])
    delivered(spec_of(tmp_path), store, ["a"])


def test_a_segment_with_nothing_whole_in_it_leaves_no_object(tmp_path, store):
    left_behind(spec_of(tmp_path), line("a")[:10])
    now = swept(spec_of(tmp_path), store)
    assert (stored_keys(store), now.captured[Source.ADOPTED], spooled(spec_of(tmp_path), "open")) == ([], 0, [])


def test_an_upload_that_was_not_followed_by_an_unlink_is_repeated_under_the_same_key(tmp_path, store):
    path = left_behind(spec_of(tmp_path), line("a"), state=State.SEALED)
    name = SegmentName.new("0" * 32, 0, NOON)
    kept = path.read_bytes()
    delivered(spec_of(tmp_path), store, ["a"])
    first_keys = stored_keys(store)
    path.write_bytes(kept)  # as if the first process had died between the two
    delivered(spec_of(tmp_path), store, ["a"])
    assert stored_keys(store) == first_keys
    assert str(name.uuid) not in first_keys[0]  # the key follows from the name, so another name has another key


def test_an_unreadable_segment_is_set_aside_and_counted(tmp_path, store):
    spec = spec_of(tmp_path)
    left_behind(spec, b"\0" * 100 + b"\n" + b"damage\n" * 2)
    now = swept(spec, store)
    assert (now.quarantined, now.captured[Source.ADOPTED], now.balanced, stored_keys(store)) == (3, 3, True, [])
    assert len(list((spec.spool_folder / "quarantine").iterdir())) == 1


def test_of_a_damaged_segment_every_whole_record_is_delivered(tmp_path, store):
    spec = spec_of(tmp_path)
    left_behind(spec, line("a") + b"\0" * 100 + b"\n" + line("b"))
    now = delivered(spec, store, ["a", "b"])
    assert (now.stored, now.quarantined, now.captured[Source.ADOPTED], now.balanced) == (2, 1, 3, True)


def test_what_is_damaged_of_a_segment_is_kept_and_leaves_a_gap(tmp_path, store):
    spec = spec_of(tmp_path)
    left_behind(spec, line("a") + b"damage\n" + line("b"))
    delivered(spec, store, ["a", "b"])
    (gap,), (kept,) = gaps(store), (spec.spool_folder / "quarantine").iterdir()
    assert (gap.start, gap.dropped, gap.reason, kept.read_bytes()) == (NOON, 1, "quarantined", b"damage\n")


def test_an_unreadable_segment_leaves_a_manifest_that_stays_in_its_hour(tmp_path, store):
    left_behind(spec_of(tmp_path), b"damage\n" * 3)
    swept(spec_of(tmp_path), store)
    (manifest,) = manifests(store)
    assert (manifest.outcome, manifest.records, manifest.first_inference_time) == ("quarantined", 3, NOON)
    assert NOON <= manifest.last_inference_time < NOON + timedelta(hours=1)


def test_an_unreadable_segment_does_not_stop_the_others(tmp_path, store):
    left_behind(spec_of(tmp_path), b"damage\n" * 2, opened_at=NOON - timedelta(hours=1))
    left_behind(spec_of(tmp_path), line("b"))
    assert delivered(spec_of(tmp_path), store, ["b"]).quarantined == 2


def test_a_segment_that_cannot_be_read_for_a_moment_is_delivered(tmp_path, store, monkeypatch):
    path, read, fails = left_behind(spec_of(tmp_path), line("a")), Path.read_bytes, [errno.EIO] * 2

    def failing(each):
        if each == path and fails:
            raise OSError(fails.pop(), "unreadable for now")
        return read(each)

    monkeypatch.setattr(Path, "read_bytes", failing)
    monkeypatch.setattr(uploader, "IDLE_SECONDS", 0.1)
    assert delivered(spec_of(tmp_path), store, ["a"]).quarantined == 0


def test_a_file_that_only_looks_like_a_segment_is_set_aside(tmp_path, store):
    spec = spec_of(tmp_path)
    left_behind(spec, line("a")).rename(spec.spool_folder / "somebody.open")
    assert swept(spec, store).quarantined == 1
    assert (spec.spool_folder / "quarantine" / "somebody.open").exists()


def test_what_a_process_was_writing_when_it_died_is_removed(tmp_path, store):
    spec = spec_of(tmp_path)
    part = left_behind(spec, b"half a gap", state=State.GAP).rename(spec.spool_folder / f"{'0' * 32}-1.part")
    swept(spec, store)
    assert not part.exists()


def test_what_a_living_process_is_writing_is_left_to_it(tmp_path, store):
    spec = spec_of(tmp_path)
    spec.spool_folder.mkdir()
    alive = become_producer(spec.spool_folder, HERE, NOON)
    part = spec.spool_folder / f"{alive.producer}-1.part"
    part.write_bytes(b"half a gap")
    swept(spec, store)
    assert part.exists()
    alive.end()


def test_a_gap_that_nobody_can_read_is_set_aside(tmp_path, store, monkeypatch):
    monkeypatch.setattr(adoption, "UNREADABLE_SECONDS", 0.0)
    spec = spec_of(tmp_path)
    path = left_behind(spec, b"", state=State.GAP)
    path.unlink()
    path.mkdir()  # which no user can read as a file
    wait_until(lambda: swept(spec, store) and not path.exists(), timeout_seconds=PATIENCE, what="the quarantine")
    assert (spec.spool_folder / "quarantine" / path.name).exists()


def test_files_of_other_kinds_are_left_alone(tmp_path, store):
    spec = spec_of(tmp_path)
    spec.spool_folder.mkdir()
    (spec.spool_folder / "README").write_text("ours")
    swept(spec, store)
    assert (spec.spool_folder / "README").read_text() == "ours"


def test_the_watermark_of_the_dead_is_closed_once_all_it_left_is_stored(tmp_path, store):
    with child(tmp_path, "w") as process:
        killed_after(process, 10)
    heir = started(spec_of(tmp_path), store)
    wait_until(lambda: any(each.closed for each in watermarks(store)), timeout_seconds=PATIENCE, what="a closed one")
    assert len(stored_ids(store)) >= 10
    assert sorted(each.closed for each in watermarks(store)) == [False, True]
    heir.close()


def test_a_lock_file_without_a_process_is_removed(tmp_path, store):
    spec = spec_of(tmp_path)
    spec.spool_folder.mkdir()
    become_producer(spec.spool_folder, HERE, NOON).let_go()
    swept(spec, store)
    assert spooled(spec, "lock") == []


def test_an_heir_delivers_to_where_the_dead_would_have(tmp_path, store):
    spec = spec_of(tmp_path)
    spec.spool_folder.mkdir()
    dead = become_producer(spec.spool_folder, HERE.model_copy(update={"endpoint": "digits"}), NOON)
    path = left_behind(spec, line("a"), producer=dead.producer)
    dead.let_go()
    swept(spec, store)
    assert not path.exists()
    assert [found.size_bytes for found in store.list(S3Address("bucket", "capture/digits/AllTraffic/"))] == [
        len(line("a"))
    ]


def test_a_segment_whose_process_lives_is_not_touched(tmp_path, store):
    with child(tmp_path, "live") as process:
        process.stdout.readline()
        before = spooled(spec_of(tmp_path), "open")
        now = swept(spec_of(tmp_path), store)
        assert now.captured[Source.ADOPTED] == 0
        assert spooled(spec_of(tmp_path), "open") == before
        assert stored_keys(store) == []


def test_a_live_segment_is_not_touched_even_where_its_lock_file_was_removed(tmp_path, store):
    spec = spec_of(tmp_path)
    spec.spool_folder.mkdir()
    segment = OpenSegment(spec.spool_folder, SegmentName.new("1" * 32, 0, NOON), os)
    segment.append(line("a"))
    swept(spec, store)
    assert (len(spooled(spec, "open")), stored_keys(store)) == (1, [])
    segment.seal()


def test_two_captures_share_a_folder_without_theft_or_duplicates(tmp_path, store):
    captures = [started(spec_of(tmp_path), store) for _ in range(2)]
    for number, capture in enumerate(captures):
        offer_all(capture, [f"{number}-{each}" for each in range(200)])
    for capture in captures:
        capture.close()
    assert stored_ids(store) == sorted(f"{number}-{each}" for number in range(2) for each in range(200))
    assert [capture.snapshot().captured[Source.ADOPTED] for capture in captures] == [0, 0]


def test_of_many_processes_that_die_on_one_folder_nothing_is_lost_or_doubled(tmp_path, store):
    with child(tmp_path, "a") as first, child(tmp_path, "b") as second, child(tmp_path, "c") as third:
        written = [name for process in (first, second, third) for name in killed_after(process, 50)]
    heirs = [started(spec_of(tmp_path), store) for _ in range(2)]
    wait_until(lambda: set(written) <= set(stored_ids(store)), timeout_seconds=PATIENCE, what="all that was written")
    for heir in heirs:
        heir.close()
    assert len(stored_ids(store)) == len(set(stored_ids(store)))
    assert all(heir.snapshot().balanced for heir in heirs)


def test_what_others_hold_in_the_folder_counts_against_the_budget(tmp_path, store):
    with child(tmp_path, "big") as process:
        for _ in range(20):
            process.stdout.readline()
        capture = started(spec_of(tmp_path, budget_bytes=2000), store)
        wait_until(lambda: len(watermarks(store)) == 2, timeout_seconds=PATIENCE, what="the first sweep")
        offer_all(capture, ["no-room"])
        capture.close()
    assert capture.snapshot().dropped["spool_full"] == 1


def test_a_segment_that_vanishes_before_it_is_stored_is_not_counted_as_stored(tmp_path, store):
    store.on = False
    spec = spec_of(tmp_path)
    clock = Clock(NOON)
    capture = started(spec, store, clock=clock)
    offer_all(capture, ["gone"], at=NOON)
    clock.advance(5)
    (path,) = wait_until(lambda: spooled(spec, "sealed"), timeout_seconds=PATIENCE, what="a sealed segment")
    path.unlink()
    store.on = True
    capture.close()
    now = capture.snapshot()
    assert (now.stored, now.dropped["vanished"], now.backlog_records, now.balanced) == (0, 1, 0, True)
