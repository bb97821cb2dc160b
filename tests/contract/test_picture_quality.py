"""Data quality of vision models, in real processes: pictures in captures, a baseline of them, windows that differ."""

import numpy as np
import pytest

from tests.contract.quality_jobs import exchange, run
from tests.pictures import blurred, darkened, digits, encoded, jpeg_compressed, noisy, npy, scenes

GOOD, WINDOW = 500, 250
ANSWERS = ("[[0.2, 0.8]]", "[[0.7, 0.3]]")


def captured(pictures, image_format="PNG", **options):
    content_type = f"image/{image_format.lower()}"
    return [
        exchange(encoded(picture, image_format, **options), content_type, ANSWERS[number % 2], number)
        for number, picture in enumerate(pictures)
    ]


@pytest.fixture(scope="module")
def pictures():
    return scenes(GOOD + WINDOW, side=48)


@pytest.fixture(scope="module")
def baseline(pictures, tmp_path_factory):
    root = tmp_path_factory.mktemp("baseline")
    done = run(root, {"a.jsonl": captured(pictures[:GOOD])}, SEXTANT_ANALYSIS="suggest_baseline")
    assert done.code == 0, done.log
    return done


def judged(root, baseline, lines):
    done = run(root, {"a.jsonl": lines}, baseline)
    assert done.code == 0, done.log
    return done


def test_the_features_of_pictures_are_columns_beside_the_answers(baseline):
    features = {feature["name"]: feature for feature in baseline.output("statistics.json")["features"]}
    measured = {"input_width", "input_brightness", "input_sharpness", "input_channel_2_mean", "input_size_bytes"}
    assert measured | {"predicted_class", "confidence"} <= features.keys()
    assert features["input_sharpness"]["numerical_statistics"]["common"] == {"num_present": GOOD, "num_missing": 0}
    assert features["input_width"]["numerical_statistics"]["mean"] == 48


def test_a_window_of_the_same_source_has_no_violation(pictures, baseline, tmp_path):
    assert judged(tmp_path, baseline, captured(pictures[GOOD:])).violations == set()


@pytest.mark.parametrize(
    ("change", "feature"),
    [
        (blurred, "input_sharpness"),
        (blurred, "input_noise"),
        (darkened, "input_brightness"),
        (darkened, "input_channel_0_mean"),
        (noisy, "input_noise"),
        (jpeg_compressed, "input_blockiness"),
        (lambda picture: picture[:40, :32], "input_width"),
    ],
    ids=["blurred", "blurred too", "darkened", "darkened too", "noisy", "compressed", "cut"],
)
def test_a_window_that_was_changed_is_flagged_by_the_feature_that_tells(pictures, baseline, tmp_path, change, feature):
    changed = [change(picture) for picture in pictures[GOOD:]]
    found = judged(tmp_path, baseline, captured(changed))
    assert (feature, "baseline_drift_check") in found.violations
    assert found.message.startswith("CompletedWithViolations")


def test_a_client_that_turns_to_jpeg_is_flagged_by_a_column_that_was_not_there(pictures, baseline, tmp_path):
    found = judged(tmp_path, baseline, captured(pictures[GOOD:], "JPEG", quality=30))
    rows = found.output("constraint_violations.json")["violations"]
    assert [row["constraint_check_type"] for row in rows if "input_jpeg_quality" in row["description"]] == [
        "extra_column_check"
    ]
    assert ("input_size_bytes", "baseline_drift_check") in found.violations


def test_pictures_that_cannot_be_read_are_counted_and_no_crash(pictures, baseline, tmp_path):
    lines = captured(pictures[GOOD:])
    broken = [encoded(pictures[0])[:-90], b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + bytes(100)]
    lines += [exchange(body, "image/png", number=900 + number) for number, body in enumerate(broken)]
    found = judged(tmp_path, baseline, lines)
    assert found.output("report.json")["unreadable"]["by_reason"] == {"wrong_encoding": 4}
    assert found.output("report.json")["records"] == WINDOW


def test_digits_sent_in_batches_are_watched_one_by_one(tmp_path):
    scans = digits(600).transpose(0, 3, 1, 2)
    rng = np.random.default_rng(0)
    scans = scans[rng.permutation(len(scans))]
    answer = "[" + ",".join(["[0.1, 0.9]"] * 20) + "]"
    batches = [scans[start : start + 20] for start in range(0, 600, 20)]
    lines = [exchange(npy(batch), "application/x-npy", answer, number) for number, batch in enumerate(batches)]
    known = run(tmp_path / "known", {"a.jsonl": lines[:20]}, SEXTANT_ANALYSIS="suggest_baseline")
    assert known.output("statistics.json")["dataset"]["item_count"] == 400
    assert judged(tmp_path / "same", known, lines[20:]).violations == set()
    dark = [exchange(npy(darkened(batch)), "application/x-npy", answer) for batch in batches[20:]]
    assert ("input_brightness", "baseline_drift_check") in judged(tmp_path / "dark", known, dark).violations
