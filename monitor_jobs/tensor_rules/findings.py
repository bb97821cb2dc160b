"""What each check came to over a whole window: the tensors that it was held against, and those that break it.

What lives here: counts to sentences. What does not: the report that they make (analysis).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from monitor_jobs.tensor_rules.parameters import AllZero, DeadRelu, ExplodingTensor, Rules, SaturatedActivation
from monitor_jobs.tensor_rules.rules import Counted, is_inactive
from monitor_jobs.tensor_rules.summary import Answering, Check, Summary, Tally, TensorCounts, TensorKey

Usual = Mapping[str, float]
RULE_OF: Final[Mapping[Check, str]] = {
    Check.EXPLODING: ExplodingTensor.__name__,
    Check.MAGNITUDE: ExplodingTensor.__name__,
    Check.ALL_ZERO: AllZero.__name__,
    Check.DEAD_RELU: DeadRelu.__name__,
    Check.SATURATED: SaturatedActivation.__name__,
}


class Broken(NamedTuple):
    """A tensor that breaks a check, and how, in words."""

    key: TensorKey
    tally: Tally
    words: str


class Held(NamedTuple):
    """What a check came to: how many tensors it was held against, and the broken ones in the network's order.

    `too_few` tensors had too few inputs to tell.
    """

    check: Check
    checked: int
    broken: tuple[Broken, ...]
    too_few: int = 0


def held(summary: Summary, rules: Rules, usual: Usual) -> Iterator[Held]:
    """Each check of the rules that a window is held to; of magnitudes only where there is a baseline."""
    if rules.exploding_tensor:
        yield _held(Check.EXPLODING, summary, _exploding(rules.exploding_tensor))
    if rules.exploding_tensor and usual:
        yield _held(Check.MAGNITUDE, summary, _magnitude(rules.exploding_tensor, usual))
    if rules.all_zero:
        yield _held(Check.ALL_ZERO, summary, _all_zero(rules.all_zero))
    if rules.dead_relu:
        yield _held(Check.DEAD_RELU, summary, _dead_relu(rules.dead_relu))
    if rules.saturated_activation:
        yield _held(Check.SATURATED, summary, _saturated(rules.saturated_activation))


def dead_units(answering: Answering, threshold_inactivity: float) -> Counted:
    """Units that answer to less than that percent of the inputs, or to none."""
    percent = 100 * answering.by_unit / max(answering.inputs, 1)
    return Counted(int(np.count_nonzero(is_inactive(percent, threshold_inactivity))), len(answering.by_unit))


# Whether a tensor breaks a check, in words; "" where it does not, None where there is too little to tell.
_Tell = Callable[[TensorKey, TensorCounts, Tally], str | None]


def _held(check: Check, summary: Summary, tell: _Tell) -> Held:
    looked_at = [(key, counts) for key, counts in sorted(summary.tensors.items()) if check in counts.tallies]
    told = [(key, counts.tallies[check], tell(key, counts, counts.tallies[check])) for key, counts in looked_at]
    broken = tuple(Broken(key, tally, words) for key, tally, words in told if words)
    too_few = sum(words is None for _, _, words in told)
    return Held(check, len(told) - too_few, broken, too_few)


def _exploding(rule: ExplodingTensor) -> _Tell:
    noun = "NaN" if rule.only_nan else "NaN or infinite"
    return lambda _key, _counts, tally: (
        f"{tally.found.found} of {tally.found.of} values are {noun} in {_steps(tally)}" if tally.broken else ""
    )


def _magnitude(rule: ExplodingTensor, usual: Usual) -> _Tell:
    def tell(key: TensorKey, counts: TensorCounts, tally: Tally) -> str:
        limit = f"{rule.times_baseline:g} times the baseline's {usual[key.name]:.4g}"
        words = f"a magnitude of {counts.extent.magnitude:.4g} is more than {limit}, and so it is in {_steps(tally)}"
        return words if tally.broken else ""

    return tell


def _all_zero(rule: AllZero) -> _Tell:
    share = "all" if rule.threshold == 100 else f"{rule.threshold:g} % or more"
    return lambda _key, _counts, tally: f"{share} of its values are zero in {_steps(tally)}" if tally.broken else ""


def _saturated(rule: SaturatedActivation) -> _Tell:
    limit = f"more than {rule.threshold_layer:g} % of its units are saturated"
    return lambda _key, _counts, tally: f"{limit} in {_steps(tally)}" if tally.broken else ""


def _dead_relu(rule: DeadRelu) -> _Tell:
    def tell(_key: TensorKey, counts: TensorCounts, _tally: Tally) -> str | None:
        answering = counts.answering
        if answering is None or answering.inputs < rule.minimum_inputs:
            return None
        dead = dead_units(answering, rule.threshold_inactivity)
        words = (
            f"{dead.found} of {dead.of} units are dead, more than {rule.threshold_layer:g} %: each answers to none of "
            f"{answering.inputs} inputs, or to less than {rule.threshold_inactivity:g} % of them"
        )
        return words if dead.percent > rule.threshold_layer else ""

    return tell


def _steps(tally: Tally) -> str:
    return f"{tally.broken} of {tally.steps} steps"
