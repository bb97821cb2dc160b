"""Metrics of model quality as statistics.json holds them, whoever wrote the file.

    {"binary_classification_metrics": {"confusion_matrix": {"1": {"1": 8, "0": 2}, ...},
                                       "accuracy": {"value": 0.9, "standard_deviation": 0.01},
                                       "receiver_operating_characteristic_curve": {"false_positive_rates": [...], ...}}}

What lives here: reading. What does not: computing them (monitor_jobs.model_quality), showing them (quality).
Developer guide, "Model quality metrics and Amazon CloudWatch monitoring".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor_jobs.contract.report import Statistics

SECTIONS = {
    "regression_metrics": "Regression",
    "binary_classification_metrics": "Binary classification",
    "multiclass_classification_metrics": "Multiclass classification",
}
CONSTANT_SUFFIX = "_best_constant_classifier"
MOST_CLASSES = 50  # more cells are no picture any more, nor do they fit a page


class _Lenient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Value(_Lenient):
    value: float
    standard_deviation: float | None = None


class _Confusion(_Lenient):
    counts: dict[str, dict[str, Annotated[int, Field(ge=0)]]]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, its standard deviation where that is known, and what the best constant answer reaches."""

    name: str
    value: float
    deviation: float | None = None
    constant: float | None = None


class Mistake(NamedTuple):
    """How often one class was predicted where another was true, and that share of the true one's rows."""

    true: str
    predicted: str
    times: int
    share: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """counts[true][predicted], in the order of the classes; totals [true] and mistakes are of all, drawn or not.

    Mistakes: every pair of classes that were taken for each other, most often first.
    """

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    totals: tuple[int, ...]
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve in the unit square, and what its axes are."""

    title: str
    across: str
    up: str
    points: tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Quality:
    """The metrics of one kind of problem. `are_shares` says that they lie between 0 and 1."""

    title: str
    metrics: tuple[Metric, ...]
    confusion: Confusion | None = None
    curves: tuple[Curve, ...] = ()
    are_shares: bool = True


CURVES = {
    "receiver_operating_characteristic_curve": (
        "ROC curve",
        ("false_positive_rates", "False positive rate"),
        ("true_positive_rates", "True positive rate"),
    ),
    "precision_recall_curve": ("Precision and recall", ("recalls", "Recall"), ("precisions", "Precision")),
}


class _Rates(_Lenient):
    across: list[float]
    up: list[float]


def qualities_of(statistics: Statistics | None) -> list[Quality]:
    """What a file says of model quality: nothing where it is about features."""
    sections = ((name, getattr(statistics, name, None)) for name in SECTIONS)
    return [_quality(name, section) for name, section in sections if isinstance(section, Mapping)]


def _quality(name: str, section: Mapping[str, Any]) -> Quality:
    values = {key: _parsed(_Value, value) for key, value in section.items()}
    constants = {key.removesuffix(CONSTANT_SUFFIX): value for key, value in values.items() if CONSTANT_SUFFIX in key}
    own = {key: value for key, value in values.items() if value is not None and not key.endswith(CONSTANT_SUFFIX)}
    return Quality(
        title=SECTIONS[name],
        metrics=tuple(_metric(key, value, constants.get(key)) for key, value in own.items()),
        confusion=_confusion(section.get("confusion_matrix")),
        curves=tuple(filter(None, (_curve(key, section.get(key)) for key in CURVES))),
        are_shares=name != "regression_metrics",
    )


def _metric(name: str, found: _Value, constant: _Value | None) -> Metric:
    return Metric(name, found.value, found.standard_deviation, None if constant is None else constant.value)


def _confusion(section: object) -> Confusion | None:
    parsed = _parsed(_Confusion, {"counts": section})
    if parsed is None:
        return None
    rows = parsed.counts
    classes = _most_frequent([*rows, *(label for row in rows.values() for label in row)], rows)
    counts = tuple(tuple(rows.get(true, {}).get(predicted, 0) for predicted in classes) for true in classes)
    totals = tuple(sum(rows.get(true, {}).values()) for true in classes)
    return Confusion(tuple(classes), counts, totals, _mistakes(rows)) if classes else None


def _mistakes(rows: Mapping[str, Mapping[str, int]]) -> tuple[Mistake, ...]:
    found = [
        Mistake(true, predicted, count, count / sum(row.values()))
        for true, row in rows.items()
        for predicted, count in row.items()
        if count and true != predicted
    ]
    return tuple(sorted(found, key=lambda mistake: -mistake.times))


def _most_frequent(classes: Iterable[str], rows: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The classes in their order, or the most frequent true ones where there are too many to draw."""
    once = list(dict.fromkeys(classes))
    frequent = sorted(once, key=lambda label: -sum(rows.get(label, {}).values()))[:MOST_CLASSES]
    return once if len(once) <= MOST_CLASSES else [label for label in once if label in set(frequent)]


def _curve(name: str, section: object) -> Curve | None:
    title, (across, across_title), (up, up_title) = CURVES[name]
    told = section if isinstance(section, Mapping) else {}
    rates = _parsed(_Rates, {"across": told.get(across), "up": told.get(up)})
    if rates is None or not rates.across:
        return None
    return Curve(title, across_title, up_title, (tuple(rates.across), tuple(rates.up)))


def _parsed(kind: type[Any], value: object) -> Any:  # noqa: ANN401 -- of the kind, or None
    try:
        return kind.model_validate(value)
    except ValidationError:
        return None
