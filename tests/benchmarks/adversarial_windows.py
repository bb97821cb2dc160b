"""Whole windows as the saliency monitor judges them: clean ones, and ones in which some signs are attacked.

What lives here: drawing windows, and counting verdicts. What does not: signals and attacks (adversarial).
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor_jobs.contract.report import OffendingRecord
from monitor_jobs.saliency_drift.analysis import judge, suggest_baseline
from monitor_jobs.saliency_drift.baseline import clean_signals
from monitor_jobs.saliency_drift.constraints import BASELINE_RECORDS, WINDOW_RECORDS, Limits
from monitor_jobs.saliency_drift.observed import Observed
from monitor_jobs.saliency_drift.sample import empty
from tests.benchmarks.figures import SEED, Figure

CLEAN_WINDOWS: Final = 1_000
WINDOWS: Final = 200
ATTACKED_SHARE: Final = 0.1
RECORD: Final = OffendingRecord(event_id="sign", object_key="signs.jsonl", line=1)
Values = NDArray[np.float64]


def windows(clean: Values, attacked: Mapping[str, Values]) -> Iterator[tuple[str, Figure]]:
    """How often clean windows alarm, and windows of which a tenth is attacked; each against a baseline of its own."""
    chance = np.random.default_rng(SEED)
    note = f"of {CLEAN_WINDOWS} windows of {WINDOW_RECORDS} against {BASELINE_RECORDS}, any check"
    alarms = [bool(_checks(clean, clean[:0], chance)) for _ in range(CLEAN_WINDOWS)]
    yield "window_false_alarm_rate", Figure(float(np.mean(alarms)), "ratio", "<= 0.01", note)
    for name, signals in attacked.items():
        found = ["adversarial_check" in _checks(clean, signals, chance) for _ in range(WINDOWS)]
        note = f"of {WINDOWS} windows of {WINDOW_RECORDS}, {ATTACKED_SHARE:.0%} of which attacked, by adversarial_check"
        yield f"window_found_share_{name}", Figure(float(np.mean(found)), "share", "none", note)


def _checks(clean: Values, attacked: Values, chance: np.random.Generator) -> set[str]:
    drawn = clean[chance.permutation(len(clean))[: BASELINE_RECORDS + WINDOW_RECORDS]]
    baseline, window = drawn[:BASELINE_RECORDS], drawn[BASELINE_RECORDS:]
    if len(attacked):
        count = round(ATTACKED_SHARE * len(window))
        window[:count] = attacked[chance.choice(len(attacked), count, replace=False)]
    known = clean_signals(suggest_baseline(_observed(baseline)))
    verdict = judge(empty(), _observed(window), Limits(), known)
    return {violation.constraint_check_type for violation in verdict.violations}


def _observed(signals: Values) -> Observed:
    return Observed(signals, (RECORD,) * len(signals))
