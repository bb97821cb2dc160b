"""What is kept of a part of a window: counts by tensor and check, and the worst steps.

What lives here: the values, `merge`, `empty`. What does not: counting (looking), the verdict (analysis).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import nsmallest
from typing import NamedTuple, TypeVar

from monitor_jobs.contract.report import MAX_OFFENDING_RECORDS, OffendingRecord
from monitor_jobs.tensor_rules.rules import Counted, Counts, Extent, together

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class Check(StrEnum):
    """What may be found of a tensor."""

    EXPLODING = "exploding_tensor_check"
    MAGNITUDE = "tensor_magnitude_check"
    ALL_ZERO = "all_zero_check"
    DEAD_RELU = "dead_relu_check"
    SATURATED = "saturated_activation_check"


class TensorKey(NamedTuple):
    """A tensor of a version of a model, by its place in the network.

    `units` are those of a ReLU, 0 of any other tensor: a layer whose units change in number is another one.
    """

    version: str
    place: int
    name: str
    units: int = 0


class Offence(NamedTuple):
    """A step that shows a fault, and how badly."""

    severity: float
    record: OffendingRecord

    @property
    def order(self) -> tuple[float, str, str]:
        """The worst first; of equal ones, by where they lie."""
        return -self.severity, self.record.object_key, self.record.event_id


@dataclass(frozen=True, slots=True)
class Tally:
    """One check of one tensor: in how many steps it was looked at, how many broke it, what was found in these."""

    steps: int
    broken: int
    found: Counted
    worst: tuple[Offence, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Answering:
    """Of n inputs, to how many each unit of a ReLU answered: [units] int64."""

    inputs: int
    by_unit: Counts


@dataclass(frozen=True, slots=True, eq=False)
class TensorCounts:
    """All that is known of a tensor."""

    extent: Extent
    tallies: Mapping[Check, Tally]
    answering: Answering | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """A part of a window: steps, their inputs, and the tensors in them.

    `applicable` are the rules whose kind of module some network has; `kinds` what was kept of the steps.
    """

    records: int = 0
    predictions: int = 0
    unreadable: Mapping[str, int] = field(default_factory=dict)
    earliest: int | None = None
    latest: int | None = None
    tensors: Mapping[TensorKey, TensorCounts] = field(default_factory=dict)
    applicable: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()


def empty() -> Summary:
    """The summary of nothing, the identity of `merge`."""
    return Summary()


def merge(left: Summary, right: Summary) -> Summary:
    """The summary of two disjoint parts together; associative and commutative but for the rounding of means.

    Checked in tests/unit/test_tensor_rules_summary.py.
    """
    earliest = [moment for moment in (left.earliest, right.earliest) if moment is not None]
    latest = [moment for moment in (left.latest, right.latest) if moment is not None]
    return Summary(
        records=left.records + right.records,
        predictions=left.predictions + right.predictions,
        unreadable=dict(Counter(left.unreadable) + Counter(right.unreadable)),
        earliest=min(earliest, default=None),
        latest=max(latest, default=None),
        tensors=_by_key(left.tensors, right.tensors, _counts_together),
        applicable=left.applicable | right.applicable,
        kinds=left.kinds | right.kinds,
    )


def worst_of(offences: Iterable[Offence]) -> tuple[Offence, ...]:
    """The worst offences, as many as a violation may name."""
    return tuple(nsmallest(MAX_OFFENDING_RECORDS, offences, key=lambda offence: offence.order))


def tallies_together(left: Tally, right: Tally) -> Tally:
    """Two tallies of one check."""
    found = Counted(left.found.found + right.found.found, left.found.of + right.found.of)
    worst = worst_of((*left.worst, *right.worst))
    return Tally(left.steps + right.steps, left.broken + right.broken, found, worst)


def _counts_together(left: TensorCounts, right: TensorCounts) -> TensorCounts:
    return TensorCounts(
        together(left.extent, right.extent),
        _by_key(left.tallies, right.tallies, tallies_together),
        _answering_together(left.answering, right.answering),
    )


def _answering_together(left: Answering | None, right: Answering | None) -> Answering | None:
    if left is None or right is None:
        return left or right
    return Answering(left.inputs + right.inputs, left.by_unit + right.by_unit)


def _by_key(
    left: Mapping[KeyT, ValueT], right: Mapping[KeyT, ValueT], join: Callable[[ValueT, ValueT], ValueT]
) -> dict[KeyT, ValueT]:
    both = {key: join(value, right[key]) for key, value in left.items() if key in right}
    return {**left, **right, **both}
