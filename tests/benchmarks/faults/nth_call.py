"""A disk that fails, or a process that dies, at the Nth system call of a spool, for every N that one life makes.

What lives here: the enumeration, its controls, its figures. What does not: the life (tests.servers.spool_life), the
disk (failing_disk), the judge (spool_verdict). Each fault has a life of its own, in a process of its own, and a next
start on a disk that has healed.
"""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.faults.alone import run_faults
from tests.benchmarks.figures import Figure
from tests.servers.failing_disk import CHANGING, CRASHES, Effect, Fault
from tests.servers.spool_life import Live, Trial, calls_of, tried
from tests.servers.strace import injections, strace_works, tried_under_strace
from tests.servers.weak_spools import keeps_half_records, removes_before_upload

WORKERS = 4
REHEARSALS = 3  # two threads make the calls: not every life makes as many
MORE_CALLS = 2  # than the longest rehearsal
QUICK_TRIALS = 20
CONTROL_CRASHES = 6
KERNEL_STRIDE = 2
NAMED = 5  # of what is wrong, in a note
ON_ANY = (Effect.EIO, Effect.CRASH_BEFORE)
ON_CHANGES = (Effect.ENOSPC, Effect.DONE_BUT_EIO, Effect.CRASH_AFTER)


@dataclass(frozen=True)
class Campaign:
    """Every fault that was tried, and what came of it."""

    calls: int
    trials: dict[Fault | None, Trial]

    @property
    def fired(self) -> dict[Fault | None, Trial]:
        return {fault: trial for fault, trial in self.trials.items() if trial.fired}

    @property
    def lost(self) -> int:
        """Records that were told safe and are in no store, or were dropped and not told of."""
        return sum(len(trial.verdict.lost) + trial.verdict.silent for trial in self.trials.values())

    @property
    def wrong(self) -> dict[Fault | None, Trial]:
        return {fault: trial for fault, trial in self.trials.items() if trial.verdict}

    def worst(self) -> str:
        """What is wrong, for people."""
        return "; ".join(f"{fault}: {trial.verdict}" for fault, trial in list(self.wrong.items())[:NAMED])

    def __str__(self) -> str:
        crashes = sum(fault.effect in CRASHES for fault in self.fired)
        died = sum(trial.unheard for trial in self.trials.values())
        return (
            f"{self.calls} calls, {len(self.trials)} lives, {len(self.fired)} faults came, {crashes} of them SIGKILL; "
            f"{died} drops died with their process before their gap"
        )


def effects_on(call: str) -> Iterator[Effect]:
    """What can become of a call."""
    yield from ON_ANY
    if call in CHANGING:
        yield from ON_CHANGES
    if call == "write":
        yield Effect.SHORT


def faults_of(calls: dict[str, int]) -> Iterator[Fault]:
    """Each effect on each call, once and lasting; who died does not die again."""
    for call, most in sorted(calls.items()):
        for effect in effects_on(call):
            for number in range(1, most + MORE_CALLS + 1):
                yield Fault(call, number, effect)
                if effect not in CRASHES:
                    yield Fault(call, number, effect, lasting=True)


def rehearsed(folder: Path) -> dict[str, int]:
    """How often a life without a fault makes each call. Raises AssertionError where anything is wrong with it."""
    most: Counter[str] = Counter()
    for number in range(REHEARSALS):
        trial = tried(folder / str(number), None)
        assert not trial.verdict, f"without any fault: {trial.verdict}"
        most |= Counter(calls_of(folder / str(number)))
    return dict(most)


def every_fault(folder: Path, faults: Iterable[Fault | None], *, calls: int, life: Live | None = None) -> Campaign:
    """Try each; the folders of lives with which nothing is wrong are removed."""

    def one(numbered: tuple[int, Fault | None]) -> tuple[Fault | None, Trial]:
        place = folder / str(numbered[0])
        trial = tried(place, numbered[1], *([life] if life else []))
        if not trial.verdict:
            shutil.rmtree(place)
        return numbered[1], trial

    with ThreadPoolExecutor(WORKERS) as pool:
        return Campaign(calls, dict(pool.map(one, enumerate(faults))))


def measure(folder: Path, *, quick: bool) -> dict[str, Figure]:
    """Every figure; what is wrong is in the notes, and the folders of the lives it went wrong in stay."""
    calls = rehearsed(folder / "rehearsal")
    faults = list(faults_of(calls))
    chosen = faults[:: len(faults) // QUICK_TRIALS] if quick else faults
    campaign = every_fault(folder / "lives", chosen, calls=sum(calls.values()))
    half = every_fault(folder / "half", [None], calls=0, life=keeps_half_records)
    crashes = [Fault("unlink", number, Effect.CRASH_AFTER) for number in range(1, CONTROL_CRASHES + 1)]
    early = every_fault(folder / "early", crashes, calls=0, life=removes_before_upload)
    figures = {
        "nth_call_faults_lost": Figure(campaign.lost, "records", "<= 0", str(campaign)),
        "nth_call_faults_wrong": Figure(len(campaign.wrong), "lives", "<= 0", campaign.worst()),
        "nth_call_control_half_records": Figure(
            sum(trial.verdict.torn for trial in half.trials.values()), "lines", ">= 1", "no roll-back of a short write"
        ),
        "nth_call_control_early_removal": Figure(early.lost, "records", ">= 1", "removal before the upload"),
    }
    return figures if quick or not strace_works() else figures | by_the_kernel(folder / "kernel")


def by_the_kernel(folder: Path) -> dict[str, Figure]:
    """The same judged where the kernel refuses the call; the calls of Python and of the store are met as well."""
    lives = list(injections(KERNEL_STRIDE))
    with ThreadPoolExecutor(WORKERS) as pool:
        trials = list(pool.map(tried_under_strace, (folder / str(number) for number in range(len(lives))), lives))
    lost = sum(len(trial.verdict.lost) for trial in trials)
    wrong = [f"{life}: {trial.verdict}" for life, trial in zip(lives, trials, strict=True) if trial.verdict]
    note = f"strace, {len(lives)} lives, {sum(trial.fired for trial in trials)} faults came; {'; '.join(wrong[:NAMED])}"
    return {"nth_call_kernel_lost": Figure(lost, "records", "<= 0", note)}


if __name__ == "__main__":
    run_faults("nth_call", measure)
