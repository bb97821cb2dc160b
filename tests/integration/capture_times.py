"""What the store tells of times: the hour of each record, promises that were broken, and what capture verify finds.

What lives here: reading a folder store. What does not: writing to it.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson

from monitor_jobs.capture_proof import findings_of, read_evidence, with_contents
from monitor_jobs.contract.capture import hour_folder
from monitor_jobs.contract.completeness import Finding
from monitor_jobs.contract.window import HOUR, Window
from monitor_jobs.object_store.folder import FolderStore
from tests.integration.capture_spool import CAPTURES, manifests, watermarks

HOUR_IN_KEY = re.compile(r"(\d{4}/\d\d/\d\d/\d\d)/")


class Watch:
    """Looks at watermarks and records again and again, and remembers what was promised."""

    def __init__(self, store: FolderStore) -> None:
        self._store = store
        self._sealed: dict[str, datetime] = {}
        self._seen: set[str] = set()
        self.gone_back = 0
        self.late = 0

    def look(self) -> None:
        """Count watermarks that went back, and records that came after their producer had promised that none would."""
        marks = watermarks(self._store)  # read first: what they promise must be in the store by now
        now = {mark.producer: mark.sealed_until for mark in marks}
        for event, producer, at in records_in(self._store):
            if event not in self._seen and producer is not None:
                self._seen.add(event)
                self.late += at < self._sealed.get(producer, at)
        self.gone_back += sum(until < self._sealed.get(producer, until) for producer, until in now.items())
        self._sealed |= now


def findings_in(store: FolderStore) -> list[Finding]:
    """What capture verify says of every hour from the first to the last that has a capture file, and around them."""
    hours = sorted({datetime.strptime(hour, "%Y/%m/%d/%H").replace(tzinfo=UTC) for hour, _ in placed_records(store)})
    found = []
    for hour in sorted({each + around * HOUR for each in hours for around in (-1, 0, 1)}):
        where = {"destination": "s3://bucket/capture", "endpoint": "signs", "variant": "AllTraffic"}
        evidence = read_evidence(store, **where, window=Window(hour, hour + HOUR))
        found += findings_of(with_contents(evidence, store, CAPTURES.bucket)).findings
    return found


def misplaced_in(store: FolderStore) -> int:
    """How many records are not in the hour of their key."""
    return sum(hour_folder(at) != hour for hour, at in placed_records(store))


def placed_records(store: FolderStore) -> Iterator[tuple[str, datetime]]:
    """The hour in the key, and the inferenceTime, of each record."""
    for entry in store.list(CAPTURES):
        hour = HOUR_IN_KEY.search(entry.address.key)
        for line in store.get(entry.address).splitlines():
            yield hour[1], inference_time(line)


def records_in(store: FolderStore) -> Iterator[tuple[str, str | None, datetime]]:
    """The event id, the producer if a manifest tells it by now, and the inferenceTime of each record."""
    entries = list(store.list(CAPTURES))
    producers = {manifest.object_key: manifest.producer for manifest in manifests(store)}
    for entry in entries:
        for line in store.get(entry.address).splitlines():
            event = orjson.loads(line)["eventMetadata"]["eventId"]
            yield event, producers.get(entry.address.key), inference_time(line)


def inference_time(line: bytes) -> datetime:
    return datetime.fromisoformat(orjson.loads(line)["eventMetadata"]["inferenceTime"])
