"""Staging on real files: edges of windows, whole hours beside lines inside, prefixes, and keys that mean harm."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor_jobs.contract.capture import CaptureRecord
from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.contract.errors import BadInput, SextantError
from monitor_jobs.contract.window import Window
from monitor_jobs.object_store import S3Address, StoredObject
from service.core.processing import ProcessingInput
from service.scheduler.endpoint_specs import running_spec
from service.scheduler.staging import stage_captures, stage_input, stage_model, stage_model_card
from tests.integration.scheduling import CAPTURES, MINUTE, NOON, PACKAGE, House, capture_line

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def paths(tmp_path):
    return ContainerPaths(tmp_path / "root")


def stage(house, start, end, name="staged"):
    """The number of lines that were staged, and the staged files."""
    target = house.folder / name
    spec = running_spec(house.database.endpoints.get("digits"), "digits")
    count = stage_captures(house.store, spec, Window(start, end), target)
    return count, sorted(path for path in target.rglob("*") if path.is_file())


def moments(files):
    lines = [line for path in files for line in path.read_bytes().splitlines()]
    return sorted(CaptureRecord.model_validate_json(line).event_metadata.inference_time for line in lines)


def test_nothing_captured_is_nothing_staged(house):
    assert stage(house, NOON, NOON + HOUR) == (0, [])


def test_captures_lie_where_the_container_contract_says(house):
    address = house.capture(NOON)
    _, (path,) = stage(house, NOON, NOON + HOUR)
    name = address.key.rpartition("/")[2]
    assert path == house.folder / "staged/digits/AllTraffic/2026/11/20/12" / name


def test_a_record_at_the_start_is_in_and_one_at_the_end_is_not(house):
    start, end = NOON + MINUTE, NOON + 2 * MINUTE
    house.capture(start - SECOND, start, end - SECOND, end)
    count, files = stage(house, start, end)
    assert count == 2
    assert moments(files) == [start, end - SECOND]


def test_whole_hours_are_staged_byte_for_byte(house):
    content = capture_line(NOON) + b"not json at all\n\n" + capture_line(NOON + MINUTE)
    house.capture_bytes(content, opened_at=NOON)
    count, (path,) = stage(house, NOON, NOON + HOUR)
    assert (count, path.read_bytes()) == (4, content)


def test_a_last_line_that_was_cut_short_counts(house):
    house.capture_bytes(capture_line(NOON)[:-20], opened_at=NOON)
    assert stage(house, NOON, NOON + HOUR)[0] == 1


def test_whole_hours_take_their_own_folders_and_no_neighbours(house):
    for hour in range(-1, 3):
        house.capture(NOON + hour * HOUR)
    count, files = stage(house, NOON, NOON + 2 * HOUR)
    assert (count, moments(files)) == (2, [NOON, NOON + HOUR])


def test_a_window_across_midnight_takes_both_days(house):
    midnight = NOON + 12 * HOUR
    house.capture(midnight - SECOND)
    house.capture(midnight)
    assert stage(house, midnight - MINUTE, midnight + MINUTE)[0] == 2


def test_a_file_without_a_line_inside_is_not_staged(house):
    house.capture(NOON)
    assert stage(house, NOON + MINUTE, NOON + 2 * MINUTE) == (0, [])


def test_files_that_are_no_captures_are_left_alone(house):
    house.store.put(S3Address.parse(f"{CAPTURES}/digits/AllTraffic/2026/11/20/12/notes.txt"), b"hello\n")
    assert stage(house, NOON, NOON + HOUR) == (0, [])


def test_an_endpoint_whose_name_goes_on_is_another_one(house):
    house.capture(NOON, name="digits-2")
    assert stage(house, NOON, NOON + HOUR) == (0, [])


def test_staging_twice_is_staging_once(house):
    house.capture(NOON)
    assert stage(house, NOON, NOON + HOUR) == stage(house, NOON, NOON + HOUR)


def test_an_empty_file_holds_no_line(house):
    house.capture_bytes(b"", opened_at=NOON)
    assert stage(house, NOON, NOON + HOUR)[0] == 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seconds=st.lists(st.integers(0, 2 * 3600 - 1), max_size=12),
    cut=st.integers(1, 2 * 3600 - 1),
    example=st.uuids(),
)
def test_two_windows_that_meet_hold_every_record_exactly_once(tmp_path_factory, seconds, cut, example):
    house = House(tmp_path_factory.mktemp(str(example)))
    house.add_endpoint()
    for second in seconds:
        house.capture(NOON + second * SECOND)
    middle = NOON + cut * SECOND
    first, second = stage(house, NOON, middle, "a"), stage(house, middle, NOON + 2 * HOUR, "b")
    house.close()
    assert moments(first[1] + second[1]) == sorted(NOON + each * SECOND for each in seconds)
    assert first[0] + second[0] == len(seconds)


def source(uri, local_path="/opt/ml/processing/input"):
    return ProcessingInput.model_validate({"InputName": "data", "S3Input": {"S3Uri": uri, "LocalPath": local_path}})


def staged(paths):
    folder = paths.below_root("/opt/ml/processing/input")
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_one_object_is_staged_under_its_own_name(house, paths):
    house.store.put(S3Address("bucket", "base/constraints.json"), b"{}")
    stage_input(house.store, source("s3://bucket/base/constraints.json"), paths)
    assert staged(paths) == {"constraints.json": b"{}"}


@pytest.mark.parametrize("uri", ["s3://bucket/base", "s3://bucket/base/"])
def test_a_prefix_is_staged_with_its_folders(house, paths, uri):
    for key in ("base/a", "base/b/c"):
        house.store.put(S3Address("bucket", key), key.encode())
    stage_input(house.store, source(uri), paths)
    assert staged(paths) == {"a": b"base/a", "b/c": b"base/b/c"}


def test_a_prefix_ends_at_a_folder_and_not_within_a_name(house, paths):
    for key in ("base/a", "baseline/b", "base.json"):
        house.store.put(S3Address("bucket", key), b"")
    stage_input(house.store, source("s3://bucket/base"), paths)
    assert staged(paths) == {"a": b""}


def test_a_whole_bucket_is_staged(house, paths):
    house.store.put(S3Address("other", "a/b"), b"1")
    stage_input(house.store, source("s3://other"), paths)
    assert staged(paths) == {"a/b": b"1"}


@pytest.mark.parametrize("uri", ["s3://bucket/nothing", "s3://nowhere/x", "s3://bucket/base/b"])
def test_an_input_without_objects_is_refused_by_name(house, paths, uri):
    house.store.put(S3Address("bucket", "base/bc"), b"")
    with pytest.raises(BadInput, match=f"No S3 objects found under S3 URL {uri}: check the input data"):
        stage_input(house.store, source(uri), paths)


def test_an_object_behind_a_link_is_not_staged(house, paths, tmp_path):
    house.store.put(S3Address("bucket", "base/a"), b"1")
    (tmp_path / "store/bucket/base/link").symlink_to("/etc/hostname")
    stage_input(house.store, source("s3://bucket/base"), paths)
    assert staged(paths) == {"a": b"1"}


class ClimbingStore:
    """An S3 store whose one key climbs out of every folder; a folder store could not hold it."""

    def list(self, prefix):
        yield StoredObject(S3Address("bucket", f"{prefix.key}/../../../../escaped"), 1, NOON)

    def download(self, _address, path):
        path.write_bytes(b"!")


def test_a_key_that_climbs_out_of_its_folder_is_refused(paths):
    with pytest.raises(BadInput, match="would be staged outside"):
        stage_input(ClimbingStore(), source("s3://bucket/base"), paths)


def card_of(paths):
    return paths.below_root("/opt/ml/processing/model/model_card.json")


def test_the_model_card_is_where_its_container_looks(house, paths, tmp_path):
    stage_model_card(house.store, PACKAGE, cache=tmp_path / "cards", paths=paths)
    assert '"classes"' in card_of(paths).read_text()


def test_a_package_is_read_once(house, paths, tmp_path):
    cards = tmp_path / "cards"
    stage_model_card(house.store, PACKAGE, cache=cards, paths=paths)
    (kept,) = cards.iterdir()
    kept.write_text("kept")
    stage_model_card(house.store, PACKAGE, cache=cards, paths=paths)
    assert card_of(paths).read_text() == "kept"


def test_jobs_that_read_a_package_at_the_same_time_do_not_disturb_each_other(house, tmp_path):
    every = [ContainerPaths(tmp_path / f"root-{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        cards = tmp_path / "cards"
        list(threads.map(lambda each: stage_model_card(house.store, PACKAGE, cache=cards, paths=each), every))
    assert len({card_of(paths).read_text() for paths in every}) == 1
    assert len(list(cards.iterdir())) == 1


def test_a_package_that_is_no_archive_leaves_nothing_in_the_cache(house, paths, tmp_path):
    house.store.put(S3Address("bucket", "junk.tar.gz"), b"junk")
    with pytest.raises(SextantError, match="no whole gzip file"):
        stage_model_card(house.store, "s3://bucket/junk.tar.gz", cache=tmp_path / "cards", paths=paths)
    assert list((tmp_path / "cards").iterdir()) == []


def test_a_package_lies_beside_its_card_for_who_loads_it(house, paths, tmp_path):
    stage_model_card(house.store, PACKAGE, cache=tmp_path / "cards", paths=paths)
    stage_model(house.store, PACKAGE, paths)
    archive = card_of(paths).with_name("model.tar.gz")
    assert archive.read_bytes() == house.store.get(S3Address.parse(PACKAGE))


def test_a_package_that_is_gone_is_named(house, paths):
    with pytest.raises(BadInput, match=r"model package s3://bucket/gone\.tar\.gz is gone from the store"):
        stage_model(house.store, "s3://bucket/gone.tar.gz", paths)
