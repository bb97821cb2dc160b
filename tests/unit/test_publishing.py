"""What a job leaves behind, and what is made of it: uploads, the message, metrics, violations, the log's tail."""

import json
import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.container import ContainerPaths, cloudwatch_line
from monitor_jobs.contract.errors import BadInput, StoreUnavailable
from monitor_jobs.contract.window import parse_timestamp
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from service.core.processing import ProcessingOutput
from service.scheduler.publishing import count_violations, gauges, log_tail, read_message, read_metrics, upload_output

OUTPUT = ProcessingOutput.model_validate(
    {"OutputName": "o", "S3Output": {"S3Uri": "s3://bucket/reports/here", "LocalPath": "/opt/ml/outputs"}}
)
ROW = {"feature_name": "f", "constraint_check_type": "c", "description": "d"}


class OrderedStore(FolderStore):
    """A folder store that remembers the order of uploads, and fails from some key on where it is told to."""

    def __init__(self, root, fails_at=""):
        super().__init__(root)
        self.uploaded = []
        self._fails_at = fails_at

    def upload(self, path, address):
        if self._fails_at and address.key.endswith(self._fails_at):
            raise StoreUnavailable("the store is down")
        super().upload(path, address)
        self.uploaded.append(address.key.removeprefix("reports/here/"))


@pytest.fixture
def paths(tmp_path):
    paths = ContainerPaths(tmp_path / "root")
    for folder in (paths.message.parent, paths.cloudwatch_metrics.parent, outputs(paths)):
        folder.mkdir(parents=True)
    return paths


def outputs(paths):
    return paths.below_root("/opt/ml/outputs")


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_the_report_is_uploaded_last(paths, tmp_path):
    write(outputs(paths), "a.json", "report.json", "statistics.json", "z/maps/1.png")
    store = OrderedStore(tmp_path)
    upload_output(store, OUTPUT, paths)
    assert store.uploaded == ["a.json", "statistics.json", "z/maps/1.png", "report.json"]


def test_a_store_that_fails_in_between_leaves_no_report(paths, tmp_path):
    write(outputs(paths), "a.json", "report.json", "statistics.json")
    store = OrderedStore(tmp_path, fails_at="statistics.json")
    with pytest.raises(StoreUnavailable):
        upload_output(store, OUTPUT, paths)
    assert store.uploaded == ["a.json"]


def test_what_is_uploaded_twice_is_the_same(paths, tmp_path):
    write(outputs(paths), "report.json")
    store = OrderedStore(tmp_path)
    upload_output(store, OUTPUT, paths)
    upload_output(store, OUTPUT, paths)
    assert store.get(S3Address("bucket", "reports/here/report.json")) == b"report.json"


def test_links_and_what_they_lead_to_are_not_uploaded(paths, tmp_path):
    write(tmp_path / "secret", "key")
    (outputs(paths) / "link.json").symlink_to(tmp_path / "secret/key")
    (outputs(paths) / "folder").symlink_to(tmp_path / "secret")
    (outputs(paths) / "dangling").symlink_to(tmp_path / "nowhere")
    store = OrderedStore(tmp_path)
    upload_output(store, OUTPUT, paths)
    assert store.uploaded == []


def test_an_output_folder_that_the_job_replaced_by_a_link_is_an_empty_one(paths, tmp_path):
    write(tmp_path / "secret", "key")
    outputs(paths).rmdir()
    outputs(paths).symlink_to(tmp_path / "secret")
    store = OrderedStore(tmp_path)
    upload_output(store, OUTPUT, paths)
    assert store.uploaded == []


def test_a_folder_above_that_the_job_replaced_by_a_link_hides_everything(paths, tmp_path):
    write(tmp_path / "elsewhere/ml/outputs", "key")
    shutil.rmtree(paths.root / "opt")
    (paths.root / "opt").symlink_to(tmp_path / "elsewhere")
    store = OrderedStore(tmp_path)
    upload_output(store, OUTPUT, paths)
    assert store.uploaded == []
    assert read_message(paths) is None


def test_what_links_lead_to_is_neither_message_nor_metric_nor_violation(paths, tmp_path):
    (tmp_path / "violations").write_text('{"violations": []}')
    (tmp_path / "metrics").write_text(metric_line("a", 1))
    (outputs(paths) / "constraint_violations.json").symlink_to(tmp_path / "violations")
    paths.message.symlink_to(tmp_path / "violations")
    paths.cloudwatch_metrics.symlink_to(tmp_path / "metrics")
    assert (read_message(paths), read_metrics(paths), count_violations(OUTPUT, paths)) == (None, [], None)


