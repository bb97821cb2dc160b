"""What a run reads from its container's environment."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.contract.dataset_format import CAPTURE_FORMAT, CsvFormat
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.window import Window
from monitor_jobs.job.settings import JobSettings, parse_settings


def parsed(**environment: str) -> JobSettings:
    return parse_settings(environment, ContainerPaths(Path("/root/of/job")))


def test_an_empty_environment_has_its_defaults():
    settings = parsed()
    assert settings.dataset == Path("/root/of/job/opt/ml/processing/input/endpoint")
    assert settings.output == Path("/root/of/job/opt/ml/processing/resultdata")
    assert (settings.window, settings.workers, settings.publishes_metrics) == (None, None, False)


def test_container_paths_lie_below_the_root():
    assert parsed(output_path="/opt/ml/processing/outputs").output == Path("/root/of/job/opt/ml/processing/outputs")


@pytest.mark.parametrize("path", ["captures", "", "../captures", "/opt/../../etc", "/.."])
def test_a_path_that_could_leave_the_root_is_refused(path):
    with pytest.raises(BadInput, match=r"^dataset_source is"):
        parsed(dataset_source=path)


def test_a_window_has_both_its_ends():
    settings = parsed(start_time="2026-11-20T12:00:00Z", end_time="2026-11-20T13:00:00Z")
    assert settings.window == Window(datetime(2026, 11, 20, 12, tzinfo=UTC), datetime(2026, 11, 20, 13, tzinfo=UTC))


@pytest.mark.parametrize(
    "times",
    [
        {"start_time": "2026-11-20T12:00:00Z"},
        {"end_time": "2026-11-20T12:00:00Z"},
        {"start_time": "noon", "end_time": "2026-11-20T12:00:00Z"},
        {"start_time": "2026-11-20T12:00:00Z", "end_time": "2026-11-20T12:00:00Z"},
    ],
)
def test_half_a_window_or_none_in_words_is_refused(times):
    with pytest.raises(BadInput):
        parsed(**times)


def test_only_the_word_enabled_publishes_metrics():
    assert parsed(publish_cloudwatch_metrics="Enabled").publishes_metrics
    assert not parsed(publish_cloudwatch_metrics="Disabled").publishes_metrics


def test_an_unset_baseline_is_none_and_so_is_an_empty_one():
    assert parsed(baseline_statistics="").baseline_statistics is None
    assert parsed(baseline_constraints="/opt/c.json").baseline_constraints == Path("/root/of/job/opt/c.json")


def test_a_baseline_can_be_asked_for():
    assert parsed(SEXTANT_ANALYSIS="suggest_baseline").suggests_baseline


def test_another_analysis_is_refused():
    with pytest.raises(BadInput, match="SEXTANT_ANALYSIS is 'baseline'"):
        parsed(SEXTANT_ANALYSIS="baseline")


@pytest.mark.parametrize("workers", ["0", "-1", "two", "", "1e3", "²", "257"])
def test_workers_that_are_no_number_are_refused(workers):
    with pytest.raises(BadInput, match="SEXTANT_JOB_WORKERS"):
        parsed(SEXTANT_JOB_WORKERS=workers)


def test_workers_can_be_chosen():
    assert parsed(SEXTANT_JOB_WORKERS="4").workers == 4


@pytest.mark.parametrize(
    ("environment", "dataset_format"),
    [
        ({}, CAPTURE_FORMAT),
        ({"dataset_format": ""}, CAPTURE_FORMAT),
        ({"dataset_format": '{"csv": {"header": true}}'}, CsvFormat(header=True)),
    ],
)
def test_a_dataset_is_captures_unless_the_environment_says_otherwise(environment, dataset_format):
    assert parsed(**environment).dataset_format == dataset_format


def test_an_unknown_dataset_format_is_refused_by_its_text():
    with pytest.raises(BadInput, match=r"^dataset_format is '\{\"avro\": \{\}\}'"):
        parsed(dataset_format='{"avro": {}}')
