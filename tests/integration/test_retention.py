"""Retention over real captures: what is old goes with all that is beside it, what is young or not listed stays."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor_jobs.capture_proof import findings_of, read_evidence, with_contents
from monitor_jobs.contract.completeness import CaptureProof, RemovalKind
from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.contract.retention import parse_retention
from monitor_jobs.contract.window import HOUR, Window
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from monitor_jobs.retention import sweep
from service.scheduler.retention import PASS_EVERY, Retention
from tests.integration.capture_spool import CAPTURES, MANIFESTS, NOON, Clock, offer_all, spec_of, started, watermarks
from tests.integration.sextant_command import Sextant, sextant_up
from tests.integration.test_erasure import Counting, everything
from tests.wait import wait_until

DAY = timedelta(days=1)
RULES = parse_retention("s3://bucket/capture=1d, s3://bucket/reports=2d")
SIDE = "capture/_sextant/signs/AllTraffic/"


def captured(folder: Path, store: FolderStore, hours: list[datetime]) -> None:
    """Some records in each of these hours, by a producer each that has ended."""
    for hour in hours:
        clock = Clock(hour + timedelta(minutes=1))
        capture = started(spec_of(folder), store, clock=clock)
        offer_all(capture, ["ada", "bob"], at=clock.now)
        clock.advance(120)
        wait_until(lambda capture=capture: not capture.snapshot().backlog_records, timeout_seconds=30, what="delivery")
        capture.close()


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    """Captures of an old hour and of a young one, reports, and something that no rule lists."""
    store = Counting(tmp_path / "data")
    captured(tmp_path, store, [NOON, NOON + 30 * HOUR])
    for key in ("reports/signs/skew/2026/11/20/13/report.json", "reports/signs/skew/2026/11/22/13/report.json"):
        store.put(S3Address("bucket", key), b"{}")
    store.put(S3Address("bucket", "reports-of-others/2020/01/01/01/report.json"), b"{}")
    store.put(S3Address("bucket", "models/model.tar.gz"), b"x")
    store.changes = 0
    return store


def swept(store: FolderStore, now: datetime, rules: str | None = None) -> None:
    for _ in sweep(store, RULES if rules is None else parse_retention(rules), now):
        pass


def keys(store: FolderStore, prefix: str = "") -> list[str]:
    return sorted(key for key in everything(store) if key.startswith(prefix))


def proof_of(store: FolderStore, hour: datetime) -> CaptureProof:
    where = {"destination": "s3://bucket/capture", "endpoint": "signs", "variant": "AllTraffic"}
    evidence = read_evidence(store, window=Window(hour, hour + HOUR), **where)
    return findings_of(with_contents(evidence, store, "bucket"))


def hours_of(store: FolderStore) -> set[str]:
    return {key.removeprefix(CAPTURES.key)[:13] for key in keys(store, CAPTURES.key)}


def test_old_captures_go_and_young_ones_stay(store: Counting) -> None:
    swept(store, NOON + HOUR + DAY)
    assert hours_of(store) == {"2026/11/21/18"}


def test_an_hour_stays_until_its_last_record_is_old_enough(store: Counting) -> None:
    swept(store, NOON + HOUR + DAY - timedelta(seconds=1))
    assert hours_of(store) == {"2026/11/20/12", "2026/11/21/18"}


def test_how_old_a_capture_is_tells_its_hour_and_not_when_it_was_stored(store: Counting) -> None:
    for found in store.list(CAPTURES):
        store.put(found.address, store.get(found.address))
    swept(store, NOON + HOUR + DAY)
    assert hours_of(store) == {"2026/11/21/18"}


def test_what_is_beside_old_captures_goes_with_them(store: Counting) -> None:
    before = keys(store, SIDE)
    swept(store, NOON + 5 * HOUR + DAY)
    gone = {key.removeprefix(SIDE).partition("/")[0] for key in set(before) - set(keys(store, SIDE))}
    assert gone == {"index", "manifests", "watermarks"}
    assert len(list(store.list(MANIFESTS))) == 1
    assert len(watermarks(store)) == 1


def test_reports_go_by_a_rule_of_their_own(store: Counting) -> None:
    swept(store, NOON + 3 * DAY)
    assert keys(store, "reports/") == ["reports/signs/skew/2026/11/22/13/report.json"]


def test_what_no_rule_lists_stays_however_old_it_is(store: Counting) -> None:
    swept(store, NOON + 9999 * DAY)
    assert [key for key in keys(store) if not key.startswith("capture/")] == [
        "models/model.tar.gz",
        "reports-of-others/2020/01/01/01/report.json",
    ]


def test_without_rules_nothing_is_removed(store: Counting) -> None:
    before = everything(store)
    swept(store, NOON + 9999 * DAY, "")
    assert everything(store) == before


def test_a_part_of_a_variant_is_never_removed(store: Counting) -> None:
    before = everything(store)
    swept(store, NOON + 9999 * DAY, "s3://bucket/capture/signs/AllTraffic/2026/11/20=1d")
    assert everything(store) == before


def test_a_rule_for_a_variant_alone_takes_what_is_beside_it_too(store: Counting) -> None:
    swept(store, NOON + 9 * DAY, "s3://bucket/capture/signs/AllTraffic=1d")
    assert keys(store, "capture/") == [f"{SIDE}retention.json"]


def test_a_proof_of_an_hour_that_is_gone_says_so_and_misses_nothing(store: Counting) -> None:
    swept(store, NOON + HOUR + DAY)
    proof = proof_of(store, NOON)
    assert proof.complete
    assert [removal.kind for removal in proof.removals] == [RemovalKind.RETENTION]
    assert "Removed by retention: captures of hours before 2026-11-20T13:00:00Z." in proof.summary()


def test_a_proof_of_an_hour_that_is_kept_says_nothing_of_retention(store: Counting) -> None:
    swept(store, NOON + HOUR + DAY)
    assert proof_of(store, NOON + 30 * HOUR).summary() == "Capture is complete."


def test_a_capture_that_is_lost_is_still_missed(store: Counting) -> None:
    swept(store, NOON + HOUR + DAY)
    for found in list(store.list(CAPTURES)):
        store.delete(found.address)
    assert proof_of(store, NOON + 30 * HOUR).missing_records == 2


def test_it_ends_the_same_wherever_it_was_broken_off(tmp_path: Path, store: Counting) -> None:
    start, now = everything(store), NOON + 5 * HOUR + DAY
    swept(store, now)
    expected, steps = everything(store), store.changes
    assert steps >= 5
    for step in range(1, steps + 1):
        broken = Counting(tmp_path / f"step-{step}")
        for key, body in start.items():
            broken.put(S3Address("bucket", key), body)
        broken.changes, broken.fails_at = 0, step
        with pytest.raises(StoreUnavailable):
            swept(broken, now)
        assert proof_of(broken, NOON).complete
        swept(broken, now)
        assert everything(broken) == expected


@pytest.fixture
def living(tmp_path: Path) -> Iterator[tuple[Counting, Clock]]:
    """A producer that lives on and has captured in five hours, one after the other."""
    store, clock = Counting(tmp_path / "data"), Clock(NOON + timedelta(minutes=1))
    capture = started(spec_of(tmp_path), store, clock=clock)
    for _ in range(5):
        offer_all(capture, ["ada", "bob"], at=clock.now)
        clock.advance(3600)
        wait_until(lambda: not capture.snapshot().backlog_records, timeout_seconds=30, what="delivery")
    wait_until(lambda: watermarks(store)[0].last_sequence == 5, timeout_seconds=30, what="its watermark")
    yield store, clock
    capture.close()


def test_a_producer_that_lives_on_loses_the_manifests_of_what_is_gone(living: tuple[Counting, Clock]) -> None:
    store, _ = living
    swept(store, NOON + 4 * HOUR + DAY)
    assert hours_of(store) == {"2026/11/20/16"}
    assert [key[-17:] for key in keys(store, MANIFESTS.key)] == [f"{number:012}.json" for number in (3, 4, 5)]
    assert proof_of(store, NOON + 4 * HOUR).summary() == "Capture is complete."
    assert proof_of(store, NOON + HOUR).complete


def test_a_manifest_that_is_lost_of_what_is_kept_is_still_missed(living: tuple[Counting, Clock]) -> None:
    store, _ = living
    swept(store, NOON + 4 * HOUR + DAY)
    store.delete(S3Address("bucket", keys(store, MANIFESTS.key)[-1]))
    assert not proof_of(store, NOON + 4 * HOUR).complete


def test_a_pass_is_done_piece_by_piece_and_then_not_again_for_a_while(
    store: Counting,
) -> None:
    clock = Clock(NOON + 9999 * DAY)
    retention = Retention(store=store, rules=RULES, clock=clock, removed_at_a_time=1)
    left = []
    for _ in range(8):
        retention.go_on()
        left.append(len([key for key in keys(store) if key.endswith((".jsonl", "/report.json"))]))
    assert left[:4] == [4, 3, 2, 1]
    late = S3Address("bucket", "reports/signs/skew/2026/11/20/13/late.json")
    store.put(late, b"")
    retention.go_on()
    assert late.key in keys(store)
    clock.now += PASS_EVERY
    retention.go_on()
    assert late.key not in keys(store)


def test_the_scheduler_follows_the_rules(tmp_path: Path) -> None:
    old, young = S3Address("sextant", "reports/2026/01/01/01/old.json"), S3Address("sextant", "reports/young.json")
    store = FolderStore(tmp_path / "data")
    store.put(old, b"{}")
    store.put(young, b"{}")
    with sextant_up(tmp_path, {"SEXTANT_RETENTION": "s3://sextant/reports=1h"}):
        wait_until(lambda: not list(store.list(old)), timeout_seconds=30, what="the old report's end")
    assert store.get(young) == b"{}"


def test_a_store_that_is_away_is_tried_again(store: Counting) -> None:
    retention = Retention(store=store, rules=RULES, clock=(clock := Clock(NOON + 9 * DAY)))
    store.fails_at = 2
    retention.go_on()
    clock.now += PASS_EVERY
    retention.go_on()
    assert hours_of(store) == set()


def test_a_command_shows_what_would_be_removed_and_removes_nothing(tmp_path: Path, store: Counting) -> None:
    before = everything(store)
    sextant = Sextant(tmp_path / "data")
    done = sextant.run("retention", "show", SEXTANT_RETENTION="s3://bucket/capture=1d,s3://bucket/reports-of-others=1d")
    assert done.returncode == 0, done.stderr
    assert "s3://bucket/reports-of-others/  1 d   1        1        2              2020-01-01 02:00:00Z" in done.stdout
    assert everything(store) == before
    assert "kept for ever" in sextant.run("retention", "show").stderr