@pytest.mark.parametrize("name", ["constraint_violations.json", "constraints_violations.json"])
def test_violations_under_one_name_are_uploaded_under_both(paths, tmp_path, name):
    write(outputs(paths), name, "report.json")
    store = OrderedStore(tmp_path)
    upload_output(store, OUTPUT, paths)
    assert {*store.uploaded[:2]} == {"constraint_violations.json", "constraints_violations.json"}
    assert store.get(S3Address("bucket", "reports/here/constraint_violations.json")) == name.encode()


def test_violations_under_both_names_are_uploaded_as_they_are(paths, tmp_path):
    write(outputs(paths), "constraint_violations.json", "constraints_violations.json")
    store = OrderedStore(tmp_path)
    upload_output(store, OUTPUT, paths)
    names = ("constraint_violations.json", "constraints_violations.json")
    assert [store.get(S3Address("bucket", f"reports/here/{name}")).decode() for name in names] == [*names]


def test_only_an_outputs_own_violations_have_two_names(paths, tmp_path):
    write(outputs(paths), "older/constraints_violations.json")
    store = OrderedStore(tmp_path)
    upload_output(store, OUTPUT, paths)
    assert store.uploaded == ["older/constraints_violations.json"]


def test_pipes_are_not_uploaded(paths, tmp_path):
    os.mkfifo(outputs(paths) / "pipe")
    store = OrderedStore(tmp_path)
    upload_output(store, OUTPUT, paths)
    assert store.uploaded == []


def test_an_output_folder_that_the_job_removed_is_an_empty_one(paths, tmp_path):
    outputs(paths).rmdir()
    store = OrderedStore(tmp_path)
    upload_output(store, OUTPUT, paths)
    assert store.uploaded == []


def test_no_message_is_none(paths):
    assert read_message(paths) is None


def test_an_empty_message_is_empty(paths):
    paths.message.write_bytes(b"")
    assert read_message(paths) == ""


def test_a_folder_in_the_messages_place_is_no_message(paths):
    paths.message.mkdir()
    assert read_message(paths) is None


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=2000))
def test_the_first_kilobyte_of_any_text_is_read_between_characters(tmp_path_factory, text):
    paths = ContainerPaths(tmp_path_factory.mktemp("message"))
    paths.message.parent.mkdir(parents=True)
    paths.message.write_bytes(text.encode())
    message = read_message(paths)
    assert text.startswith(message)
    assert len(message.encode()) >= min(len(text.encode()), 1021)


@pytest.mark.parametrize("content", [b"\xff", b"a" * 1000 + b"\xe9 closed", b"caf\xc3"])
def test_a_message_that_is_not_utf8_names_the_byte(paths, content):
    paths.message.write_bytes(content)
    place = next(index for index, byte in enumerate(content) if byte > 127)
    with pytest.raises(BadInput, match=f"not UTF-8 at byte {place}:"):
        read_message(paths)


def metric_line(name, value):
    at = parse_timestamp("2026-11-20T12:00:00Z")
    return cloudwatch_line(name=name, value=value, at=at, endpoint="digits", schedule="skew")


def test_no_metrics_are_none(paths):
    assert read_metrics(paths) == []


def test_statistics_of_many_values_count_as_their_mean(paths):
    statistics = {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 5}
    line = {"MetricName": "a", "Timestamp": "2026-11-20T12:00:00Z", "StatisticValues": statistics}
    both = line | {"MetricName": "b", "Value": 1}
    none = line | {"MetricName": "c", "StatisticValues": statistics | {"SampleCount": 0}}
    paths.cloudwatch_metrics.write_text("\n".join(map(json.dumps, (line, both, none))))
    assert gauges(read_metrics(paths)) == {"a": 2.5}


def test_the_last_value_of_a_metric_counts(paths):
    lines = [metric_line("a", 1), metric_line("b", 5), metric_line("a", 2)]
    paths.cloudwatch_metrics.write_text("".join(lines))
    assert gauges(read_metrics(paths)) == {"a": 2.0, "b": 5.0}


