"""What capture promises, tried with real processes that are killed: nothing acknowledged is lost, nothing comes twice.

What lives here: campaigns, and what each counts. What does not: the processes (tests.servers.capture_campaign). A
control shows that the same campaign does find losses where records wait in memory.
"""

import argparse
import random
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

from monitor_jobs.object_store.folder import FolderStore
from tests.benchmarks.figures import Figure, publish
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
    refused_capture,
    weak_capture,
)

RECORDS_PER_LIFE = 10
WARM_UP_SECONDS = 1.0
ACKED_GOAL, PUT_UNLINK_GOAL = 50_000, 200


@dataclass(frozen=True)
class Size:
    """How much is tried."""

    kills: int
    acked: int
    control_kills: int
    put_unlink_kills: int
    store_down_seconds: float


FULL = Size(kills=100, acked=ACKED_GOAL, control_kills=10, put_unlink_kills=PUT_UNLINK_GOAL, store_down_seconds=10)
QUICK = Size(kills=5, acked=0, control_kills=5, put_unlink_kills=10, store_down_seconds=2)


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
    return kill9(folder, Size(size.control_kills, 0, 0, 0, 0), weak_capture)


def put_unlink(folder: Path, size: Size) -> Outcome:
    """Captures that die between the upload of a segment and its removal from the spool."""
    started, kills, life = time.monotonic(), 0, 0
    folder.mkdir()
    while kills < size.put_unlink_kills:
        kills += lived(folder, str(life), RECORDS_PER_LIFE) == -signal.SIGKILL
        life += 1
    drain(folder)
    return judged(folder, (folder / "written").read_text().split(), kills, started)


@dataclass(frozen=True)
class Outage:
    """What an endpoint did while its store refused connections."""

    answered: int
    failed: int
    grown_mib: float


def store_down(folder: Path, size: Size) -> Outage:
    """An endpoint under load whose store refuses every connection; its memory is compared with that after a second."""
    acknowledged, grown = Acknowledged(), 0
    furnish(folder)
    with living_endpoint(folder, refused_capture) as endpoint, load_on(endpoint.port, "down", acknowledged):
        process = psutil.Process(endpoint.process.pid)
        time.sleep(WARM_UP_SECONDS)
        before, until = process.memory_info().rss, time.monotonic() + size.store_down_seconds
        while time.monotonic() < until:
            time.sleep(0.1)
            grown = max(grown, process.memory_info().rss - before)
        assert endpoint.process.is_alive()
    assert "capture_not_uploaded" in (folder / "log").read_text(), "no upload was tried: the store was not missed"
    return Outage(len(acknowledged.ok), len(acknowledged.failed), grown / 2**20)


def measure(folder: Path, size: Size) -> dict[str, Figure]:
    """Every figure, each with the size of its campaign."""
    killed = kill9(folder / "kill9", size)
    control = negative_control(folder / "control", size)
    put = put_unlink(folder / "put", size)
    down = store_down(folder / "down", size)
    outage = f"{down.answered} answered in {WARM_UP_SECONDS + size.store_down_seconds:g} s"
    return {
        "kill9_acked": Figure(killed.acked, "records", f">= {ACKED_GOAL}", str(killed)),
        "kill9_lost": Figure(killed.lost, "records", "<= 0", str(killed)),
        "kill9_duplicates": Figure(killed.duplicates, "records", "<= 0", str(killed)),
        "negative_control_lost": Figure(control.lost, "records", ">= 1", f"flushed from memory, {control}"),
        "negative_control_stored": Figure(control.stored, "records", ">= 1", "or its losses would show nothing"),
        "put_unlink_kills": Figure(put.kills, "kills", f">= {PUT_UNLINK_GOAL}", str(put)),
        "put_unlink_lost": Figure(put.lost, "records", "<= 0", str(put)),
        "put_unlink_duplicates": Figure(put.duplicates, "records", "<= 0", str(put)),
        "store_down_failed_inferences": Figure(down.failed, "requests", "<= 0", outage),
        "store_down_rss_mb": Figure(down.grown_mib, "MiB", "<= 64", f"growth, {outage}"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few kills instead of hundreds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sextant-bench-") as scratch:
        figures = measure(Path(scratch), QUICK if options.quick else FULL)
    missing = {}
    if options.quick:
        for name in ("kill9_acked", "put_unlink_kills"):
            missing[name] = f"only the long form has so many: {figures.pop(name).value:.0f} here"
    publish("capture_faults", figures, missing, options.json)


if __name__ == "__main__":
    main()
