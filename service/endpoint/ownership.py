"""Who owns which segments of a shared spool folder: whoever holds the flock of their producer's lock file.

The kernel drops a flock when its process ends, however it ends: a lock that can be taken belonged to the dead, and its
taker owns what they left. No process id is ever looked at. The lock file also tells where the producer's records
belong, so that an heir of another variant delivers them there.
"""

import os
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from monitor_jobs.contract.capture import capture_file_path, side_prefix, variant_prefix
from monitor_jobs.contract.manifest import manifest_address, manifest_folder
from monitor_jobs.contract.side_index import index_address
from monitor_jobs.contract.watermark import (
    Watermark,
    closed_watermark_address,
    gap_address,
    gap_folder,
    new_producer,
    open_watermark_address,
)
from monitor_jobs.object_store import S3Address
from service.endpoint.segment import Files, SegmentName, State, sync_folder, take_flock
from service.logs import EventLog

log = EventLog(__name__)

_LOCK_NAME = re.compile(r"producer-(?P<producer>[0-9a-f]{32})\.lock")


class Destination(BaseModel):
    """Where the records of one variant go."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    destination: str
    endpoint: str
    variant: str

    def address_of(self, name: SegmentName, state: State) -> S3Address:
        """The address of a sealed segment or of a gap, always the same for the same name."""
        if state is State.GAP:
            return self.gap_of(name.producer, name.sequence)
        captures = variant_prefix(self.destination, self.endpoint, self.variant)
        return S3Address.parse(f"{captures}/{capture_file_path(name.opened_at, name.uuid)}")

    def open_watermark_of(self, producer: str) -> S3Address:
        """The address of a producer's watermark until it ends."""
        return S3Address.parse(open_watermark_address(self._side, producer))

    def closed_watermark_of(self, watermark: Watermark) -> S3Address:
        """The address of a producer's last watermark."""
        return S3Address.parse(closed_watermark_address(self._side, watermark))

    def manifest_of(self, producer: str, sequence: int) -> S3Address:
        """The address of a segment's manifest."""
        return S3Address.parse(manifest_address(self._side, producer, sequence))

    def manifests_of(self, producer: str) -> str:
        """The address below which a producer's manifests lie."""
        return manifest_folder(self._side, producer)

    def gap_of(self, producer: str, sequence: int) -> S3Address:
        """The address of a gap's marker."""
        return S3Address.parse(gap_address(self._side, producer, sequence))

    def gaps_of(self, producer: str) -> str:
        """The address below which a producer's gap markers lie."""
        return gap_folder(self._side, producer)

    def object_key_of(self, name: SegmentName) -> str:
        """A capture file's path below the destination."""
        return f"{self.endpoint}/{self.variant}/{capture_file_path(name.opened_at, name.uuid)}"

    def index_of(self, hour: datetime, part: uuid.UUID) -> S3Address:
        """The address of a part of the side index."""
        return S3Address.parse(index_address(self._side, hour, part))

    @property
    def _side(self) -> str:
        return side_prefix(self.destination, self.endpoint, self.variant)


@dataclass(frozen=True, slots=True)
class Ownership:
    """The right to one producer's segments, as long as `let_go` or `end` is not called."""

    producer: str
    destination: Destination
    path: Path
    descriptor: int

    def let_go(self) -> None:
        """Leave the segments to whoever takes the lock next."""
        os.close(self.descriptor)

    def end(self) -> None:
        """Remove the lock: the producer has nothing left, and never comes back. Raises OSError."""
        try:
            self.path.unlink(missing_ok=True)
        finally:
            os.close(self.descriptor)


def make_folder(folder: Path, files: Files) -> None:
    """Make a spool folder, and put its name and those of the folders made for it on the disk. Raises OSError.

    Where only the disk refuses to sync, a log line says so: an endpoint serves on a bad disk too.
    """
    made = list(takewhile(lambda each: not each.exists(), (folder, *folder.parents)))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for each in made:
            sync_folder(each.parent, files)
    except OSError as error:
        log.warning("spool_folder_not_synced", folder=str(folder), error=str(error))


def become_producer(folder: Path, destination: Destination, born_at: datetime, files: Files = os) -> Ownership:
    """A producer that never was before, alive while this process is. Raises OSError where the folder takes no file."""
    producer = new_producer(born_at)
    ownership = _claim(folder, producer, destination)
    if ownership is None:  # an heir came between its creation and its flock, found it dead, and may have ended it
        return become_producer(folder, destination, born_at, files)
    try:
        ownership.path.write_text(destination.model_dump_json())
        files.fsync(ownership.descriptor)  # or a power failure would leave segments, and not to whom they belong
        sync_folder(folder, files)
    except OSError as error:  # a full disk; an heir of this variant knows the destination anyway
        log.warning("producer_destination_not_written", producer=producer, error=str(error))
    return ownership


def inherit(folder: Path, producer: str, own: Destination) -> Ownership | None:
    """The segments of a dead producer, or None where it lives; `own` serves where its lock tells no destination."""
    return _claim(folder, producer, own)


def locked_producers(folder: Path) -> set[str]:
    """Every producer that has a lock file, dead or alive."""
    matches = (_LOCK_NAME.fullmatch(path.name) for path in folder.iterdir())
    return {match["producer"] for match in matches if match}


def _claim(folder: Path, producer: str, own: Destination) -> Ownership | None:
    path = folder / f"producer-{producer}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        taken = take_flock(descriptor, path)
    except OSError:  # a file system without locks
        os.close(descriptor)
        raise
    if taken:
        return Ownership(producer, _destination_in(path, own), path, descriptor)
    os.close(descriptor)
    return None


def _destination_in(path: Path, own: Destination) -> Destination:
    try:
        return Destination.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return own
