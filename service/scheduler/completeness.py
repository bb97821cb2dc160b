"""Whether every capture of a window has reached the store: what the endpoint processes say of themselves.

What lives here: waiting for them, and what is known to be missing once that is over. What does not: how that is found
(monitor_jobs.capture_proof), what a monitor makes of it (monitor_jobs.job).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor_jobs.capture_proof import findings_of, read_evidence
from monitor_jobs.contract.capture import side_prefix
from monitor_jobs.contract.completeness import CaptureProof
from monitor_jobs.contract.watermark import Watermark, open_watermark_folder
from monitor_jobs.contract.window import Window
from monitor_jobs.object_store import ObjectMissing, ObjectStore, S3Address
from service.core.deployment import EndpointSpec
from service.logs import EventLog

GRACE = timedelta(seconds=30)

log = EventLog(__name__)


@dataclass(frozen=True, slots=True)
class Completeness:
    """Whether a window may be judged now, and which producers were given up on."""

    may_start: bool
    given_up: tuple[str, ...] = ()


def completeness(store: ObjectStore, spec: EndpointSpec, window: Window, now: datetime) -> Completeness:
    """A window may start when every producer has sealed beyond its end, at latest flush interval + 30 s after it."""
    if now < window.end:
        return Completeness(may_start=False)
    behind = tuple(mark.producer for mark in _watermarks(store, spec) if not _covers(mark, window))
    deadline = window.end + timedelta(seconds=spec.flush_interval_seconds) + GRACE
    if behind and now < deadline:
        return Completeness(may_start=False)
    return Completeness(may_start=True, given_up=behind)


def known_losses(store: ObjectStore, spec: EndpointSpec, window: Window) -> CaptureProof:
    """What makes a verdict on the window doubtful, from listings and manifests: no capture file is read."""
    if spec.data_capture is None:
        return CaptureProof(endpoint=spec.endpoint, start=window.start, end=window.end)
    evidence = read_evidence(
        store,
        destination=spec.data_capture.destination_s3_uri,
        endpoint=spec.endpoint,
        variant=spec.variant,
        window=window,
    )
    return findings_of(evidence).losses()


def _covers(mark: Watermark, window: Window) -> bool:
    return mark.closed or mark.sealed_until >= window.end


def _watermarks(store: ObjectStore, spec: EndpointSpec) -> list[Watermark]:
    """Those of the producers that have not ended: nobody need wait for the others."""
    if spec.data_capture is None:
        return []
    folder = open_watermark_folder(side_prefix(spec.data_capture.destination_s3_uri, spec.endpoint, spec.variant))
    found = (_watermark(store, entry.address) for entry in store.list(S3Address.parse(folder)))
    return [mark for mark in found if mark is not None]


def _watermark(store: ObjectStore, address: S3Address) -> Watermark | None:
    try:
        return Watermark.from_json(store.get(address))
    except ValueError as error:
        log.warning("watermark_unreadable", address=str(address), error=str(error))
        return None
    except ObjectMissing:
        return None  # closed since it was listed
