"""What is told of lines that were erased from captures: whose, by a keyed digest, when, from which files, how many.

    {side prefix}/erasures/ids/{digest}.json          the tombstone of one id
    {side prefix}/erasures/pending/{digest}.json      there while lines of that id may still arrive
    {side prefix}/erasures/objects/yyyy/mm/dd/hh/*    what one capture file holds since: its amendment

What lives here: the objects and where they lie. What does not: erasing (monitor_jobs.erasure), judging captures that
were amended (monitor_jobs.capture_proof).
"""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from monitor_jobs.contract.capture import CAPTURE_SUFFIX, WireTime
from monitor_jobs.contract.checked import Checked

KEY_LEVELS = 5  # yyyy/mm/dd/hh/name of a capture file
ILLEGIBLE_NAMED = 25


class IdKind(StrEnum):
    """By which id lines are erased."""

    INFERENCE_ID = "inference_id"
    EVENT_ID = "event_id"


class ErasedLines(BaseModel):
    """Lines that one erasure took from one capture file, by the ids that the endpoint had drawn for their events."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tombstone: str
    events: tuple[str, ...]


class Amendment(Checked):
    """What a capture file holds once lines were erased from it; its manifest stays as the endpoint wrote it.

    `before` are the digests that it had until then. Written before the file is, so that a file of either digest is
    known.
    """

    object_key: str
    records: int = Field(ge=0)
    size_bytes: int = Field(ge=0)
    sha256: str
    first_inference_time: WireTime | None = None
    last_inference_time: WireTime | None = None
    before: tuple[str, ...]
    erased: tuple[ErasedLines, ...]

    @property
    def erased_records(self) -> int:
        """How many lines it had more."""
        return sum(len(each.events) for each in self.erased)

    def events_of(self, tombstone: str) -> tuple[str, ...]:
        """The events that one erasure took."""
        return next((each.events for each in self.erased if each.tombstone == tombstone), ())


class Tombstone(Checked):
    """One id whose lines up to `requested_at` are erased; the id itself is not kept, only digests of it.

    `waiting` names producers that may still store lines of that time, and the number up to which their segments were
    looked through; it is over once every producer that may index or adopt something has sealed until `settled_from`.
    `tensors` are addresses below which steps of that time may still be stored, of which `unlooked` were not looked
    through at all yet; `loads` tells of a load's folder up to which step it was.
    """

    kind: IdKind
    digests: tuple[str, ...] = Field(min_length=1)
    requested_at: WireTime
    settled_from: WireTime
    done: bool = False
    waiting: Mapping[str, int] = Field(default_factory=dict)
    settled: tuple[str, ...] = ()
    objects: Mapping[str, int] = Field(default_factory=dict)  # lines erased, by the capture file's key
    reports: tuple[str, ...] = ()  # addresses below which reports lie that may name the id
    tensors: tuple[str, ...] = ()
    unlooked: tuple[str, ...] = ()
    loads: Mapping[str, int] = Field(default_factory=dict)
    steps: Mapping[str, tuple[int, ...]] = Field(default_factory=dict)  # steps erased, by the folder of their hour
    illegible: tuple[str, ...] = ()  # steps of which nobody can tell whose they are, ILLEGIBLE_NAMED of them at most

    @property
    def name(self) -> str:
        """What the tombstone is called."""
        return self.digests[0].rpartition(":")[2]

    @property
    def lines(self) -> int:
        """How many lines were erased."""
        return sum(self.objects.values())

    @property
    def tensor_steps(self) -> int:
        """How many steps of kept tensors were erased."""
        return sum(map(len, self.steps.values()))


def tombstone_address(side_prefix: str, name: str) -> str:
    """The address of an id's tombstone."""
    return f"{side_prefix}/erasures/ids/{name}.json"


def pending_folder(side_prefix: str) -> str:
    """The address below which every erasure that is not over has a mark."""
    return f"{side_prefix}/erasures/pending/"


def pending_address(side_prefix: str, name: str) -> str:
    """The address of that mark."""
    return f"{pending_folder(side_prefix)}{name}.json"


def amendment_folder(side_prefix: str, hour_folder: str) -> str:
    """The address below which the amendments of one hour's capture files lie."""
    return f"{side_prefix}/erasures/objects/{hour_folder}/"


def amendment_address(side_prefix: str, object_key: str) -> str:
    """The address of a capture file's amendment; only its last five levels matter."""
    below = "/".join(object_key.split("/")[-KEY_LEVELS:]).removesuffix(CAPTURE_SUFFIX)
    return f"{side_prefix}/erasures/objects/{below}.json"


def event_folder(side_prefix: str, event_id: str) -> str:
    """The address below which whatever is made of one event lies, so that erasing the event removes it."""
    return f"{side_prefix}/events/{event_id}/"
