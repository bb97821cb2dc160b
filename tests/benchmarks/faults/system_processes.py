"""Endpoint processes that end under load: killed beside their siblings, told to stop, out of memory.

What lives here: each campaign, and what it came to. What does not: the processes (tests.servers.fault_endpoints), the
goals (tests.benchmarks.faults.system).
"""

import random
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from service.endpoint.ownership import locked_producers
from service.endpoint.recovery import entries_in
from tests.benchmarks.faults.system_account import Account, account_of
from tests.servers.capture_campaign import drain
from tests.servers.fault_endpoints import PATIENCE, Endpoint, Open, endpoint, furnish, real_capture
from tests.servers.fault_load import Load, ask_too_much, load_on
from tests.servers.processes import free_ports
from tests.servers.system_faults import memory_limit
from tests.wait import wait_until

WORKERS = 4
MEMORY_BYTES = 384 * 2**20


@dataclass(frozen=True)
class Ended:
    """What so many ends of processes came to, and the longest time of what was waited for."""

    account: Account
    times: int
    longest_seconds: float

    def __str__(self) -> str:
        return f"{self.account.acked} acknowledged, {self.times} times, longest wait {self.longest_seconds:.1f} s"


def siblings(folder: Path, kills: int, flush_seconds: float, open_capture: Open = real_capture) -> Ended:
    """Four endpoints on one spool; again and again one is killed, and the others deliver what it left.

    Only then it gets a successor, so that it is siblings who adopt.
    """
    furnish(folder, flush_interval_seconds=flush_seconds)
    loads: list[Load] = []
    with Workers(folder, open_capture) as workers:
        waits = [one_killed(folder, workers, loads) for _ in range(kills)]
    drain(folder)
    return Ended(account_of(folder, loads), kills, max(waits))


class Workers(ExitStack):
    """Living endpoints on one folder; whoever is killed leaves the list."""

    def __init__(self, folder: Path, open_capture: Open) -> None:
        super().__init__()
        self._folder = folder
        self._open_capture = open_capture
        self.living: list[Endpoint] = []

    def complete(self) -> None:
        """Let there be four again."""
        while len(self.living) < WORKERS:
            self.living.append(self.enter_context(endpoint(self._folder, self._open_capture)))


def one_killed(folder: Path, workers: Workers, loads: list[Load]) -> float:
    """The seconds until siblings, under load themselves, have delivered all of a killed worker and removed its lock."""
    workers.complete()
    victim = workers.living.pop(random.randrange(WORKERS))
    with load_on(*(each.port for each in workers.living), callers=2) as others, load_on(victim.port) as load:
        loads += [others, load]
        time.sleep(random.uniform(0.1, 0.8))
        victim.kill()
        killed_at = time.monotonic()
        load.enough.set()
        wait_until(lambda: len(owners(folder)) < WORKERS, timeout_seconds=PATIENCE, what="the dead's end")
        return time.monotonic() - killed_at


@dataclass(frozen=True)
class Stopped(Ended):
    """The same, where each end was asked for; `left` is how many files and locks processes left in the spool."""

    left: int
    unclean: int  # exit codes other than 0


def restarts(folder: Path, times: int, ending: signal.Signals = signal.SIGTERM) -> Stopped:
    """One endpoint after another on one port and one spool, each ended under load that goes on meanwhile.

    Nobody delivers what the last one leaves.
    """
    furnish(folder)
    (port,) = free_ports(1)
    waits, left, unclean = [], 0, 0
    with load_on(port) as load:
        for _ in range(times):
            with endpoint(folder, port=port) as living:
                time.sleep(random.uniform(0.1, 0.8))
                started = time.monotonic()
                {signal.SIGTERM: living.terminate, signal.SIGKILL: living.kill}[ending]()
                unclean += living.wait() != 0
                waits.append(time.monotonic() - started)
                left += len(entries_in(folder / "spool")) + len(owners(folder))
    return Stopped(account_of(folder, [load]), times, max(waits), left, unclean)


def out_of_memory(folder: Path, kills: int, open_capture: Open = real_capture) -> Ended:
    """Endpoints whose model allocates while others are answered, until the kernel kills them; an heir delivers."""
    furnish(folder)
    loads = []
    for _ in range(kills):
        with memory_limit(MEMORY_BYTES) as limit, endpoint(folder, open_capture) as living:
            limit.hold(living.process_id)
            with load_on(living.port) as load:
                loads.append(load)
                time.sleep(random.uniform(0.1, 0.5))
                ask_too_much(living.port)
                assert living.wait() == -signal.SIGKILL, "the endpoint outlived its memory"
            assert limit.kills, "somebody else killed the endpoint"
    drain(folder)
    return Ended(account_of(folder, loads), kills, 0)


def owners(folder: Path) -> set[str]:
    """The producers that live, or have not been buried."""
    spool = folder / "spool"
    return locked_producers(spool) if spool.exists() else set()
