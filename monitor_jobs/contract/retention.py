"""How long objects are kept, by prefix, and what is told of captures that were kept long enough.

    SEXTANT_RETENTION="s3://bucket/captures=30d, s3://bucket/reports=365d"
    {side prefix}/retention.json     captures of which hours were removed, from which numbers on manifests are there

What lives here: rules, their text, how old an object is, and that object. What does not: removing
(monitor_jobs.retention), judging captures of which some were removed (monitor_jobs.capture_proof).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import Field

from monitor_jobs.contract.capture import CAPTURE_SUFFIX, SIDE_FOLDER, WireTime, opened_at_of
from monitor_jobs.contract.checked import Checked
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.watermark import Watermark
from monitor_jobs.contract.window import HOUR, floor_hour

# A clock that was set back puts numbers out of the order of their times by less: a proof of capture looks so far.
SLACK: Final = timedelta(hours=2)
_RULE: Final = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(?P<key>[^=,]*?)/*=(?P<count>[0-9]{1,5})(?P<unit>[dh])"
)
_UNITS: Final = {"d": timedelta(days=1), "h": HOUR}
_HOUR_FOLDER: Final = re.compile(r"/(\d{4}/\d{2}/\d{2}/\d{2})/")
_FILE: Final = "retention.json"
_CAPTURE_LEVELS: Final = 7  # endpoint/variant/yyyy/mm/dd/hh/name


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Objects below one prefix of a bucket are kept for so long."""

    bucket: str
    key: str
    keep: timedelta

    @property
    def prefix(self) -> str:
        """The address below which it holds: the prefix is a folder, and never the beginning of a name."""
        return f"s3://{self.bucket}/{self.key}/"

    def covers(self, address: str) -> bool:
        """True where the object, or all below the folder, of that address is below the rule's prefix."""
        return f"{address.rstrip('/')}/".startswith(self.prefix)

    @property
    def keep_text(self) -> str:
        """How long, for people."""
        hours = self.keep // HOUR
        return f"{hours} h" if hours % 24 else f"{hours // 24} d"

    def __str__(self) -> str:
        return f"{self.prefix} for {self.keep_text}"


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """A capture file, as its key tells: whose it is, and the hour in which all its records are."""

    destination: str
    endpoint: str
    variant: str
    hour: datetime

    @property
    def of(self) -> tuple[str, str, str]:
        """Destination, endpoint and variant."""
        return self.destination, self.endpoint, self.variant


class Retained(Checked):
    """What retention has left of one variant's captures: none of any hour before `removed_before`.

    Of producers that live on, manifests and gaps are there from these numbers on.
    """

    removed_before: WireTime
    first_segments: Mapping[str, int] = Field(default_factory=dict)
    first_gaps: Mapping[str, int] = Field(default_factory=dict)


def is_over(retained: Retained | None, mark: Watermark) -> bool:
    """True of a producer that has ended, and told of nothing but captures that are removed: what it told may go too."""
    return retained is not None and mark.closed and mark.sealed_until < retained.removed_before - SLACK


def parse_retention(text: str) -> tuple[RetentionRule, ...]:
    """The rules that a text says, separated by commas. Raises BadInput naming the first part that is none."""
    return tuple(_rule(part.strip()) for part in text.split(",") if part.strip())


def rule_for(address: str, rules: Iterable[RetentionRule]) -> RetentionRule | None:
    """The rule of an object: that of the longest prefix; None where no rule lists it."""
    return max((rule for rule in rules if rule.covers(address)), key=lambda rule: len(rule.key), default=None)


def capture_file(bucket: str, key: str) -> CaptureFile | None:
    """What the key of a capture file tells; None where it is none."""
    parts, opened_at = key.split("/"), opened_at_of(key)
    if len(parts) < _CAPTURE_LEVELS or opened_at is None or not key.endswith(CAPTURE_SUFFIX):
        return None
    destination, (endpoint, variant) = "/".join(parts[:-_CAPTURE_LEVELS]), parts[-_CAPTURE_LEVELS:][:2]
    return CaptureFile(f"s3://{bucket}/{destination}".rstrip("/"), endpoint, variant, floor_hour(opened_at))


def ended_at(key: str, modified_at: datetime) -> datetime:
    """When an object was complete: the end of the hour whose folder it lies in, else when it was changed last.

    A capture that came late is as old as its records.
    """
    folders = _HOUR_FOLDER.findall(f"/{key}")
    try:
        return datetime.strptime(folders[-1], "%Y/%m/%d/%H").replace(tzinfo=UTC) + HOUR
    except (IndexError, ValueError):
        return modified_at


def is_beside_captures(key: str) -> bool:
    """True of what is kept beside captures: it goes with them, and never by itself."""
    return SIDE_FOLDER in key.split("/")


def told_variant(bucket: str, key: str) -> tuple[str, str, str] | None:
    """Destination, endpoint and variant of which an object of that key tells what retention has left; None of others.

    The key is `{destination}/_sextant/{endpoint}/{variant}/retention.json`.
    """
    *destination, side, endpoint, variant, name = ["", "", "", *key.split("/")]
    if side != SIDE_FOLDER or name != _FILE:
        return None
    return f"s3://{bucket}/{'/'.join(filter(None, destination))}".rstrip("/"), endpoint, variant


def retained_address(side_prefix: str) -> str:
    """The address of what is told of a variant."""
    return f"{side_prefix}/{_FILE}"


def _rule(text: str) -> RetentionRule:
    match = _RULE.fullmatch(text)
    if match is None or not match["key"] or int(match["count"]) == 0:
        raise BadInput(
            f"{text!r} is no retention: write s3://BUCKET/PREFIX=30d, or =12h; a whole bucket is never meant"
        )
    return RetentionRule(match["bucket"], match["key"], int(match["count"]) * _UNITS[match["unit"]])
