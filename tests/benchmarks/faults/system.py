"""Capture under what the operating system does to it: full, read-only and broken disks, kills, out of memory, clocks.

What lives here: how much is tried, the figures and their goals; to each group there is a control, in which the same
count finds what is wrong. What does not: the campaigns (system_disks, system_processes, system_clocks).
"""

import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from service.core.deployment import Durability, WhenSpoolIsFull
from tests.benchmarks.faults.system_account import Account
from tests.benchmarks.faults.system_clocks import SCRIPT, CarelessLedger, Timing, faked, jumping
from tests.benchmarks.faults.system_disks import (
    DiskSize,
    broken,
    full_of_captures,
    full_of_others,
    made_read_only,
    suffered,
)
from tests.benchmarks.faults.system_processes import out_of_memory, restarts, siblings
from tests.benchmarks.figures import Figure
from tests.servers.fault_endpoints import forgetful_capture, weak_capture
from tests.servers.system_faults import Unobtainable

SIBLINGS_GOAL, RESTARTS_GOAL, MEMORY_GOAL, JUMPS_GOAL = 20, 20, 5, 30
ADOPTION_SECONDS = 10
STOP_SECONDS = 30
CONTROL_TIMES = 3
LOST_WINDOW_MS = 200  # segments are synced every 100 ms, which takes a while itself
DROP, REFUSE = WhenSpoolIsFull.DROP, WhenSpoolIsFull.REFUSE


@dataclass(frozen=True)
class Size:
    """How much is tried."""

    disk: DiskSize
    disks: int  # faults of disks
    siblings: int
    flush_seconds: float  # of siblings: the shorter, the sooner they look what the dead left
    restarts: int
    memory: int
    script: tuple[float, ...]
    step_seconds: float
    at_once: int  # groups


LONG = Size(DiskSize(64 * 2**20, 100_000, 2), 6, SIBLINGS_GOAL, 60, 25, MEMORY_GOAL, 2 * SCRIPT, 0.3, at_once=1)
SHORT = Size(DiskSize(16 * 2**20, 200_000, 0.2), 1, 1, 0.5, 2, 1, SCRIPT[:6], 0.05, at_once=6)


@dataclass
class Found:
    """What one group found: accounts of what must not be lost, and figures of its own."""

    figures: dict[str, Figure] = field(default_factory=dict)
    accounts: dict[str, Account | Timing] = field(default_factory=dict)


Group = Callable[[Path, Size], Found]


def measure(folder: Path, *, quick: bool) -> dict[str, Figure]:
    """Every figure that can be had here; `measured` also says which cannot."""
    return measured(folder, quick=quick)[0]


def measured(folder: Path, *, quick: bool) -> tuple[dict[str, Figure], dict[str, str]]:
    """The figures, and why others could not be taken."""
    size, names = (SHORT, QUICK_GROUPS) if quick else (LONG, tuple(GROUPS))
    with ThreadPoolExecutor(size.at_once) as threads:
        results = list(threads.map(partial(attempted, folder, size), names))
    found = [result for result in results if isinstance(result, Found)]
    missing = {
        f"system_{name}": str(why) for name, why in zip(names, results, strict=True) if not isinstance(why, Found)
    }
    missing |= {f"system_{name}": "only the long form has it" for name in GROUPS if name not in names}
    figures = totals({name: account for each in found for name, account in each.accounts.items()})
    for each in found:
        figures |= each.figures
    if quick:
        for name in COUNTS & figures.keys():
            missing[name] = f"only the long form has so many: {figures.pop(name).value:.0f} here"
    return figures, missing


def attempted(folder: Path, size: Size, name: str) -> Found | Unobtainable:
    try:
        return GROUPS[name](folder / name, size)
    except Unobtainable as reason:
        return reason


def totals(accounts: dict[str, Account | Timing]) -> dict[str, Figure]:
    """What must be nothing in every campaign, summed over all."""
    note = "; ".join(f"{name}: {account}" for name, account in accounts.items())
    lost = sum(account.lost for account in accounts.values())
    disks = [account for account in accounts.values() if isinstance(account, Account)]
    return {
        "system_faults_lost": Figure(lost, "records", "<= 0", note),
        "system_faults_duplicates": nothing(sum(account.duplicates for account in accounts.values())),
        "system_faults_uncounted": nothing(
            sum(each.uncounted for each in disks), "acknowledged, not stored, in no gap"
        ),
        "system_faults_torn": nothing(sum(each.torn for each in disks), "lines that are no records"),
    }


def nothing(value: float, note: str = "", unit: str = "records") -> Figure:
    return Figure(value, unit, "<= 0", note)


def disks(folder: Path, size: Size) -> Found:
    """Disks that take nothing for a while, with both ways of meeting that."""
    folder.mkdir()
    faults = {"full disk": full_of_captures, "crowded disk": full_of_others, "read-only disk": made_read_only}
    tried = [(f"{name}, {policy}", fault, policy) for name, fault in faults.items() for policy in (DROP, REFUSE)]
    ends = {name: suffered(folder / name, size.disk, fault, policy) for name, fault, policy in tried[: size.disks]}
    dropping = [end for name, end in ends.items() if name.endswith(DROP)]
    refusing = [end for name, end in ends.items() if name.endswith(REFUSE)]
    kinds = ", ".join(sorted({end.kind for end in ends.values()}))
    found = Found(
        accounts={name: end.account for name, end in ends.items()},
        figures={
            "full_disk_miscounted": nothing(
                sum(end.account.miscounted for end in dropping), f"dropped_total and gaps against missing, on {kinds}"
            ),
            "full_disk_failed_inferences": nothing(sum(end.account.refused for end in dropping), "drop", "requests"),
            "full_disk_healed": Figure(
                min(end.healed for end in ends.values()), "answers", ">= 1", "after the fault, by the same process"
            ),
        },
    )
    if refusing:
        refused = sum(end.account.refused for end in refusing)
        impolite = sum(end.impolite for end in refusing)
        found.figures["full_disk_impolite_refusals"] = nothing(
            impolite, f"of {refused}, without 503 or Retry-After", "requests"
        )
    return found


