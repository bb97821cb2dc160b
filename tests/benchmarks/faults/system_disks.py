"""Endpoints under load on disks that are full, read-only or broken.

What lives here: each campaign, and what it came to. What does not: the disks (tests.servers.system_faults), the goals
(tests.benchmarks.faults.system).
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

from service.core.deployment import Durability, WhenSpoolIsFull
from tests.benchmarks.faults.system_account import Account, account_of, missing_calls
from tests.servers.capture_campaign import drain
from tests.servers.fault_endpoints import (
    PATIENCE,
    Endpoint,
    Open,
    endpoint,
    forgetful_capture,
    furnish,
    real_capture,
    store_down,
)
from tests.servers.fault_load import Call, Load, load_on
from tests.servers.system_faults import copied_image, crowded, disk_image, mounted_image, read_only, small_disk
from tests.wait import wait_until

ANSWERS_AFTER = 50
Fault = Callable[[Path], AbstractContextManager[None]]


@dataclass(frozen=True)
class DiskSize:
    """How much is tried."""

    disk_bytes: int
    body_bytes: int
    seconds: float  # that a fault lasts once it is felt


@dataclass(frozen=True)
class Suffered:
    """What a fault came to: the account, the disk, and how many were answered after it, by the same process."""

    account: Account
    kind: str
    healed: int
    impolite: int  # refusals that are not 503 with Retry-After


def full_of_captures(folder: Path) -> AbstractContextManager[None]:
    """The store refuses everything, so that the spool fills."""
    return store_down(folder)


def full_of_others(folder: Path) -> AbstractContextManager[None]:
    """Somebody else's file fills the disk; the spool is far from its budget."""
    return crowded(folder / "spool")


def made_read_only(folder: Path) -> AbstractContextManager[None]:
    """A read-only mount upon the spool."""
    return read_only(folder / "spool")


def suffered(
    folder: Path, size: DiskSize, fault: Fault, when_full: WhenSpoolIsFull, open_capture: Open = real_capture
) -> Suffered:
    """One endpoint on a small disk, under load before and during the fault; it must be well again after it."""
    folder.mkdir()
    with small_disk(folder / "spool", size.disk_bytes) as disk:
        furnish(folder, when_spool_is_full=when_full)
        with endpoint(folder, open_capture) as living:
            with load_on(living.port, body=b'"' + b"x" * size.body_bytes + b'"') as load:
                wait_until(lambda: load.acknowledged, timeout_seconds=PATIENCE, what="a 200 before the fault")
                with fault(folder):
                    feel(living, load, size, open_capture)
                    load.enough.set()
            emptied(living)
            dropped = living.dropped
            after = healed(living)
            emptied(living)
            living.terminate()
            assert living.wait() == 0, "the endpoint did not end well"
        account = account_of(folder, [load, after], dropped=dropped)
    return Suffered(account, disk.kind, len(after.acknowledged), sum(not is_polite(call) for call in load.refused))


def feel(living: Endpoint, load: Load, size: DiskSize, open_capture: Open) -> None:
    """Wait until the endpoint notices the fault, and for as long again as it is to last."""
    if open_capture is not forgetful_capture:
        wait_until(lambda: load.refused or living.dropped, timeout_seconds=PATIENCE, what="the first drop or refusal")
    time.sleep(size.seconds)


def emptied(living: Endpoint) -> None:
    wait_until(lambda: not living.backlog, timeout_seconds=PATIENCE, what="an empty spool")


def healed(living: Endpoint) -> Load:
    """Load after the fault: of this the account finds everything in the store, for nothing more is counted as lost."""
    with load_on(living.port) as load:
        wait_until(lambda: len(load.acknowledged) >= ANSWERS_AFTER, timeout_seconds=PATIENCE, what="answers")
    return load


def is_polite(call: Call) -> bool:
    """True where a refusal tells when to come again."""
    return call.status == HTTPStatus.SERVICE_UNAVAILABLE and call.retry_after is not None


@dataclass(frozen=True)
class Broken:
    """What a broken disk came to; `oldest_lost_seconds` is how long before it broke the first lost was answered."""

    account: Account
    oldest_lost_seconds: float


def broken(folder: Path, size: DiskSize, durability: Durability, when_full: WhenSpoolIsFull) -> Broken:
    """An endpoint whose disk breaks under load; it is stopped, the disk is checked, and an heir delivers the rest."""
    folder.mkdir()
    with small_disk(folder / "spool", size.disk_bytes) as disk:
        furnish(folder, durability=durability, when_spool_is_full=when_full)
        with endpoint(folder) as living:
            with load_on(living.port) as load:
                time.sleep(size.seconds)
                broke_at = datetime.now(UTC)
                disk.fail()
                wait_until(lambda: load.refused or living.dropped, timeout_seconds=PATIENCE, what="the first loss")
                time.sleep(size.seconds)
            dropped = living.dropped
            living.terminate()
            living.wait()
    with mounted_image(copied_image(disk_image(disk.folder)), disk.folder):
        drain(folder)
    oldest = max((broke_at - call.answered for call in missing_calls(folder, load)), default=timedelta())
    return Broken(account_of(folder, [load], dropped=dropped), oldest.total_seconds())
