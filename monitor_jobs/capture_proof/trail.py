"""What one producer says of its segments, and one capture file as it was found: the values that are judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor_jobs.capture_io import Contents
from monitor_jobs.contract.capture import opened_at_of
from monitor_jobs.contract.manifest import Manifest
from monitor_jobs.contract.watermark import Gap, Watermark
from monitor_jobs.contract.window import Window, floor_hour


@dataclass(frozen=True, slots=True)
class Trail:
    """One producer: every number that has a manifest, ascending, and the manifests that may concern the window.

    `first` and `end` bound the numbers, by index, whose manifests were looked at; an unreadable one is None.
    """

    watermark: Watermark
    sequences: tuple[int, ...]
    first: int
    end: int
    manifests: Mapping[int, Manifest | None]


@dataclass(frozen=True, slots=True)
class FoundObject:
    """One capture file in the store; `contents` is None where only its size was asked for."""

    key: str
    size_bytes: int
    contents: Contents | None = None
    repeated_events: int = 0  # of the window, that were seen before

    def may_concern(self, window: Window) -> bool:
        """True where the file may hold records of the window."""
        opened_at = opened_at_of(self.key)
        if self.contents is not None and self.contents.last is not None and self.contents.first is not None:
            return _overlaps(self.contents.first, self.contents.last, window)
        return opened_at is None or opened_at < window.end


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the store tells of a window's captures."""

    endpoint: str
    window: Window
    trails: tuple[Trail, ...]
    gaps: tuple[Gap, ...]
    objects: tuple[FoundObject, ...]
    unreadable: tuple[str, ...] = ()  # addresses of watermarks and gaps


def concerns(manifest: Manifest, window: Window) -> bool:
    """True where the segment may hold records of the window: by its times, or by its hour where it tells none."""
    first, last = manifest.first_inference_time, manifest.last_inference_time
    if first is None or last is None:
        return floor_hour(window.start) <= floor_hour(manifest.opened_at) < window.end
    return _overlaps(first, last, window)


def _overlaps(first: datetime, last: datetime, window: Window) -> bool:
    return first < window.end and last >= window.start
