"""The sketches of a column: of its numbers' quantiles, and of how many texts there are once they are too many to keep.

What lives here: making and merging them with Apache DataSketches. What does not: what else is kept of a column
(summarising), reading items out of a sketch (summary).
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from datasketches import cpc_sketch, cpc_union, kll_doubles_sketch

from monitor_jobs.data_quality.summary import Quantiles

K = 2048  # what AWS's statistics.json says of its sketches
LOG2_DISTINCT_SIZE = 11  # about 1.3 % of error in 1 to 2 kB


def quantiles_of(numbers: npt.NDArray[np.float64]) -> Quantiles:
    """The sketch of finite numbers; ranks are off by 0.14 % of all at most, 99 times of 100, and exact up to 2,048.

    Numbers in order take half the time. Karnin, Lang & Liberty, FOCS 2016; checked in tests/papers/test_sketches.py.
    """
    if not numbers.size:
        return Quantiles()
    sketch = kll_doubles_sketch(K)
    sketch.update(numbers)
    return Quantiles(sketch.serialize())


def merged_quantiles(left: Quantiles, right: Quantiles) -> Quantiles:
    """The sketch of the numbers of both."""
    if not (left.sketch and right.sketch):
        return left if left.sketch else right
    sketch = kll_doubles_sketch.deserialize(left.sketch)
    sketch.merge(kll_doubles_sketch.deserialize(right.sketch))
    return Quantiles(sketch.serialize())


def distinct_sketch(texts: Iterable[str], *others: bytes) -> bytes:
    """A sketch of the distinct ones among texts and those of other sketches, of which empty ones stand for no text.

    Lang, "Back to the Future: an Even More Nearly Optimal Cardinality Estimation Algorithm", 2017 (CPC).
    """
    own = cpc_sketch(LOG2_DISTINCT_SIZE)
    for text in texts:
        own.update(text)
    union = cpc_union(LOG2_DISTINCT_SIZE)
    union.update(own)
    for other in filter(None, others):
        union.update(cpc_sketch.deserialize(other))
    serialised: bytes = union.get_result().serialize()
    return serialised


def distinct_count(sketch: bytes) -> int:
    """About how many distinct texts a sketch has seen."""
    estimate: float = cpc_sketch.deserialize(sketch).get_estimate()
    return round(estimate)
