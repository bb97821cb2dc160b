"""Endpoints that are killed at random, and captures that die between a segment's upload and its removal.

What lives here: campaigns, and what each counts. What does not: the processes (tests.servers.capture_campaign). A
control shows that the same campaign does find losses where records wait in memory.
"""

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from monitor_jobs.object_store.folder import FolderStore
from tests.benchmarks.figures import Figure
from tests.integration.capture_spool import stored_records
from tests.servers.capture_campaign import (
    Acknowledged,
    Open,
    drain,
    furnish,
    lived,
    living_endpoint,
    load_on,
    real_capture,
    weak_capture,
)

RECORDS_PER_LIFE = 10
ACKED_GOAL, PUT_UNLINK_GOAL = 50_000, 200


@dataclass(frozen=True)
class Size:
    """How much is tried."""

    kills: int
    acked: int
    control_kills: int
    put_unlink_kills: int


FULL = Size(kills=100, acked=ACKED_GOAL, control_kills=10, put_unlink_kills=PUT_UNLINK_GOAL)
QUICK = Size(kills=5, acked=0, control_kills=5, put_unlink_kills=10)


@dataclass(frozen=True)
class Outcome:
    """What one campaign came to."""

    kills: int
    acked: int
    stored: int
    lost: int
    duplicates: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.acked} acknowledged, {self.stored} stored, {self.kills} kills, {self.seconds:.0f} s"


def judged(folder: Path, acked: list[str], kills: int, started: float) -> Outcome:
    """The outcome, read from every line of every capture object; nothing is removed by reading."""
    metadata = [record["eventMetadata"] for record in stored_records(FolderStore(folder / "data"))]
    by_event = Counter(each["eventId"] for each in metadata)
    by_inference = Counter(each["inferenceId"] for each in metadata)
    twice = max(sum(times - 1 for times in counted.values()) for counted in (by_event, by_inference))
    return Outcome(
        kills, len(acked), len(by_inference), len(set(acked) - by_inference.keys()), twice, time.monotonic() - started
    )


def kill9(folder: Path, size: Size, open_capture: Open = real_capture) -> Outcome:
    """Endpoints killed at random moments under load; each adopts what those before it left."""
    started, acknowledged, kills = time.monotonic(), Acknowledged(), 0
    furnish(folder)
    while kills < size.kills or len(acknowledged.ok) < size.acked:
        with living_endpoint(folder, open_capture) as endpoint, load_on(endpoint.port, str(kills), acknowledged):
            time.sleep(random.uniform(0.02, 0.8))
            endpoint.process.kill()
            kills += 1
    drain(folder)
    assert not acknowledged.failed, f"not answered with 200: {acknowledged.failed[:3]}"
    return judged(folder, acknowledged.ok, kills, started)


def negative_control(folder: Path, size: Size) -> Outcome:
    """The same campaign against records that wait in memory."""
    return kill9(folder, Size(size.control_kills, 0, 0, 0), weak_capture)


def put_unlink(folder: Path, size: Size) -> Outcome:
    """Captures that die between the upload of a segment and its removal from the spool."""
    started, kills, life = time.monotonic(), 0, 0
    folder.mkdir()
    while kills < size.put_unlink_kills:
        kills += lived(folder, str(life), RECORDS_PER_LIFE) == -signal.SIGKILL
        life += 1
    drain(folder)
    return judged(folder, (folder / "written").read_text().split(), kills, started)


def measure(folder: Path, *, quick: bool) -> dict[str, Figure]:
    """Every figure, each with the size of its campaign; how many were killed is a figure of the long form only."""
    size = QUICK if quick else FULL
    killed = kill9(folder / "kill9", size)
    control = negative_control(folder / "control", size)
    put = put_unlink(folder / "put", size)
    figures = {
        "kill9_lost": Figure(killed.lost, "records", "<= 0", str(killed)),
        "kill9_duplicates": Figure(killed.duplicates, "records", "<= 0", str(killed)),
        "negative_control_lost": Figure(control.lost, "records", ">= 1", f"flushed from memory, {control}"),
        "negative_control_stored": Figure(control.stored, "records", ">= 1", "or its losses would show nothing"),
        "put_unlink_lost": Figure(put.lost, "records", "<= 0", str(put)),
        "put_unlink_duplicates": Figure(put.duplicates, "records", "<= 0", str(put)),
    }
    if quick:
        return figures
    return figures | {
        "kill9_acked": Figure(killed.acked, "records", f">= {ACKED_GOAL}", str(killed)),
        "put_unlink_kills": Figure(put.kills, "kills", f">= {PUT_UNLINK_GOAL}", str(put)),
    }
