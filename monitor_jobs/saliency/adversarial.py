"""How unusual an input's signals are together, by what is usual of clean inputs alone.

A weak attack leaves a network less sure than clean inputs do, a strong one surer: each signal by itself changes its
direction with an attack's strength. So what counts is the distance from what is usual, in whichever direction.

What lives here: what is usual, and the distance from it. What does not: the signals (signals), who alarms when
(monitor_jobs.saliency_drift).
"""

from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.saliency.signals import SIGNALS

Values = NDArray[np.float64]
SCORED: Final = (
    "margin",
    "log_input_gradient",
    "outside_centre",
    "margin_change_smoothed",
    "energy_change_smoothed",
)
_PLACES: Final = [SIGNALS.index(name) for name in SCORED]
Row = Annotated[list[FiniteFloat], Field(min_length=len(SCORED), max_length=len(SCORED))]
RIDGE: Final = 1e-6  # of a signal's variance: signals that go together exactly have a distance still


class Usual(BaseModel):
    """The centre of clean inputs' SCORED signals, [5], and the matrix [5, 5] that makes their spread one all round."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    centre: Row
    whitening: Annotated[list[Row], Field(min_length=len(SCORED), max_length=len(SCORED))]


def usual_of(signals: Values) -> Usual:
    """What is usual of clean inputs' SIGNALS [m, 9], m > 5. Raises BadInput where a scored signal never changes."""
    scored = signals[:, _PLACES]
    spread = scored.std(axis=0)
    if not (spread > 0).all():
        constant = SCORED[int(np.argmin(spread))]
        raise BadInput(f"{constant} is the same for all {len(signals)} inputs: give different ones, and enough of them")
    correlation = np.corrcoef(scored, rowvar=False) + RIDGE * np.eye(len(SCORED))
    whitening = np.linalg.cholesky(np.linalg.inv(correlation)).T / spread
    return Usual(centre=np.median(scored, axis=0).tolist(), whitening=whitening.tolist())


def unusualness(usual: Usual, signals: Values) -> Values:
    """The Mahalanobis distance of inputs' SIGNALS [n, 9] from what is usual, [n] float64 >= 0; of NaN it is NaN.

    Mahalanobis, Proc. Nat. Inst. Sci. India 2 (1936); of a network's features Lee et al., NeurIPS 2018, who take
    attacked inputs for calibration too. Checked in tests/papers/test_adversarial_score.py.
    """
    apart = (signals[:, _PLACES] - np.array(usual.centre)) @ np.array(usual.whitening).T
    return np.asarray(np.linalg.norm(apart, axis=1))
