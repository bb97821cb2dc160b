"""The spool at its worst moments, a few of each kind: system calls that fail or are the last, and cuts of the power.

All of them: tests/benchmarks/faults.
"""

import pytest

from tests.benchmarks.faults.power_cut import POWER, PROCESS, cut_often
from tests.servers.failing_disk import Effect, Fault
from tests.servers.recorded_disk import LyingDisk, NamelessDisk
from tests.servers.spool_life import tried
from tests.servers.weak_spools import keeps_half_records, removes_before_upload

EACH_KIND = [
    Fault("open", 3, Effect.EIO),
    Fault("open", 4, Effect.DONE_BUT_EIO),
    Fault("write", 5, Effect.SHORT),
    Fault("write", 7, Effect.ENOSPC, lasting=True),
    Fault("ftruncate", 2, Effect.EIO),
    Fault("fdatasync", 2, Effect.EIO, lasting=True),
    Fault("fsync", 9, Effect.DONE_BUT_EIO),
    Fault("rename", 4, Effect.EIO),
    Fault("look:open", 13, Effect.EIO),
    Fault("look:flock", 8, Effect.EIO),
    Fault("look:list", 12, Effect.EIO, lasting=True),
    Fault("unlink", 2, Effect.CRASH_BEFORE),
    Fault("rename", 5, Effect.CRASH_AFTER),
    Fault("write", 9, Effect.CRASH_AFTER),
]


@pytest.mark.parametrize("fault", EACH_KIND, ids=str)
def test_whichever_call_fails_or_is_the_last_nothing_that_was_told_safe_is_lost(tmp_path, fault):
    trial = tried(tmp_path / "life", fault)
    assert trial.fired
    assert not trial.verdict, str(trial.verdict)


def test_a_spool_that_keeps_half_records_is_found_out(tmp_path):
    assert tried(tmp_path / "life", None, keeps_half_records).verdict.torn


def test_a_spool_that_removes_before_it_uploads_is_found_out(tmp_path):
    trials = [
        tried(tmp_path / str(number), Fault("unlink", number, Effect.CRASH_AFTER), removes_before_upload)
        for number in range(1, 4)
    ]
    assert any(trial.verdict.lost for trial in trials)


@pytest.mark.parametrize("durability", [POWER, PROCESS])
@pytest.mark.parametrize("life", [0, 1], ids=["of the first process", "of an heir"])
def test_a_power_cut_costs_nothing_that_was_promised(tmp_path, durability, life):
    campaign = cut_often(tmp_path, durability, [life], 5)
    assert not campaign.wrong, campaign.worst()


@pytest.mark.parametrize("disk_of", [LyingDisk, NamelessDisk])
def test_a_disk_that_does_not_sync_is_found_out(tmp_path, disk_of):
    assert cut_often(tmp_path, POWER, [0], 3, disk_of).lost
