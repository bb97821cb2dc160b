"""The gaps of one producer, written into the spool: numbered, so that whoever judges captures misses one that is gone.

What lives here: the numbers and the files. What does not: which records were dropped (accounting), delivery (uploader).
"""

from monitor_jobs.contract.watermark import Gap, GapMarker
from service.endpoint.recovery import put_file
from service.endpoint.segment import SegmentName, State
from service.endpoint.spool import Spool
from service.logs import EventLog

log = EventLog(__name__)


class Gaps:
    """Used by one thread; a number is taken where its file is, so that they have no hole whatever dies when."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.last = 0  # the highest number so far

    def write(self, gap: Gap) -> None:
        """Put a gap into the spool, where the uploader or an heir finds it. Raises OSError where it is not there."""
        spool, marker = self._spool, self.next_marker(gap)
        path = spool.folder / SegmentName.new(spool.producer, marker.sequence, gap.start).file(State.GAP)
        try:
            put_file(path, marker.to_json(), spool.files)
        except OSError as error:
            if not path.exists():
                raise
            log.warning("capture_gap_not_synced", error=str(error))
        self.last = marker.sequence

    def next_marker(self, gap: Gap) -> GapMarker:
        """The marker that the next number makes of a gap."""
        return GapMarker(
            producer=self._spool.producer,
            sequence=self.last + 1,
            written_at=self._spool.clock(),
            sealed_until=self._spool.ledger.promised,
            gap=gap,
        )
