"""Which files a run reads, and what it leaves."""

import os
from pathlib import Path

import pytest

from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.contract.dataset_format import parse_dataset_format
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.job.files import dataset_files, read_baseline, write_message, write_outputs
from monitor_jobs.job.settings import JobSettings, parse_settings


def settings_below(root: Path, **environment: str) -> JobSettings:
    return parse_settings({"dataset_source": "/captures"} | environment, ContainerPaths(root))


def stage(root: Path, *names: str) -> None:
    for name in names:
        path = root / "captures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def keys(root: Path) -> list[str]:
    return [file.object_key for file in dataset_files(settings_below(root))]


def test_captures_are_found_in_every_folder_in_the_order_of_their_keys(tmp_path):
    stage(tmp_path, "b/13/x.jsonl", "a/13/y.jsonl", "b/12/z.jsonl")
    assert keys(tmp_path) == ["a/13/y.jsonl", "b/12/z.jsonl", "b/13/x.jsonl"]


def test_other_files_and_our_own_side_folder_are_passed_over(tmp_path):
    stage(tmp_path, "a.jsonl", "a.jsonl.tmp", "manifest.json", "_sextant/index.jsonl")
    assert keys(tmp_path) == ["a.jsonl"]


def test_links_are_passed_over(tmp_path):
    stage(tmp_path, "real/a.jsonl")
    (tmp_path / "captures/link.jsonl").symlink_to(tmp_path / "captures/real/a.jsonl")
    (tmp_path / "captures/folder").symlink_to(tmp_path / "captures/real")
    assert keys(tmp_path) == ["real/a.jsonl"]


def test_what_only_looks_like_a_file_is_passed_over(tmp_path):
    stage(tmp_path, "a.jsonl")
    (tmp_path / "captures/folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "captures/pipe.jsonl")
    assert keys(tmp_path) == ["a.jsonl"]


def test_a_name_that_is_no_utf8_still_has_a_key(tmp_path):
    stage(tmp_path, "a.jsonl")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/captures/\xff.jsonl")).write_text("")
    assert keys(tmp_path)[1].encode().decode() == "\ufffd.jsonl"


def test_an_absent_dataset_is_refused_by_its_path(tmp_path):
    with pytest.raises(BadInput, match="captures: set dataset_source"):
        keys(tmp_path)


def test_every_file_carries_the_card_of_the_model(tmp_path):
    stage(tmp_path, "a.jsonl")
    (tmp_path / "card.json").write_text('{"classes": ["cat", "dog"], "unknown": 1}')
    (file,) = dataset_files(settings_below(tmp_path, SEXTANT_MODEL_CARD="/card.json"))
    assert file.card.class_name(1) == "dog"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"dataset": {"item_count": "many"}, "features": []}', "\ufeff"])
def test_a_baseline_that_is_no_statistics_file_is_refused_by_its_path(tmp_path, text):
    (tmp_path / "statistics.json").write_text(text)
    with pytest.raises(BadInput, match=r"statistics\.json is no statistics file"):
        read_baseline(settings_below(tmp_path, baseline_statistics="/statistics.json"))


def test_an_absent_baseline_is_refused_by_its_path(tmp_path):
    with pytest.raises(BadInput, match=r"constraints\.json cannot be read: No such file"):
        read_baseline(settings_below(tmp_path, baseline_constraints="/constraints.json"))


def test_no_baseline_named_is_no_baseline_read(tmp_path):
    baseline = read_baseline(settings_below(tmp_path))
    assert (baseline.statistics, baseline.constraints) == (None, None)


def test_outputs_are_written_below_a_folder_that_is_made(tmp_path):
    write_outputs(tmp_path / "new/folder", {"a.json": "é"})
    assert (tmp_path / "new/folder/a.json").read_bytes() == "é".encode()


def test_a_long_message_is_cut_between_characters(tmp_path):
    write_message(ContainerPaths(tmp_path), "é" * 1000)
    assert ContainerPaths(tmp_path).message.read_bytes().decode() == "é" * 512


@pytest.mark.parametrize(
    "dataset_format", ['{"csv": {"header": true}}', '{"json": {"lines": true}}', '{"parquet": {}}']
)
def test_a_dataset_that_is_no_captures_is_every_file_that_is_not_hidden(tmp_path, dataset_format):
    stage(tmp_path, "b/part-0.csv", "a.parquet", "data", "x.jsonl", ".hidden", "_SUCCESS", "a.csv.gz", "_sextant/y.csv")
    files = dataset_files(settings_below(tmp_path, dataset_format=dataset_format))
    assert [file.object_key for file in files] == ["a.csv.gz", "a.parquet", "b/part-0.csv", "data", "x.jsonl"]
    assert {file.dataset_format for file in files} == {parse_dataset_format(dataset_format)}
