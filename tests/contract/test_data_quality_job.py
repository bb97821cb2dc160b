"""Data quality as a real process on datasets: any number of workers, odd files, odd baselines."""

import json
import random

import pytest

from tests.contract.quality_jobs import BASELINE, run

CSV, LINES = '{"csv": {"header": true}}', '{"json": {"lines": true}}'


def people(rows: int, *, seed: int = 0, age: float = 40) -> list[bytes]:
    """A header, and lines of an age, a height that is missing at times, and a city."""
    draw = random.Random(seed)
    lines = [
        f"{round(draw.gauss(age, 5))},{draw.gauss(1.7, 0.1) if draw.random() > 0.05 else ''},{draw.choice('ABC')}\n"
        for _ in range(rows)
    ]
    return [line.encode() for line in ("age,height,city\n", *lines)]


def files(**options) -> dict[str, list[bytes]]:
    return {f"part-{seed}.csv": people(700, seed=seed, **options) for seed in range(5)}


def counted(found) -> list:
    """What statistics.json says less its sketches and last digits."""
    return [
        (
            feature["name"],
            feature["inferred_type"],
            *(
                (part["common"], part.get("min"), part.get("max"), part.get("distinct_count"))
                for part in (feature.get("numerical_statistics"), feature.get("string_statistics"))
                if part
            ),
        )
        for feature in found.output("statistics.json")["features"]
    ]


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    return run(tmp_path_factory.mktemp("baseline"), files(), dataset_format=CSV, SEXTANT_ANALYSIS="suggest_baseline")


def test_any_number_of_workers_counts_the_same(baseline, tmp_path):
    shared = run(tmp_path, files(), dataset_format=CSV, SEXTANT_ANALYSIS="suggest_baseline", SEXTANT_JOB_WORKERS="3")
    assert shared.code == 0, shared.log
    assert counted(shared) == counted(baseline)
    assert shared.output("constraints.json") == baseline.output("constraints.json")


def test_rows_in_another_format_are_judged_by_the_same_baseline(baseline, tmp_path):
    header, *rows = (line.decode().rstrip("\n").split(",") for line in people(900, seed=9))
    lines = []
    for row in rows:
        values = zip(header, row, strict=True)
        lines.append(
            json.dumps({name: json.loads(text or "null") if name != "city" else text for name, text in values})
        )
    found = run(tmp_path, {"rows.jsonl": [f"{line}\n".encode() for line in lines]}, baseline, dataset_format=LINES)
    assert (found.code, found.violations) == (0, set()), found.log


def test_what_changed_is_found_by_its_check(baseline, tmp_path):
    rows = people(900, age=60)
    changed = [b"age,weight,city\n", *(line.replace(b",C\n", b",Z\n") for line in rows[1:])]
    found = run(tmp_path, {"rows.csv": changed}, baseline, dataset_format=CSV)
    assert found.message.startswith("CompletedWithViolations: ")
    assert found.violations == {
        ("age", "baseline_drift_check"),
        ("city", "baseline_drift_check"),
        ("city", "categorical_values_check"),
        ("Missing columns", "missing_column_check"),
        ("Extra columns", "extra_column_check"),
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "no row in the dataset"),
        ([b"age,height,city\n"], "no row in the dataset"),
        ([b"age,height\n", b"1\n", b"2,3,4\n"], "2 lines cannot be read"),
        ([b"\x00\xff\xfe" * 1000], "write it as UTF-8"),
    ],
)
def test_a_dataset_without_a_row_makes_no_baseline_and_says_so(tmp_path, content, words):
    found = run(tmp_path, {"rows.csv": content}, dataset_format=CSV)
    assert (found.code, words in found.message) == (1, True), found.message


def test_a_format_that_is_none_is_named(tmp_path):
    found = run(tmp_path, files(), dataset_format='{"xml": {}}')
    assert found.code == 1
    assert "dataset_format" in found.message


@pytest.mark.parametrize("name", ["statistics.json", "constraints.json"])
def test_a_baseline_that_was_cut_short_is_named(baseline, tmp_path, name):
    whole = json.dumps(baseline.output(name))
    (tmp_path / BASELINE).mkdir(parents=True)
    (tmp_path / BASELINE / name).write_text(whole[: len(whole) // 2])
    variable = "baseline_" + name.removesuffix(".json")
    found = run(tmp_path, files(), dataset_format=CSV, **{variable: f"/{BASELINE}/{name}"})
    assert found.code == 1
    assert f"{name} is no {name.removesuffix('.json')} file" in found.message


def test_a_limit_that_fits_no_window_is_named(baseline, tmp_path):
    constraints = baseline.output("constraints.json")
    constraints["features"][0]["completeness"] = 2
    (tmp_path / BASELINE).mkdir(parents=True)
    (tmp_path / BASELINE / "own.json").write_text(json.dumps(constraints))
    found = run(tmp_path, files(), dataset_format=CSV, baseline_constraints=f"/{BASELINE}/own.json")
    assert (found.code, "features[0].completeness" in found.message) == (1, True), found.message
