"""How unusual an input's signals are together, by what is usual of clean inputs alone.

What lives here: what is usual, and the distance from it. What does not: the signals (signals), who alarms when
(monitor_jobs.saliency_drift).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, FiniteFloat

Values = NDArray[np.float64]
RIDGE: Final = 1e-6  # of the mean variance: signals that go together exactly have a distance still


class Usual(BaseModel):
    """The centre of clean signals [S], and the matrix [S, S] that makes their spread one in every direction."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    centre: list[FiniteFloat]
    whitening: list[list[FiniteFloat]]


def usual_of(signals: Values) -> Usual:
    """What is usual of clean signals [m, S], m > 1."""
    centre = np.median(signals, axis=0)
    covariance = np.cov(signals, rowvar=False)
    covariance += RIDGE * np.eye(len(centre)) * np.trace(covariance) / len(centre)
    whitening = np.linalg.cholesky(np.linalg.inv(covariance)).T
    return Usual(centre=centre.tolist(), whitening=whitening.tolist())


def unusualness(usual: Usual, signals: Values) -> Values:
    """The Mahalanobis distance of signals [n, S] from what is usual, [n], >= 0: larger in either direction."""
    apart = (signals - np.array(usual.centre)) @ np.array(usual.whitening).T
    return np.asarray(np.linalg.norm(apart, axis=1))
