"""The signals of data known to be good, as statistics.json and constraints.json hold them.

What lives here: `CleanSignals`, and the two files that it is written to and read from. What does not: limits
(constraints), what is concluded (analysis). The statistics hold every value, as the lowest level of AWS's sketch, of
which each item stands for one: so distributions are compared exactly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import (
    CONSTRAINTS_FILE,
    STATISTICS_FILE,
    CommonStatistics,
    Constraints,
    Dataset,
    FeatureStatistics,
    KllDistribution,
    KllSketch,
    NumericalDistribution,
    NumericalStatistics,
    Statistics,
)
from monitor_jobs.monitor import Baseline
from monitor_jobs.saliency.adversarial import Usual, unusualness, usual_of
from monitor_jobs.saliency.signals import SIGNALS
from monitor_jobs.saliency_drift.constraints import SECTION, Limits, section_of

Values = NDArray[np.float64]
SCORE = "adversarial_score"
USUAL_FIELD = "usual"
HOW_TO_MAKE = "Make a baseline with `sextant baseline create --monitor sextant/saliency`"
MINIMUM_RECORDS = 200  # of a baseline: half of it says what is usual, half what a score of a good record is


@dataclass(frozen=True, slots=True, eq=False)
class CleanSignals:
    """The signals of m good records [m, SIGNALS], what is usual of half of them, and the scores of the other half."""

    signals: Values
    usual: Usual
    scores: Values


def baseline_of(signals: Values) -> Baseline:
    """Both files of good records' signals [m, SIGNALS], which come in an order drawn by lot.

    Records that say what is usual are not scored by it: they would look more usual than others ever do. Raises BadInput
    below MINIMUM_RECORDS.
    """
    if len(signals) < MINIMUM_RECORDS:
        raise BadInput(
            f"{len(signals)} records could be asked again: a baseline takes {MINIMUM_RECORDS} of known good traffic"
        )
    usual = usual_of(signals[::2])
    section = Limits().model_dump() | {USUAL_FIELD: usual.model_dump()}
    statistics = statistics_of(signals, unusualness(usual, signals[1::2]))
    return Baseline(statistics, Constraints(monitoring_config={SECTION: section}))


def clean_signals(baseline: Baseline) -> CleanSignals | None:
    """What the baseline's files hold; None without them. Raises BadInput where they are not this monitor's."""
    if baseline.statistics is None or baseline.constraints is None:
        return None
    columns = {feature.name: _values(feature) for feature in baseline.statistics.features}
    lengths = {len(columns.get(name, ())) for name in SIGNALS}
    if len(lengths) != 1 or 0 in lengths or not len(columns.get(SCORE, ())):
        raise BadInput(
            f"{STATISTICS_FILE} does not hold as many values of {', '.join(SIGNALS)} each, and {SCORE}. {HOW_TO_MAKE}"
        )
    try:
        usual = Usual.model_validate(section_of(baseline.constraints).get(USUAL_FIELD))
    except ValidationError as error:
        raise BadInput(
            f"monitoring_config.{SECTION}.{USUAL_FIELD} in {CONSTRAINTS_FILE} is not what a baseline leaves there. "
            f"{HOW_TO_MAKE}"
        ) from error
    return CleanSignals(np.column_stack([columns[name] for name in SIGNALS]), usual, columns[SCORE])


def statistics_of(signals: Values, scores: Values | None) -> Statistics:
    """Every signal's values [n, SIGNALS], and the scores [n or fewer] where there are some."""
    features = [_feature(name, signals[:, index]) for index, name in enumerate(SIGNALS)]
    if scores is not None:
        features.append(_feature(SCORE, scores))
    return Statistics(dataset=Dataset(item_count=len(signals)), features=features)


def _feature(name: str, values: Values) -> FeatureStatistics:
    common = CommonStatistics(num_present=len(values), num_missing=0)
    kll = KllDistribution(sketch=KllSketch(data=[values.tolist()]))
    numbers = NumericalStatistics(common=common, distribution=NumericalDistribution(kll=kll))
    if len(values):
        numbers = numbers.model_copy(
            update={
                "mean": float(values.mean()),
                "sum": float(values.sum()),
                "std_dev": float(values.std()),
                "min": float(values.min()),
                "max": float(values.max()),
            }
        )
    return FeatureStatistics(name=name, inferred_type="Fractional", numerical_statistics=numbers)


def _values(feature: FeatureStatistics) -> Values:
    numbers = feature.numerical_statistics
    kll = numbers.distribution.kll if numbers and numbers.distribution else None
    levels = kll.sketch.data if kll and kll.sketch else []
    return np.array(levels[0] if len(levels) == 1 else [], dtype=np.float64)
