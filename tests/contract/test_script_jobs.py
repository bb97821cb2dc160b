"""Data quality with users' scripts, in real processes: what they make of records, what they print, how they fail."""

import json
import textwrap

import pytest

from tests.contract.quality_jobs import OUTPUT, exchange, run

CODE = "/opt/ml/processing/code"
BEFORE, AFTER = f"{CODE}/preprocessing/preprocessor.py", f"{CODE}/postprocessing/postprocessor.py"
SUGGEST = {"SEXTANT_ANALYSIS": "suggest_baseline"}
LINES = [exchange(f"{number},{number / 2}", "text/csv", number=number) for number in range(40)]
DOUBLED = """
    print("loading")

    def preprocess_handler(inference_record):
        number, half = inference_record.endpoint_input.data.split(",")
        if int(number) % 4 == 0:
            return []
        return [{"number": number, "half": float(half)}] * 2
"""


def with_script(root, text, files=None, path=BEFORE, **variables):
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True)
    place.write_text(textwrap.dedent(text))
    variable = "record_preprocessor_script" if path == BEFORE else "post_analytics_processor_script"
    return run(root, files or {"a.jsonl": LINES}, **{variable: path}, **SUGGEST, **variables)


def columns(done):
    assert done.code == 0, done.log
    return {feature["name"]: feature for feature in done.output("statistics.json")["features"]}


def test_the_rows_of_a_script_are_the_dataset(tmp_path):
    done = with_script(tmp_path, DOUBLED)
    found = columns(done)
    assert found.keys() == {"number", "half"}
    assert (found["number"]["inferred_type"], found["half"]["inferred_type"]) == ("Integral", "Fractional")
    assert done.output("statistics.json")["dataset"]["item_count"] == 60


def test_what_a_script_prints_is_in_the_jobs_log_once_however_many_files_there_are(tmp_path):
    done = with_script(tmp_path, DOUBLED, {f"{number}.jsonl": LINES for number in range(5)})
    assert columns(done)
    assert done.log.count("preprocess_handler: loading\n") == 1


def test_workers_have_a_script_each(tmp_path):
    done = with_script(tmp_path, DOUBLED, {f"{n}.jsonl": LINES for n in range(8)}, SEXTANT_JOB_WORKERS="2")
    assert columns(done)["number"]["numerical_statistics"]["common"]["num_present"] == 8 * 60
    assert 1 <= done.log.count("preprocess_handler: loading\n") <= 2


def test_a_script_that_fails_fails_the_job_and_names_the_record_and_the_file(tmp_path):
    done = with_script(tmp_path, "def preprocess_handler(record): return {'n': 1 / (record is not None and 0)}")
    assert done.code == 1
    assert done.message.startswith(
        "preprocess_handler failed at record 1 (event id event-0): ZeroDivisionError: division by zero"
    )
    assert done.message.endswith("while working on a.jsonl")
    assert "Traceback" in done.log
    assert "ZeroDivisionError" in done.log


def test_a_script_that_is_not_there_fails_the_job(tmp_path):
    done = run(tmp_path, {"a.jsonl": LINES}, record_preprocessor_script=BEFORE, **SUGGEST)
    assert (done.code, done.message.startswith("there is no script ")) == (1, True)


def test_captures_that_cannot_be_read_never_reach_a_script(tmp_path):
    done = with_script(tmp_path, DOUBLED, {"a.jsonl": [*LINES, b'{"captureData": \n', b"no JSON\n"]})
    assert columns(done)["half"]["numerical_statistics"]["common"]["num_present"] == 60


CSV = [b"name,age\n", b"ada,36\n", b"\n", b"bob,41\r\n", "zoé,9\n".encode()]
BY_LINE = """
    def preprocess_handler(line):
        name, age = line.split(",")
        return {"name": name, "age": age, "old": int(age) > 40}
"""


@pytest.mark.parametrize(
    ("dataset_format", "lines"), [({"csv": {"header": True}}, CSV), ({"csv": {"header": False}}, CSV[1:])], ids=str
)
def test_the_lines_of_a_csv_dataset_are_handed_over_as_texts_without_the_header(tmp_path, dataset_format, lines):
    done = with_script(tmp_path, BY_LINE, {"a.csv": lines}, dataset_format=json.dumps(dataset_format))
    found = columns(done)
    assert list(found) == ["name", "age", "old"]
    assert found["age"]["numerical_statistics"]["sum"] == 86


def test_the_lines_of_a_json_dataset_are_handed_over_as_texts(tmp_path):
    text = "import json\ndef preprocess_handler(line): return {'a': json.loads(line)['x']['y']}"
    lines = [b'{"x": {"y": 1}}\n', b'{"x": {"y": 2}}']
    done = with_script(tmp_path, text, {"a.json": lines}, dataset_format='{"json": {"lines": true}}')
    assert columns(done)["a"]["numerical_statistics"]["sum"] == 3


def test_parquet_has_no_lines_for_a_script(tmp_path):
    done = with_script(tmp_path, BY_LINE, {"a.parquet": [b"PAR1"]}, dataset_format='{"parquet": {}}')
    assert done.code == 1
    assert "a.parquet is Parquet, which has no lines for a preprocessing script" in done.message


READS_REPORT = """
    import json, os, pathlib

    def postprocess_handler():
        folder = pathlib.Path(os.environ["output_path"])
        rows = json.loads((folder / "statistics.json").read_text())["dataset"]["item_count"]
        (folder / "extra.json").write_text(json.dumps({"rows": rows, "mine": os.environ["MINE"]}))
        print("secret" in str(os.environ))
"""


def test_a_postprocessor_finds_the_report_and_the_variables_of_its_job(tmp_path):
    config = tmp_path / "opt/ml/config/processingjobconfig.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"Environment": {"MINE": "1"}}))
    done = with_script(tmp_path, READS_REPORT, path=AFTER, MINE="1", AWS_SESSION_TOKEN="secret")
    assert done.code == 0, done.log
    assert json.loads((tmp_path / OUTPUT / "extra.json").read_text()) == {"rows": 40, "mine": "1"}
    assert "postprocess_handler: False\n" in done.log


def test_a_postprocessor_that_fails_fails_the_job_after_the_report_is_written(tmp_path):
    done = with_script(tmp_path, "def postprocess_handler(): raise SystemExit('no')", path=AFTER)
    assert (done.code, done.message) == (
        1,
        "postprocess_handler failed after the analysis: SystemExit: no; the job's log has its traceback",
    )
    assert done.output("statistics.json")["dataset"]["item_count"] == 40
