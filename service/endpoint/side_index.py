"""The side index of what is delivered: what was answered in each stored segment, an hour's put together.

What lives here: when an hour's index is written. What does not: what is in it (monitor_jobs.side_index). It waits in
memory until its hour is over, so that a day of captures makes a few objects: whoever kills the process loses the index
of that hour, not its captures, and readers take those instead.
"""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from monitor_jobs.contract.window import HOUR, floor_hour
from monitor_jobs.object_store import S3Address
from service.endpoint.ownership import Destination
from service.endpoint.recovery import Entry

if TYPE_CHECKING:
    from monitor_jobs.side_index import CaptureIndex

PART_ROWS = 250_000  # about ten megabytes: what waits in memory, and how large a part becomes


class SideIndex:
    """Used by the uploader's thread only; `put` stores an object."""

    def __init__(self, put: Callable[[S3Address, bytes], object]) -> None:
        self._put = put
        self._waiting: dict[tuple[Destination, datetime], dict[str, CaptureIndex]] = {}  # by object key

    def add(self, entry: Entry, destination: Destination) -> None:
        """Index a segment that has just been stored; what cannot be indexed is read itself. Raises OSError."""
        from monitor_jobs.side_index import index_capture

        index = index_capture(entry.path, destination.object_key_of(entry.name))
        if index is None or not index.table.num_rows:
            return
        hour = floor_hour(entry.name.opened_at)
        waiting = self._waiting.setdefault((destination, hour), {})
        waiting[index.capture.object_key] = index  # a segment may be delivered twice
        if sum(each.table.num_rows for each in waiting.values()) >= PART_ROWS:
            self._publish(destination, hour)

    def publish_before(self, moment: datetime) -> None:
        """Write the index of every hour that has ended by then. Raises what `put` raises; what waits is kept."""
        for destination, hour in [key for key in self._waiting if key[1] + HOUR <= moment]:
            self._publish(destination, hour)

    def publish(self) -> None:
        """Write all that waits. Raises what `put` raises."""
        for destination, hour in list(self._waiting):
            self._publish(destination, hour)

    def _publish(self, destination: Destination, hour: datetime) -> None:
        from monitor_jobs.side_index import index_file

        waiting = self._waiting[destination, hour]
        self._put(destination.index_of(hour, uuid.uuid4()), index_file(waiting.values()))
        del self._waiting[destination, hour]
