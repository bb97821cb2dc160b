"""Which of the checks in AWS's list fire on a window that breaks one of them, through files and the monitor's door.

What lives here: a baseline, a window for each check, and whether that check fires, alone, and not on good data.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from monitor_jobs.contract.dataset_format import CsvFormat
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.report import Constraints
from monitor_jobs.data_quality.monitor import DataQuality
from monitor_jobs.monitor import Baseline, CaptureFile

ROWS: Final = 2000
MONITOR: Final = DataQuality()
Columns = Mapping[str, Sequence[object]]


class Case(NamedTuple):
    """A check, what breaks it, and the configuration that it is judged by."""

    check: str
    broken: Callable[[dict[str, list[Any]]], Columns]
    config: Mapping[str, Any] = {}


def _with(name: str, value: object, every: int) -> Callable[[dict[str, list[Any]]], Columns]:
    def broken(columns: dict[str, list[Any]]) -> Columns:
        return columns | {name: [value if row % every == 0 else kept for row, kept in enumerate(columns[name])]}

    return broken


def _all(name: str, change: Callable[[Any], object]) -> Callable[[dict[str, list[Any]]], Columns]:
    return lambda columns: columns | {name: list(map(change, columns[name]))}


SHAPES: Final = "distribution_constraints"
CASES: Final = {
    "data type": Case("data_type_check", _with("age", "unknown", 50)),
    "completeness": Case("completeness_check", _with("age", "", 50)),
    "numeric drift, Robust": Case("baseline_drift_check", _all("size", lambda size: size + 1)),
    "numeric drift, Simple": Case(
        "baseline_drift_check", _all("size", lambda size: size + 1), {SHAPES: {"comparison_method": "Simple"}}
    ),
    "categorical drift, LInfinity": Case("baseline_drift_check", _with("colour", "red", 2)),
    "categorical drift, ChiSquared": Case(
        "baseline_drift_check", _with("colour", "red", 2), {SHAPES: {"categorical_drift_method": "ChiSquared"}}
    ),
    "missing column": Case("missing_column_check", lambda columns: {k: v for k, v in columns.items() if k != "age"}),
    "extra column": Case("extra_column_check", lambda columns: columns | {"more": columns["age"]}),
    "unseen categories": Case("categorical_values_check", _with("colour", "mauve", 50)),
    "non-negative": Case("is_non_negative_check", _with("age", -1, 50)),
}


def checks_found(folder: Path) -> dict[str, bool]:
    """Of each check in AWS's list, whether its window breaks that check alone, and good data none."""
    return {name: _fires_alone(case, folder) for name, case in CASES.items()}


def _fires_alone(case: Case, folder: Path) -> bool:
    good = _columns(seed=1)
    baseline = MONITOR.suggest_baseline(_summary(_written(folder / "baseline.csv", good)))
    assert baseline.constraints is not None
    own = baseline.constraints.model_dump() | {"monitoring_config": dict(case.config)}
    settings = MONITOR.settings({}, Baseline(baseline.statistics, Constraints.model_validate(own)))
    fresh, broken = (
        MONITOR.judge(_summary(_written(folder / "window.csv", columns)), settings).violations
        for columns in (_columns(seed=2), case.broken(_columns(seed=2)))
    )
    return not fresh and {violation.constraint_check_type for violation in broken} == {case.check}


def _columns(seed: int) -> dict[str, list[Any]]:
    generator = np.random.default_rng(seed)
    return {
        "age": generator.integers(0, 90, ROWS).tolist(),
        "size": generator.normal(size=ROWS).tolist(),
        "colour": generator.choice(["red", "green", "blue"], ROWS, p=[0.2, 0.3, 0.5]).tolist(),
    }


def _written(path: Path, columns: Columns) -> Path:
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def _summary(path: Path) -> Any:
    file = CaptureFile(path, path.name, None, ModelCard(), CsvFormat(header=True))
    return MONITOR.summarise_file(file, MONITOR.settings({}, Baseline()))