def broken_disks(folder: Path, size: Size) -> Found:
    """Disks in which the kernel finds an error, which makes them read-only until they are checked."""
    folder.mkdir()
    strict = broken(folder / "strict", size.disk, Durability.POWER, REFUSE)
    loose = broken(folder / "loose", size.disk, Durability.PROCESS, DROP)
    lost = loose.account.missing - loose.account.dropped
    note = f"durability process: {lost} of {loose.account.acked} were not on the disk yet; power: {strict.account}"
    return Found(
        accounts={"broken disk, power, refuse": strict.account},
        figures={
            "broken_disk_lost_ms": Figure(1000 * loose.oldest_lost_seconds, "ms", f"<= {LOST_WINDOW_MS}", note),
            "broken_disk_untold_drops": nothing(
                abs(loose.account.dropped - loose.account.gap_records), "dropped_total against gaps"
            ),
        },
    )


def workers(folder: Path, size: Size) -> Found:
    """Four endpoints on one spool, of which one after the other is killed."""
    ended = siblings(folder, size.siblings, size.flush_seconds)
    return Found(
        accounts={"killed siblings": ended.account},
        figures={
            "sibling_kills": Figure(ended.times, "kills", f">= {SIBLINGS_GOAL}", f"of four on one spool, {ended}"),
            "sibling_adoption_seconds": Figure(
                ended.longest_seconds,
                "s",
                f"<= {ADOPTION_SECONDS}",
                "longest, until siblings had stored all of the dead",
            ),
        },
    )


def stops(folder: Path, size: Size) -> Found:
    """One endpoint, stopped and started under load."""
    ended = restarts(folder, size.restarts)
    return Found(
        accounts={"SIGTERM": ended.account},
        figures={
            "sigterm_restarts": Figure(ended.times, "restarts", f">= {RESTARTS_GOAL}", str(ended)),
            "sigterm_unclean": nothing(ended.unclean, "exit codes other than 0", "exits"),
            "sigterm_left": nothing(ended.left, "in the spool, for an heir", "files"),
            "sigterm_longest_seconds": Figure(ended.longest_seconds, "s", f"<= {STOP_SECONDS}", "from signal to end"),
        },
    )


def memory(folder: Path, size: Size) -> Found:
    """Models that allocate until the kernel kills their endpoint."""
    ended = out_of_memory(folder, size.memory)
    return Found(
        accounts={"out of memory": ended.account},
        figures={
            "oom_kills": Figure(ended.times, "kills", f">= {MEMORY_GOAL}", f"by the kernel, {ended.account}"),
        },
    )


def clocks(folder: Path, size: Size) -> Found:
    """Clocks that jump in a capture."""
    steady = jumping(folder, size.script, size.step_seconds)
    return Found(
        accounts={"clock jumps": steady},
        figures={
            "clock_jumps": Figure(steady.jumps, "jumps", f">= {JUMPS_GOAL}", str(steady)),
            "clock_wrong": nothing(steady.wrong, repr(steady), "cases"),
        },
    )


def system_clocks(folder: Path, size: Size) -> Found:
    """Clocks that jump under whole processes, which are killed now and then."""
    timing = faked(folder, SCRIPT, 0.5)
    return Found(
        accounts={"system clock jumps": timing},
        figures={"system_clock_wrong": nothing(timing.wrong, f"libfaketime, kill -9 every third, {timing!r}", "cases")},
    )


def disk_control(folder: Path, size: Size) -> Found:
    account = suffered(folder, size.disk, made_read_only, DROP, forgetful_capture).account
    return control("full_disk_control_uncounted", account.uncounted, f"a capture that does not count drops, {account}")


def sibling_control(folder: Path, size: Size) -> Found:
    account = siblings(folder, CONTROL_TIMES, size.flush_seconds, weak_capture).account
    return control("sibling_control_lost", account.missing, f"records that wait in memory, {account}")


def sigterm_control(folder: Path, size: Size) -> Found:
    ended = restarts(folder, CONTROL_TIMES, signal.SIGKILL)
    return control("sigterm_control_left", ended.left, "SIGKILL instead of SIGTERM")


def memory_control(folder: Path, size: Size) -> Found:
    account = out_of_memory(folder, CONTROL_TIMES, weak_capture).account
    return control("oom_control_lost", account.missing, f"records that wait in memory, {account}")


def clock_control(folder: Path, size: Size) -> Found:
    timing = jumping(folder, SCRIPT[:4], size.step_seconds, CarelessLedger)
    return control("clock_control_wrong", timing.wrong, f"a ledger that takes promises back, {timing!r}")


def control(name: str, value: float, note: str) -> Found:
    return Found({name: Figure(value, "findings", ">= 1", f"the same count, of {note}")})


GROUPS: dict[str, Group] = {
    "disks": disks,
    "broken_disks": broken_disks,
    "siblings": workers,
    "sigterm": stops,
    "out_of_memory": memory,
    "clocks": clocks,
    "system_clocks": system_clocks,
    "disk_control": disk_control,
    "sibling_control": sibling_control,
    "sigterm_control": sigterm_control,
    "memory_control": memory_control,
    "clock_control": clock_control,
}
QUICK_GROUPS: Sequence[str] = ("disks", "siblings", "sigterm", "out_of_memory", "clocks", "clock_control")
COUNTS = {"sibling_kills", "sigterm_restarts", "oom_kills", "clock_jumps"}
