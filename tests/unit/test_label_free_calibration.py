import json

import numpy as np
import pytest

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import Constraints
from monitor_jobs.label_free_quality.calibration import Calibration, LabelledScores, calibrate, scale, tables_of
from monitor_jobs.label_free_quality.constraints import SECTION, constraints_from, suggest_constraints
from monitor_jobs.label_free_quality.reach import NORMAL_REACH, calibrate_with_reach
from tests.unit.labelled_scores import NAMES, accuracy, by_best_score, drawn

BASELINE = drawn(2000, seed=1)
CALIBRATION = calibrate(BASELINE, reach=NORMAL_REACH)
LIMITS = suggest_constraints(BASELINE, np.random.default_rng(1))


def constraints_with(section):
    return Constraints.model_validate({SECTION: section})


def section_with(**changes):
    section = LIMITS.model_dump(mode="json")
    section["calibration"] |= changes
    return section


def test_a_calibration_keeps_the_baselines_size_and_accuracy():
    assert CALIBRATION.rows == 2000
    assert accuracy(BASELINE) == CALIBRATION.accuracy


def test_a_calibration_is_the_same_after_a_round_trip_through_json():
    assert Calibration.model_validate_json(CALIBRATION.model_dump_json()) == CALIBRATION


def test_a_calibration_does_not_grow_with_the_baseline():
    small, large = (len(calibrate(drawn(rows, seed=2), reach=2).model_dump_json()) for rows in (2000, 50_000))
    assert large < 1.5 * small


def test_the_tables_know_the_baselines_shares_and_recalls():
    tables = tables_of(CALIBRATION)
    of_class = np.bincount(BASELINE.labels)
    assert tables.class_prior == pytest.approx(of_class / 2000)
    assert tables.recalls == pytest.approx(np.bincount(BASELINE.labels[BASELINE.right]) / of_class, abs=0.01)


def test_every_row_of_posteriors_sums_to_one():
    tables = tables_of(CALIBRATION)
    assert tables.classes.sum(axis=1) == pytest.approx(1)
    assert tables.hits.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("rows", [0, 1, 199])
def test_a_baseline_of_few_rows_is_refused(rows):
    with pytest.raises(BadInput, match=f"has {rows} scored rows: give 200 or more"):
        calibrate(BASELINE.at(np.arange(rows)), reach=2)


def test_a_baseline_without_errors_is_refused():
    with pytest.raises(BadInput, match=r"right and 0 wrong predictions.*give a larger baseline"):
        calibrate(BASELINE.at(np.flatnonzero(BASELINE.right)), reach=2)


def test_a_baseline_of_bare_classes_is_refused():
    bare = LabelledScores(NAMES, BASELINE.predicted, BASELINE.labels)
    with pytest.raises(BadInput, match="classes without scores"):
        calibrate(bare, reach=2)


def test_best_scores_do_not_fit_a_calibration_of_score_vectors():
    with pytest.raises(BadInput, match="another kind of scores"):
        scale(CALIBRATION.scaling, by_best_score(BASELINE))


def test_best_scores_alone_are_calibrated_too():
    best = by_best_score(BASELINE)
    calibration = calibrate(best, reach=2)
    assert scale(calibration.scaling, best).mean() == pytest.approx(accuracy(BASELINE), abs=0.001)


def test_best_scores_that_are_all_alike_are_no_reason_to_fail():
    alike = LabelledScores(NAMES, BASELINE.predicted, BASELINE.labels, best_scores=np.ones(2000))
    assert scale(calibrate(alike, reach=2).scaling, alike) == pytest.approx(accuracy(BASELINE), abs=0.01)


def test_the_reach_is_never_shorter_than_that_of_a_normal_error():
    assert calibrate_with_reach(BASELINE, np.random.default_rng(1)).reach >= NORMAL_REACH


def test_a_baseline_too_small_to_halve_is_calibrated_all_the_same():
    assert calibrate_with_reach(BASELINE.at(np.arange(300)), np.random.default_rng(1)).reach == NORMAL_REACH


def test_the_suggested_limit_leaves_five_points_of_room():
    limits = suggest_constraints(drawn(2000, seed=1, distance=4), np.random.default_rng(1))
    assert limits.calibration.accuracy - limits.accuracy_limit == pytest.approx(0.05, abs=0.001)


def test_limits_are_read_from_constraints_as_they_were_suggested():
    text = constraints_with(LIMITS.model_dump(mode="json")).to_json()
    assert constraints_from(Constraints.model_validate_json(text)) == LIMITS


@pytest.mark.parametrize("constraints", [None, Constraints()])
def test_constraints_without_the_section_have_no_limits(constraints):
    assert constraints_from(constraints) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reach": "NaN"}, "calibration.reach"),
        ({"names": ["a"]}, "calibration.names"),
        ({"edges": []}, "right and wrong have one entry more than edges"),
        ({"threshold": 0.123}, "error_edges and threshold are among the edges"),
        ({"cells": [[9, 0, 0, 2000]]}, "a cell lies outside"),
        ({"cells": [[0, 0, 0, 1]]}, "count different rows"),
        ({"scaling": {"temperature": 0}}, "calibration.scaling"),
        ({"hostile": 1}, "calibration.hostile"),
    ],
)
def test_a_damaged_calibration_is_refused_with_its_place(changes, field):
    with pytest.raises(BadInput, match=field):
        constraints_from(constraints_with(section_with(**changes)))


@pytest.mark.parametrize("section", [7, [], "x", {}, {"accuracy_limit": 2}])
def test_a_section_that_is_none_is_refused(section):
    with pytest.raises(BadInput, match=f"{SECTION}.* in constraints.json"):
        constraints_from(constraints_with(json.loads(json.dumps(section))))
