"""The thread that keeps steps: what it has no room or no store for is counted, and nobody waits for it."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import torch
from torch import nn

from monitor_jobs.contract.debug_hook import debug_hook_of
from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.tensor_files import END_FILE, HOOK_FILE, STORED_WITHIN
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from monitor_jobs.tensors import create_trial
from service.endpoint.tensor_hook import keeper as keeping
from service.endpoint.tensor_hook.keeper import Keeper, Step
from service.endpoint.tensor_hook.load import new_load
from tests.integration.capture_spool import Clock, spec_of
from tests.kept_tensors import OUTPUT
from tests.wait import wait_until

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NETWORK = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).eval()
HOOK = debug_hook_of({"tensors_output": OUTPUT})


class Gated(FolderStore):
    """A real folder store that takes nothing until it is opened, counts what it takes, may be down or refuse steps."""

    def __init__(self, root):
        super().__init__(root)
        self.open = threading.Event()
        self.down = False
        self.refuses = None
        self.taken = []

    def put(self, address, body):
        self.open.wait(30)
        if self.down:
            raise StoreUnavailable("down")
        if self.refuses is not None and "/steps/" in address.key:
            self.refuses()
            raise StoreUnavailable("refused")
        self.taken.append(address.key)
        return super().put(address, body)


@pytest.fixture
def store(tmp_path):
    return Gated(tmp_path / "data")


@pytest.fixture
def outcomes():
    return []


@pytest.fixture
def clock():
    return Clock(NOON)


@pytest.fixture
def keeper(tmp_path, store, outcomes, clock):
    load = new_load(spec_of(tmp_path), HOOK, NETWORK, ModelCard(), model_sha256="0", started_at=NOON, unique="0" * 8)
    made = Keeper(load, NETWORK, store, outcomes.append, clock=clock)
    yield made
    store.open.set()
    made.finish(10)


def step(number: int, *, days: int = 0) -> Step:
    inputs = torch.full((1, 3, 2, 2), float(number))
    answered_at = NOON + timedelta(days=days)
    return Step(number, inputs, NETWORK(inputs).detach(), HOOK.collections, f"event-{number}", None, answered_at)


def test_what_has_no_room_is_dropped_and_the_rest_is_kept(keeper, store, outcomes):
    for number in range(keeping.STEPS_WAITING + 10):
        keeper.put(step(number))
    dropped = len(outcomes)
    assert set(outcomes) == {"dropped"}
    assert 9 <= dropped <= 10  # the thread may hold one of them already
    store.open.set()
    wait_until(lambda: len(outcomes) == keeping.STEPS_WAITING + 10, timeout_seconds=30, what="every outcome")
    assert outcomes.count("kept") == keeping.STEPS_WAITING + 10 - dropped


def test_so_is_what_would_take_too_much_memory_but_for_one_that_alone_does(keeper, store, outcomes, monkeypatch):
    monkeypatch.setattr(keeping, "BYTES_WAITING", 50)  # one step has 48
    for number in range(3):
        keeper.put(step(number))
    assert outcomes == ["dropped", "dropped"]
    store.open.set()
    wait_until(lambda: outcomes.count("kept") == 1, timeout_seconds=30, what="the step")
    monkeypatch.setattr(keeping, "BYTES_WAITING", 1)
    keeper.put(step(3))
    wait_until(lambda: outcomes.count("kept") == 2, timeout_seconds=30, what="the step that is larger than all room")


def test_what_a_store_that_is_down_does_not_take_is_dropped_and_the_next_is_kept(keeper, store, outcomes, monkeypatch):
    monkeypatch.setattr(keeping, "RETRY_SECONDS", 0.01)
    store.down = True
    store.open.set()
    keeper.put(step(0))
    wait_until(lambda: outcomes == ["dropped"], timeout_seconds=30, what="the step given up")
    store.down = False
    keeper.put(step(1))
    wait_until(lambda: outcomes == ["dropped", "kept"], timeout_seconds=30, what="the next step")
    assert create_trial(OUTPUT, store).steps() == [1]


def test_a_step_that_waited_for_longer_than_an_erasure_waits_for_it_is_dropped(keeper, store, outcomes, clock):
    for number in range(2):
        keeper.put(step(number))
    clock.advance(STORED_WITHIN.total_seconds() + 1)
    store.open.set()  # the first is being stored by now: what is under way is not called back
    wait_until(lambda: len(outcomes) == 2, timeout_seconds=30, what="both outcomes")
    assert outcomes[1] == "dropped"
    keeper.put(replace(step(2), answered_at=clock.now))
    wait_until(lambda: len(outcomes) == 3, timeout_seconds=30, what="the next step")
    assert (outcomes[2], create_trial(OUTPUT, store).steps()[-1]) == ("kept", 2)


def test_a_store_that_comes_back_too_late_is_not_given_the_step(keeper, store, outcomes, clock, monkeypatch):
    monkeypatch.setattr(keeping, "RETRY_SECONDS", 0.01)
    store.refuses = lambda: clock.advance(STORED_WITHIN.total_seconds() + 1)
    store.open.set()
    keeper.put(step(0))
    wait_until(lambda: outcomes == ["dropped"], timeout_seconds=30, what="the step given up")
    assert not [key for key in store.taken if "/steps/" in key]


def test_what_all_steps_need_is_written_again_on_another_day(keeper, store, outcomes):
    store.open.set()
    for number, days in enumerate((0, 0, 1)):
        keeper.put(step(number, days=days))
    wait_until(lambda: outcomes == ["kept"] * 3, timeout_seconds=30, what="three steps")
    assert sum(key.endswith(HOOK_FILE) for key in store.taken) == 2
    assert sum("/names/" in key for key in store.taken) == 2


def test_the_end_is_told_once_all_that_waited_is_kept(keeper, store, outcomes):
    for number in range(5):
        keeper.put(step(number))
    store.open.set()
    keeper.finish(30)
    assert outcomes == ["kept"] * 5
    names = [found.address.key.rpartition("/")[2] for found in store.list(S3Address.parse(f"{OUTPUT}/"))]
    assert names.count(END_FILE) == 1
    assert create_trial(OUTPUT, store).loaded_all_steps
