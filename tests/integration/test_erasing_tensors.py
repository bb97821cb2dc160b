"""Erasing an id from kept tensors: whose steps go, what is left alone, and what arrives after it was asked for."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from monitor_jobs.contract.erasure import ILLEGIBLE_NAMED, IdKind, Tombstone
from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.contract.tensor_files import HOOK_FILE, STORED_WITHIN, StepFacts, step_path
from monitor_jobs.erasure import Beside, Variant, begin, pending, resume
from monitor_jobs.erasure.steps import STEPS_SETTLED
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from monitor_jobs.tensor_header import HEADER_BYTES_MAX
from monitor_jobs.tensors.step_file import packed
from tests.integration.capture_spool import NOON
from tests.integration.test_erasure import KEY, Counting, everything
from tests.servers.faulty_store import faulty_store

ADA, BOB = "ada-4711", "bob"
PLACE = "s3://bucket/tensors/signs/AllTraffic"
LOAD = f"{PLACE}/20261120T110000-00000000"
NAMES = "0" * 16
ASKED = NOON + timedelta(minutes=30)
SETTLED = ASKED + STEPS_SETTLED + timedelta(seconds=1)


class Read(FolderStore):
    """A real folder store that tells what was read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.downloads: list[str] = []

    def download(self, address: S3Address, path: Path) -> None:
        self.downloads.append(address.key)
        super().download(address, path)


def facts_of(number: int, inference_id: str | None, answered_at: datetime) -> StepFacts:
    return StepFacts(
        event_id=f"event-{number}",
        inference_id=inference_id,
        answered_at=answered_at,
        scores=((1.0, 2.0),),
        targets=(1,),
    )


def keep(
    store: FolderStore, number: int, inference_id: str | None, *, at: datetime = NOON, load: str = LOAD
) -> S3Address:
    """One step as an endpoint's keeper stores it."""
    facts = facts_of(number, inference_id, at)
    address = S3Address.parse(load).joined(step_path(at, number, NAMES))
    store.put(address, packed({"image": np.zeros((1, 3, 4, 4), np.float32)}, facts.model_dump_json()))
    return address


def put(store: FolderStore, name: str, body: bytes) -> S3Address:
    """Something among the steps of noon."""
    address = S3Address.parse(f"{LOAD}/steps/2026/11/20/12/{name}")
    store.put(address, body)
    return address


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    """Six steps of two, of three hours and two loads."""
    store = Counting(tmp_path / "data")
    store.put(S3Address.parse(f"{LOAD}/{HOOK_FILE}"), b"{}")
    for number, inference_id in enumerate([ADA, BOB, ADA, BOB]):
        keep(store, number, inference_id, at=NOON + timedelta(minutes=20 * number - 30))
    for number, inference_id in enumerate([BOB, ADA]):
        keep(store, number, inference_id, load=f"{PLACE}/20261120T115000-00000001")
    store.changes = 0
    return store


def variant_of(store: FolderStore) -> Variant:
    return Variant(store, "s3://bucket/capture", "signs", "AllTraffic")


def erase(
    store: FolderStore, value: str = ADA, kind: IdKind = IdKind.INFERENCE_ID, *, places: tuple[str, ...] = (PLACE,)
) -> Tombstone:
    beside = Beside(tensors=places)
    return begin(variant_of(store), kind, value, key=KEY, now=ASKED, beside=beside, watch=lambda _key: None)


def go_on(store: FolderStore, *, now: datetime = ASKED) -> Tombstone:
    """What the scheduler does with what is pending."""
    (told,) = pending(variant_of(store))
    return resume(variant_of(store), told, key=KEY, now=now)


def steps_in(store: FolderStore) -> list[str]:
    return sorted(key for key in everything(store) if "/steps/" in key)


def test_steps_of_the_id_go_as_a_whole_and_everything_else_stays(store: Counting) -> None:
    before = everything(store)
    told = erase(store)
    gone = before.keys() - everything(store).keys()
    assert sorted(key.rpartition("/")[2][:12] for key in gone) == ["000000000000", "000000000001", "000000000002"]
    assert told.tensor_steps == 3
    assert len(steps_in(store)) == 3
    assert {key: body for key, body in everything(store).items() if "/erasures/" not in key}.items() < before.items()