@pytest.mark.parametrize(
    "junk", [b"", b"{", b"\xff\xfe", b"[1]", b'{"MetricName": "x"}', b"[" * 100_000, b"null", b'"text"']
)
def test_a_line_that_is_no_metric_is_left_out(paths, junk):
    paths.cloudwatch_metrics.write_bytes(junk + b"\n" + metric_line("a", 1).encode())
    assert gauges(read_metrics(paths)) == {"a": 1.0}


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_metric_that_is_not_finite_is_left_out(paths, value):
    paths.cloudwatch_metrics.write_text(metric_line("a", 7).replace("7.0", value))
    assert read_metrics(paths) == []


def test_metrics_beyond_two_hundred_names_are_left_out_but_known_ones_go_on(paths):
    lines = [metric_line(f"m{number}", 0) for number in range(300)] + [metric_line("m0", 1)]
    paths.cloudwatch_metrics.write_text("".join(lines))
    values = gauges(read_metrics(paths))
    assert len(values) == 200
    assert values["m0"] == 1


def test_statistics_in_place_of_a_value_are_a_gauge_of_their_mean(paths):
    numbers = {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 5}
    line = {"MetricName": "a", "Timestamp": "2026-11-20T12:00:00Z", "StatisticValues": numbers, "Unit": "Count"}
    paths.cloudwatch_metrics.write_text(json.dumps(line))
    assert gauges(read_metrics(paths)) == {"a": 2.5}


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"Value": 1, "StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1}},
        {"StatisticValues": {"SampleCount": 0, "Sum": 0, "Minimum": 0, "Maximum": 0}},
        {"StatisticValues": {"SampleCount": 1e-300, "Sum": 1e300, "Minimum": 0, "Maximum": 0}},
        {"StatisticValues": {"Sum": 1}},
        {"Value": 1, "Timestamp": "yesterday"},
        {"Value": 1, "MetricName": ""},
        {"Value": 1, "MetricName": "m" * 256},
        {"Value": 1, "Dimensions": [{"Name": "n", "Value": "v"}] * 31},
    ],
)
def test_a_line_that_cloudwatch_would_refuse_is_left_out(paths, members):
    line = {"MetricName": "a", "Timestamp": "2026-11-20T12:00:00Z", "Dimensions": [], **members}
    paths.cloudwatch_metrics.write_text(json.dumps(line))
    assert read_metrics(paths) == []


def test_one_metric_by_several_dimensions_is_several_gauges(paths):
    row = json.loads(metric_line("share", 0.5))
    by_class = [row["Dimensions"] + [{"Name": "Class", "Value": str(number)}] for number in range(2)]
    lines = [row, *({**row, "Value": number, "Dimensions": rows} for number, rows in enumerate(by_class))]
    paths.cloudwatch_metrics.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert gauges(read_metrics(paths)) == {"share": 0.5, "share{Class=0}": 0.0, "share{Class=1}": 1.0}


@pytest.mark.parametrize("name", ["constraint_violations.json", "constraints_violations.json"])
def test_violations_are_counted_under_either_name(paths, name):
    (outputs(paths) / name).write_text(json.dumps({"violations": [ROW, {**ROW, "more": 1}], "version": "1.0"}))
    assert count_violations(OUTPUT, paths) == 2


def test_an_empty_list_is_no_violation(paths):
    (outputs(paths) / "constraint_violations.json").write_text('{"violations": []}')
    assert count_violations(OUTPUT, paths) == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"violations": 3}', b"\xff"])
def test_a_file_that_lists_no_violations_is_counted_as_unknown(paths, content):
    (outputs(paths) / "constraint_violations.json").write_bytes(content)
    assert count_violations(OUTPUT, paths) is None


def test_no_file_of_violations_is_counted_as_unknown(paths):
    assert count_violations(OUTPUT, paths) is None


def test_the_tail_of_a_log_holds_its_last_twenty_lines(tmp_path):
    (tmp_path / "log").write_text("".join(f"{number}\n" for number in range(100)))
    assert log_tail(tmp_path / "log", characters=1000).splitlines() == [str(number) for number in range(80, 100)]


def test_the_tail_of_a_log_without_a_line_break_is_its_last_characters(tmp_path):
    (tmp_path / "log").write_bytes(b"\xff" + b"x" * 1_000_000 + b"end")
    assert log_tail(tmp_path / "log", characters=10) == "xxxxxxxend"


@pytest.mark.parametrize("content", [None, b""])
def test_a_log_that_says_nothing_has_no_tail(tmp_path, content):
    if content is not None:
        (tmp_path / "log").write_bytes(content)
    assert log_tail(tmp_path / "log", characters=10) == ""
