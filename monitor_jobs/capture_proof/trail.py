"""What one producer says of its segments and gaps, and one capture file as it was found: the values that are judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from monitor_jobs.capture_io import Contents
from monitor_jobs.contract.capture import opened_at_of
from monitor_jobs.contract.erasure import Amendment
from monitor_jobs.contract.manifest import Manifest
from monitor_jobs.contract.watermark import GapMarker, Watermark
from monitor_jobs.contract.window import Window, floor_hour

ToldT = TypeVar("ToldT")


@dataclass(frozen=True, slots=True)
class Stretch(Generic[ToldT]):
    """Consecutive numbers of what one producer numbers: what each tells, or which are not there or not readable."""

    folder: str  # the key that all their keys begin with
    told: Mapping[int, ToldT]
    missing: tuple[int, ...] = ()
    damaged: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Trail:
    """One producer: how far it says it has come, and its segments and gaps that may concern the window."""

    watermark: Watermark
    segments: Stretch[Manifest]
    gaps: Stretch[GapMarker]


@dataclass(frozen=True, slots=True)
class FoundObject:
    """One capture file in the store; `contents` is None where only its size was asked for."""

    key: str
    size_bytes: int
    stored_at: datetime  # by the store's clock
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
    objects: tuple[FoundObject, ...]
    unreadable: tuple[str, ...] = ()  # keys of watermarks and amendments
    removed_before: datetime | None = None  # by retention: no capture of an hour before is missed
    side: str = ""  # the address of what is kept beside the captures
    amendments: Mapping[str, Amendment] = field(default_factory=dict)  # by capture file
    strays: tuple[Manifest, ...] = ()  # of files of the window, far from where their numbers have them looked for

    @property
    def manifests(self) -> dict[str, Manifest]:
        """The manifests that tell of a capture file, by its key."""
        told = (manifest for trail in self.trails for manifest in trail.segments.told.values())
        return {each.object_key: each for each in (*told, *self.strays) if each.object_key is not None}

    @property
    def unknown_objects(self) -> list[FoundObject]:
        """Capture files that may concern the window and that no manifest tells of."""
        known = self.manifests
        return [each for each in self.objects if each.key not in known and each.may_concern(self.window)]

    @property
    def resized_objects(self) -> list[FoundObject]:
        """Capture files that have another size than their manifest tells."""
        sizes = {key: manifest.size_bytes for key, manifest in self.manifests.items()}
        return [each for each in self.objects if each.size_bytes != sizes.get(each.key, each.size_bytes)]


def concerns(manifest: Manifest, window: Window) -> bool:
    """True where the segment may hold records of the window: by its times, or by its hour where it tells none."""
    first, last = manifest.first_inference_time, manifest.last_inference_time
    if first is None or last is None:
        return floor_hour(window.start) <= floor_hour(manifest.opened_at) < window.end
    return _overlaps(first, last, window)


def _overlaps(first: datetime, last: datetime, window: Window) -> bool:
    return first < window.end and last >= window.start