def test_without_a_place_no_step_is_touched_and_nothing_is_waited_for(store: Counting) -> None:
    before = steps_in(store)
    told = erase(store, places=())
    assert (steps_in(store), told.tensor_steps, told.done) == (before, 0, True)


def test_another_places_steps_stay(store: Counting) -> None:
    other = keep(store, 0, ADA, load="s3://bucket/tensors/signs/AllTraffic2/20261120T110000-00000000")
    assert erase(store).tensor_steps == 3
    assert other.key in everything(store)


def test_an_event_is_erased_alone(store: Counting) -> None:
    told = erase(store, "event-2", IdKind.EVENT_ID)
    assert (told.tensor_steps, len(steps_in(store))) == (1, 5)


def test_a_step_without_an_inference_id_is_nobodys(store: Counting) -> None:
    keep(store, 9, None)
    assert erase(store, "None").tensor_steps == 0


@pytest.mark.parametrize(
    ("after", "goes"),
    [
        (timedelta(0), True),
        (timedelta(milliseconds=999), True),
        (timedelta(seconds=1), False),
        (timedelta(hours=1), False),
    ],
)
def test_what_was_answered_after_it_was_asked_for_stays_to_the_second_of_a_capture_line(
    tmp_path: Path, after: timedelta, goes: bool
) -> None:
    store = FolderStore(tmp_path)
    keep(store, 0, ADA, at=ASKED + after)
    assert (erase(store).tensor_steps, steps_in(store) == []) == (int(goes), goes)


def test_hours_after_it_was_asked_for_are_not_read(tmp_path: Path) -> None:
    store = Read(tmp_path)
    keep(store, 0, BOB)
    keep(store, 1, ADA, at=ASKED + timedelta(hours=2))
    erase(store)
    assert len(store.downloads) == 1


def test_a_second_time_changes_nothing_and_counts_the_same(store: Counting) -> None:
    for _ in range(2):
        assert erase(store).tensor_steps == 3
        assert go_on(store, now=SETTLED).tensor_steps == 3
    assert len(steps_in(store)) == 3


def test_it_ends_the_same_wherever_it_was_broken_off_by_beginning_again(store: Counting, tmp_path: Path) -> None:
    start = everything(store)
    erase(store)
    changes = store.changes
    assert changes > 8
    go_on(store, now=SETTLED)
    expected = everything(store)
    for change in range(1, changes + 1):
        broken = Counting(tmp_path / f"change-{change}")
        for key, body in start.items():
            broken.put(S3Address("bucket", key), body)
        broken.changes, broken.fails_at = 0, change
        with pytest.raises(StoreUnavailable, match="cut off"):
            erase(broken)
        erase(broken)
        go_on(broken, now=SETTLED)
        assert everything(broken) == expected


def test_the_scheduler_goes_on_with_what_was_broken_off(store: Counting) -> None:
    store.fails_at = 5  # the mark, the tombstone, the first hour, its step, and then the store is down
    with pytest.raises(StoreUnavailable):
        erase(store)
    assert len(steps_in(store)) == 5
    assert go_on(store).tensor_steps == 3
    assert not [body for body in everything(store).values() if ADA.encode() in body]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no tensors",
        packed({"image": np.zeros(1)})[:-3],
        packed({"image": np.zeros(1)}),
        packed({"image": np.zeros(1)}, '{"inference_id": "ada-4711"}'),
        packed({"image": np.zeros(1)}, "[" * 100_000),
        bytes(pa.Codec("zstd").compress((HEADER_BYTES_MAX + 1).to_bytes(8, "little"), asbytes=True)),
        bytes(pa.Codec("zstd").compress((2).to_bytes(8, "little") + b"[]", asbytes=True)),
    ],
    ids=["empty", "text", "truncated", "no facts", "other facts", "nested", "huge header", "header is a list"],
)
def test_a_step_that_cannot_be_read_is_left_and_named(store: Counting, body: bytes) -> None:
    damaged = put(store, f"000000000099_{NAMES}.safetensors.zst", body)
    told = erase(store)
    assert (told.illegible, told.tensor_steps) == ((str(damaged),), 3)
    assert everything(store)[damaged.key] == body


