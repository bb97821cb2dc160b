"""One step's tensors to a summary: every rule looks at the tensors that are its own.

What lives here: which check finds what in an array. What does not: counting (rules), choosing (choosing), merging
(summary).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from monitor_jobs.contract.report import OffendingRecord
from monitor_jobs.tensor_rules.choosing import (
    RELU,
    SATURATING,
    Network,
    flat_limits,
    is_activation,
    is_looked_at,
    is_named,
    is_relu_output,
)
from monitor_jobs.tensor_rules.parameters import (
    AllZero,
    DeadRelu,
    ExplodingTensor,
    Rules,
    SaturatedActivation,
)
from monitor_jobs.tensor_rules.rules import (
    Array,
    Counted,
    Extent,
    answering_inputs,
    extent_of,
    inputs_of,
    not_a_number,
    not_finite,
    saturated_units,
    zeros,
)
from monitor_jobs.tensor_rules.summary import Answering, Check, Offence, Summary, Tally, TensorCounts, TensorKey


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A step: its tensors by name, the network that made them, where it lies, its inputs, and when it was answered."""

    arrays: Mapping[str, Array]
    network: Network
    record: OffendingRecord
    inputs: int
    answered_at: int | None = None


class _Look(NamedTuple):
    """What one check finds in one array: how much of how much, whether that breaks it, how badly, and in words."""

    check: Check
    found: Counted
    broken: bool
    severity: float
    words: str


def summarise(step: Step, rules: Rules, usual: Mapping[str, float]) -> Summary:
    """The summary of one step; `usual` is the largest magnitude that each tensor had in the baseline.

    Arrays without a value are looked at by no rule.
    """
    looked_at = ((name, values) for name, values in step.arrays.items() if values.size)
    return Summary(
        records=1,
        predictions=step.inputs,
        earliest=step.answered_at,
        latest=step.answered_at,
        tensors=dict(_counts(name, values, step, rules, usual) for name, values in looked_at),
        applicable=frozenset(_applicable(rules, step.network)),
        kinds=frozenset({str(step.network.kind)} if step.network.kind else ()),
    )


def _counts(
    name: str, values: Array, step: Step, rules: Rules, usual: Mapping[str, float]
) -> tuple[TensorKey, TensorCounts]:
    extent, network = extent_of(values), step.network
    looks = [*_exploding(name, values, extent, rules.exploding_tensor, network, usual.get(name, 0.0))]
    looks += [*_all_zero(name, values, rules.all_zero, network), *_saturated(name, values, rules, network)]
    answering = _answering(name, values, rules.dead_relu, network)
    if answering is not None:
        looks.append(_silent(answering))
    tallies = {look.check: _tally(look, step.record) for look in looks}
    units = 0 if answering is None else len(answering.by_unit)
    return TensorKey(network.version, network.place_of(name), name, units), TensorCounts(extent, tallies, answering)


def _tally(look: _Look, record: OffendingRecord) -> Tally:
    if not look.broken:
        return Tally(1, 0, Counted(0, 0), ())
    return Tally(1, 1, look.found, (Offence(look.severity, record.model_copy(update={"detail": look.words})),))


def _exploding(
    name: str, values: Array, extent: Extent, rule: ExplodingTensor | None, network: Network, usual: float
) -> Iterator[_Look]:
    if rule is None or not is_looked_at(name, rule, network):
        return
    found, noun = (not_a_number(values), "NaN") if rule.only_nan else (not_finite(values), "NaN or infinite")
    words = f"{found.found} of {found.of} values are {noun}"
    yield _Look(Check.EXPLODING, found, found.found > 0, found.percent, words)
    if usual > 0:
        magnitude = extent.magnitude
        words = f"largest magnitude {magnitude:.4g}"
        yield _Look(Check.MAGNITUDE, Counted(1, 1), magnitude > rule.times_baseline * usual, magnitude, words)


def _all_zero(name: str, values: Array, rule: AllZero | None, network: Network) -> Iterator[_Look]:
    if rule is None or not (is_named(name, rule, network) if rule.names_tensors else is_activation(name)):
        return
    found = zeros(values)
    words = f"{found.found} of {found.of} values are zero"
    yield _Look(Check.ALL_ZERO, found, found.percent >= rule.threshold, found.percent, words)


def _saturated(name: str, values: Array, rules: Rules, network: Network) -> Iterator[_Look]:
    rule = rules.saturated_activation
    if rule is None or not is_looked_at(name, rule, network):
        return
    limits = flat_limits(name, rule, network)
    if limits is None:
        return
    found = saturated_units(values, limits, rule.threshold_inactivity)
    words = f"{found.found} of {found.of} units are saturated"
    yield _Look(Check.SATURATED, found, found.percent > rule.threshold_layer, found.percent, words)


def _answering(name: str, values: Array, rule: DeadRelu | None, network: Network) -> Answering | None:
    if rule is None:
        return None
    chosen = is_named(name, rule, network) if rule.names_tensors else is_relu_output(name, network)
    return Answering(inputs_of(values), answering_inputs(values)) if chosen else None


def _silent(answering: Answering) -> _Look:
    """Whether units are dead the whole window tells: a step shows which were silent in it."""
    found = Counted(int(np.count_nonzero(answering.by_unit == 0)), len(answering.by_unit))
    words = f"{found.found} of {found.of} units are zero"
    return _Look(Check.DEAD_RELU, found, found.found > 0, found.percent, words)


def _applicable(rules: Rules, network: Network) -> Iterator[str]:
    """The rules that could be held to such a network: those of a module that it does not have could not."""
    needed = {DeadRelu: RELU, SaturatedActivation: SATURATING}
    for rule in (rules.exploding_tensor, rules.all_zero, rules.dead_relu, rules.saturated_activation):
        if rule is not None:
            classes = needed.get(type(rule))
            if classes is None or rule.names_tensors or network.has(classes):
                yield type(rule).__name__
