"""What a spool must not be: lives of captures with one deliberate weakness each, to show that it would be found."""

from pathlib import Path

from service.endpoint import capture, writer
from service.endpoint.ownership import Destination
from service.endpoint.recovery import Entry
from service.endpoint.segment import OpenSegment
from service.endpoint.uploader import Uploader
from tests.servers.failing_disk import Fault
from tests.servers.spool_life import live


class KeepsHalfRecords(OpenSegment):
    def _roll_back(self) -> None:
        pass


class RemovesFirst(Uploader):
    def _move(self, entry: Entry, destination: Destination) -> None:
        content = entry.path.read_bytes()
        self._spool.files.unlink(entry.path)
        self._store.put(destination.address_of(entry.name, entry.state), content)
        self._spool.ledger.store(entry.name)


def keeps_half_records(folder: Path, fault: Fault | None) -> None:
    """A life whose spool does not roll back what the disk took of half a record."""
    writer.OpenSegment = KeepsHalfRecords
    live(folder, fault)


def removes_before_upload(folder: Path, fault: Fault | None) -> None:
    """A life whose spool removes a segment before the store has it."""
    capture.Uploader = RemovesFirst
    live(folder, fault)