def test_a_few_of_many_that_cannot_be_read_are_named(store: Counting) -> None:
    for number in range(ILLEGIBLE_NAMED + 5):
        put(store, f"{number + 100:012d}_{NAMES}.safetensors.zst", b"x")
    assert len(erase(store).illegible) == ILLEGIBLE_NAMED


@pytest.mark.parametrize(
    "name", ["ada-4711.txt", "step.safetensors.zst", f"0_{NAMES}.safetensors.zst", "deeper/17.zst"]
)
def test_what_is_no_step_by_its_name_is_neither_read_nor_named(store: Counting, name: str) -> None:
    foreign = put(store, name, ADA.encode())
    assert erase(store).illegible == ()
    assert everything(store)[foreign.key] == ADA.encode()


def test_a_step_of_a_day_that_is_none_is_no_step(store: Counting) -> None:
    body = everything(store)[steps_in(store)[0]]
    address = S3Address.parse(f"{LOAD}/steps/2026/13/45/99/000000000001_{NAMES}.safetensors.zst")
    store.put(address, body)
    assert erase(store).tensor_steps == 3
    assert address.key in everything(store)


def test_a_step_that_waited_in_memory_goes_once_it_is_stored_and_others_are_not_read_again(tmp_path: Path) -> None:
    store = Read(tmp_path)
    keep(store, 0, BOB, at=ASKED)
    assert not erase(store).done
    late = keep(store, 1, ADA, at=ASKED)
    store.downloads.clear()
    told = go_on(store, now=ASKED + timedelta(seconds=1))
    assert (told.tensor_steps, told.done, store.downloads) == (1, False, [late.key])


def test_a_step_that_waited_over_the_full_hour_goes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)
    keep(store, 0, BOB)
    monkeypatch.setitem(globals(), "ASKED", NOON + timedelta(hours=1, seconds=1))
    erase(store)
    keep(store, 1, ADA, at=NOON + timedelta(minutes=59, seconds=59))
    assert go_on(store, now=NOON + timedelta(hours=1, seconds=2)).tensor_steps == 1


def test_what_a_load_stores_first_of_all_goes_at_the_latest_in_the_end(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    erase(store)
    keep(store, 0, ADA, at=ASKED, load=f"{PLACE}/20261120T122900-00000002")
    told = go_on(store, now=SETTLED)
    assert (told.tensor_steps, told.tensors, told.done) == (1, (), True)
    assert list(pending(variant_of(store))) == []


def test_what_was_stored_out_of_turn_goes_in_the_end(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    keep(store, 8, BOB, at=ASKED)
    erase(store)
    keep(store, 7, ADA, at=ASKED)
    assert go_on(store, now=ASKED + timedelta(seconds=1)).tensor_steps == 0
    assert go_on(store, now=SETTLED).tensor_steps == 1


def test_what_is_settled_is_not_looked_through_again(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    erase(store)
    told = go_on(store, now=SETTLED)
    keep(store, 0, ADA, at=ASKED)  # against the endpoint's promise
    assert resume(variant_of(store), told, key=KEY, now=SETTLED).tensor_steps == 0


def test_an_erasure_waits_for_longer_than_a_step_does() -> None:
    assert STEPS_SETTLED > STORED_WITHIN


def test_a_tombstone_of_before_tensors_were_looked_at_is_read() -> None:
    told = Tombstone(kind=IdKind.EVENT_ID, digests=("0",), requested_at=ASKED, settled_from=ASKED)
    text = told.model_copy(update={"tensors": ("s3://bucket/x",), "steps": {"s3://bucket/x/steps": (1, 2)}}).to_json()
    assert Tombstone.from_json(text).tensor_steps == 2
    assert (told.tensors, told.unlooked, told.tensor_steps) == ((), (), 0)


def test_an_s3_server_is_erased_from_like_a_folder(store: Counting) -> None:
    with faulty_store() as server:
        remote = server.connected()
        for key, body in everything(store).items():
            remote.put(S3Address("bucket", key), body)
        assert erase(remote).tensor_steps == 3
        assert len(steps_in(remote)) == 3
