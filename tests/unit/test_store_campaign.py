"""What the campaign of misbehaving stores concludes from what it saw."""

import json

import numpy as np
import pytest

from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from tests.benchmarks.faults.store import Slowdown, compared
from tests.integration.capture_spool import CAPTURES

DRAWN = np.random.default_rng(1).exponential(size=(2, 20_000))


def line(inference_id, event_id):
    return json.dumps({"eventMetadata": {"inferenceId": inference_id, "eventId": event_id}}).encode() + b"\n"


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path)


def test_two_endpoints_alike_have_one_within_the_interval_of_their_ratio():
    alike = Slowdown(*DRAWN, 0.0)
    assert alike.ratio == pytest.approx(1, rel=0.1)
    assert max(1, alike.ratio) < alike.at_most < alike.ratio * 1.15


def test_a_slow_tail_of_two_in_a_hundred_is_found():
    slow = np.where(np.arange(20_000) % 50 == 0, 10.0, 0.0)
    assert Slowdown(DRAWN[0] + slow, DRAWN[1], 0.0).ratio > 2


@pytest.mark.parametrize(
    ("stored", "lost_and_twice"),
    [
        (line("a", 1) + line("b", 2), (0, 0)),
        (line("a", 1), (1, 0)),
        (line("a", 1) + line("b", 2)[:-9], (1, 0)),
        (line("a", 1) + line("b", 2) + line("b", 2), (0, 1)),
        (line("a", 1) + line("b", 2) + line("b", 3), (0, 1)),
        (b"\0" * 40, (2, 0)),
    ],
)
def test_losses_and_repetitions_are_counted_in_what_is_stored(store, stored, lost_and_twice):
    store.put(S3Address(CAPTURES.bucket, CAPTURES.key + "2026/11/20/12/x.jsonl"), stored)
    assert compared(["a", "b"], store) == lost_and_twice
