"""How often each text of a column occurs, within a memory that does not grow with the number of texts.

What lives here: counting, the cap, merging. What does not: which values are counted (summarising).
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor_jobs.data_quality.sketches import distinct_count, distinct_sketch
from monitor_jobs.data_quality.summary import Categories

MAX_TEXTS = 1000
MAX_TEXT_CHARACTERS = 256  # a longer text counts as its beginning: it is no category
CUT = "…"

Counts = npt.NDArray[np.int64]


def categories_of(texts: pa.Array, counts: Counts) -> Categories:
    """The categories of distinct texts that occur `counts` times each."""
    tally = dict(zip(texts.to_pylist(), counts.tolist(), strict=True))
    if max(map(len, tally), default=0) > MAX_TEXT_CHARACTERS:
        tally = _cut(tally)
    return _capped(tally, others=0, sketch=b"")


def categories_of_integers(values: npt.NDArray[np.int64], counts: Counts) -> Categories:
    """The categories of distinct integers, as texts."""
    return Categories(dict(zip(map(str, values.tolist()), counts.tolist(), strict=True)), distinct=values.size)


def uncounted(values: int) -> Categories:
    """The categories of values of which none is counted."""
    return Categories(others=values)


def merged_categories(left: Categories, right: Categories) -> Categories:
    """The categories of both: exact as long as their texts are few."""
    sketch = left.sketch or right.sketch
    if sketch:
        sketch = distinct_sketch(_unseen(left, right), left.sketch, right.sketch)
    return _capped(Counter(left.counts) + Counter(right.counts), others=left.others + right.others, sketch=sketch)


def _cut(tally: Mapping[str, int]) -> dict[str, int]:
    cut: Counter[str] = Counter()
    for text, count in tally.items():
        cut[text if len(text) <= MAX_TEXT_CHARACTERS else text[: MAX_TEXT_CHARACTERS - 1] + CUT] += count
    return dict(cut)


def _unseen(*parts: Categories) -> Iterable[str]:
    """The texts of those that have no sketch of them."""
    return (text for part in parts if not part.sketch for text in part.counts)


def _capped(tally: Mapping[str, int], *, others: int, sketch: bytes) -> Categories:
    """At most MAX_TEXTS texts of a tally: all lose the count of the most frequent one that has no place.

    Merged in any order, a text has then lost at most 1 / (MAX_TEXTS + 1) of all values: Misra & Gries 1982, merged as
    Agarwal et al., "Mergeable Summaries", PODS 2012. Checked in tests/papers/test_sketches.py.
    """
    if len(tally) > MAX_TEXTS:
        sketch = sketch or distinct_sketch(tally)
        loss = sorted(tally.values(), reverse=True)[MAX_TEXTS]
        kept = {text: count - loss for text, count in tally.items() if count > loss}
        others += sum(tally.values()) - sum(kept.values())
        tally = kept
    return Categories(dict(tally), others, distinct_count(sketch) if sketch else len(tally), sketch)
