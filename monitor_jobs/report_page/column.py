"""One feature as statistics.json describes it, whoever wrote the file.

What lives here: a feature's numbers and categories as pictures need them; what is absent is left out of a picture, and
never fails a job whose verdict stands. What does not: comparing two of them (comparison).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor_jobs.contract.report import FeatureStatistics, KllDistribution, NumericalStatistics, StringStatistics
from monitor_jobs.report_page.distribution import Distribution, buckets_of, points_of

FIGURES = {"mean": "Mean", "std_dev": "Standard deviation", "min": "Minimum", "max": "Maximum"}


@dataclass(frozen=True, slots=True)
class Column:
    """What one dataset says of one feature: its values that are there and missing, and what they look like.

    `figures` are by title. `categories` counts texts, most frequent first; `distinct` is how many there are in all.
    """

    name: str
    inferred_type: str
    present: int = 0
    missing: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)
    distribution: Distribution | None = None
    categories: Mapping[str, int] = field(default_factory=dict)
    distinct: int = 0

    @property
    def completeness(self) -> float | None:
        """The share of values that are there; None where there is no row."""
        rows = self.present + self.missing
        return self.present / rows if rows > 0 else None

    @property
    def category_shares(self) -> dict[str, float]:
        """The share of each category of the values that are there."""
        total = max(self.present, sum(self.categories.values()), 1)
        return {category: count / total for category, count in self.categories.items()}


def column_of(feature: FeatureStatistics) -> Column:
    """What is known of a feature."""
    if feature.string_statistics is not None:
        return _of_texts(feature, feature.string_statistics)
    if feature.numerical_statistics is not None:
        return _of_numbers(feature, feature.numerical_statistics)
    return Column(feature.name, feature.inferred_type)


def _of_numbers(feature: FeatureStatistics, numbers: NumericalStatistics) -> Column:
    figures = {title: getattr(numbers, name) for name, title in FIGURES.items()}
    kll = numbers.distribution.kll if numbers.distribution is not None else None
    return Column(
        name=feature.name,
        inferred_type=feature.inferred_type,
        present=max(0, numbers.common.num_present),
        missing=max(0, numbers.common.num_missing),
        figures={title: value for title, value in figures.items() if value is not None},
        distribution=_distribution(kll) if kll is not None else None,
    )


def _of_texts(feature: FeatureStatistics, texts: StringStatistics) -> Column:
    counts = {bucket.value: bucket.count for bucket in texts.distribution.categorical.buckets}
    return Column(
        name=feature.name,
        inferred_type=feature.inferred_type,
        present=max(0, texts.common.num_present),
        missing=max(0, texts.common.num_missing),
        categories=dict(sorted(counts.items(), key=lambda item: -item[1])),
        distinct=texts.distinct_count,
    )


def _distribution(kll: KllDistribution) -> Distribution | None:
    sketched = points_of(kll.sketch.data) if kll.sketch is not None else None
    if sketched is not None or not kll.buckets:
        return sketched
    edges = [kll.buckets[0].lower_bound, *(bucket.upper_bound for bucket in kll.buckets)]
    return buckets_of(edges, [bucket.count for bucket in kll.buckets])
