"""What is known of a window once its sampled records were asked again.

What lives here: the value that crosses from asking to analysis. What does not: either of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from monitor_jobs.contract.report import OffendingRecord


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """The signals of n records that were asked again, [n, SIGNALS] float64, each finite, and where the records lie.

    inexact: of how many the parts do not sum to the logit; not_asked: how many could not be asked, by reason
    """

    signals: NDArray[np.float64]
    records: tuple[OffendingRecord, ...]
    inexact: int = 0
    not_asked: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records)
