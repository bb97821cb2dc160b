"""Users' scripts in real processes: what they are given, what they may return, and what they may not do."""

import json
import os
import signal
import sys
import textwrap
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from monitor_jobs.contract.capture import CaptureData, CaptureRecord, EventMetadata, Payload
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.record_scripts import (
    RecordScript,
    ScriptFailed,
    ScriptLimits,
    record_preprocessor,
    run_postprocessor,
    script_environment,
)
from tests.wait import wait_until

MANY = 5000
SHORT = ScriptLimits(call_seconds=1, start_seconds=20)


def half(mode, data, encoding="CSV", content_type="text/csv"):
    return Payload(observed_content_type=content_type, mode=mode, data=data, encoding=encoding)


def record(event_id="e1", data="5.1,3.5", **metadata):
    halves = CaptureData(endpoint_input=half("INPUT", data), endpoint_output=half("OUTPUT", "2"))
    when = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    return CaptureRecord(
        capture_data=halves, event_metadata=EventMetadata(event_id=event_id, inference_time=when, **metadata)
    )


@pytest.fixture
def script(tmp_path):
    """Writes a script, and runs it for as long as a context lasts."""

    def write(text):
        path = tmp_path / "preprocessor.py"
        path.write_text(textwrap.dedent(text))
        return path

    @contextmanager
    def run(text, limits=SHORT, environment=None, say=None):
        seen = script_environment(os.environ) if environment is None else environment
        with record_preprocessor(RecordScript(write(text), seen, limits), say or sys.stdout.write) as preprocess:
            yield preprocess

    run.write = write
    return run


def rows(script, text, given=None, **options):
    with script(text, **options) as preprocess:
        return preprocess(record() if given is None else given)


def handler(body, before=""):
    return f"{before}\ndef preprocess_handler(inference_record):\n" + textwrap.indent(textwrap.dedent(body), "    ")


AWS_SAMPLE = """
    import json

    def preprocess_handler(inference_record):
        event_metadata = inference_record.event_metadata
        custom_attribute = json.loads(event_metadata.custom_attribute[0])
        values = inference_record.endpoint_output.data.rstrip("\\n") + "," + inference_record.endpoint_input.data
        data = {str(i).zfill(20): value for i, value in enumerate(values.split(","))}
        return {**data, "customer": custom_attribute["customer"]}
"""


def test_a_script_in_the_manner_of_awss_sample_reads_both_halves_and_custom_attributes(script):
    given = record(custom_attributes=['{"customer": "acme"}'])
    assert rows(script, AWS_SAMPLE, given) == [
        {f"{0:020}": "2", f"{1:020}": "5.1", f"{2:020}": "3.5", "customer": "acme"}
    ]


def test_a_record_tells_its_encoding_its_type_its_mode_and_who_and_when(script):
    text = handler("""
        given, event = inference_record.endpoint_input, inference_record.event_metadata
        return {"kind": "/".join([given.encoding, given.observedContentType, given.mode]),
                "event": event.event_id + " " + event.event_time}
    """)
    assert rows(script, text) == [{"kind": "CSV/text/csv/INPUT", "event": "e1 2026-05-04T03:02:01Z"}]


def test_what_was_not_captured_is_none(script):
    text = handler("""
        halves = ("endpoint_output", "batch_transform_output", "ground_truth")
        return {name: getattr(inference_record, name) is None for name in halves}
    """)
    halves = CaptureData(endpoint_input=half("INPUT", "1"))
    given = record().model_copy(update={"capture_data": halves})
    assert rows(script, text, given) == [
        dict.fromkeys(("endpoint_output", "batch_transform_output", "ground_truth"), True)
    ]


def test_ground_truth_of_a_merged_record_is_read(script):
    merged = {**json.loads(record().to_line()), "groundTruthData": {"data": "1", "encoding": "CSV"}}
    assert rows(script, handler("return {'truth': inference_record.ground_truth.data}"), merged) == [{"truth": "1"}]


def test_a_line_of_a_csv_dataset_is_handed_over_as_text(script):
    text = handler("return dict(enumerate(inference_record.split(',')))")
    assert rows(script, text, "7,seven\n") == [{"0": "7", "1": "seven\n"}]


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("{}", [{}]),
        ("[]", []),
        ("{'a': 1, 2: 0.5, 'c': None, 'd': True, 'e': 'ä'}", [{"a": 1, "2": 0.5, "c": None, "d": True, "e": "ä"}]),
        ("[{'a': 1}, {'a': 2}]", [{"a": 1}, {"a": 2}]),
        ("[[7, 8]]", [{f"{0:020}": 7, f"{1:020}": 8}]),
        ("{'a': float('nan'), 'b': float('-inf')}", [{"a": None, "b": "-inf"}]),
        ("{'a': numpy.float32(0.5), 'b': numpy.int64(7), 'c': numpy.bool_(True)}", [{"a": 0.5, "b": 7, "c": True}]),
        ("{'a': 10**30, 'b': '\\ud800'}", [{"a": 10**30, "b": "?"}]),
    ],
)
def test_what_a_handler_may_return_becomes_rows(script, returned, expected):
    found = rows(script, handler(f"return {returned}", "import numpy"))
    assert found == expected


@pytest.mark.parametrize(
    "returned",
    ["None", "7", "'text'", "[1, 2]", "{'a': [1]}", "{'a': {'b': 1}}", "{'a': b'x'}", "object()", "{'a': 1j}"],
)
def test_what_is_no_row_is_refused_with_what_to_return(script, returned):
    with pytest.raises(
        ScriptFailed, match=r"event id e1\).*TypeError: the handler returned .*return a flat dict"
    ) as raised:
        rows(script, handler(f"return {returned}"))
    assert len(str(raised.value)) < 600


def test_records_are_answered_in_their_order(script):
    given = [record(f"e{number}", data=str(number)) for number in range(MANY)]
    text = handler("n = int(inference_record.endpoint_input.data); return {'n': n} if n % 2 else []")
    with script(text) as preprocess:
        found = list(preprocess.rows_of_many(given))
    assert found == [[{"n": number}] if number % 2 else [] for number in range(MANY)]


def test_records_larger_than_every_pipe_come_back_whole(script):
    given = [record(data="x" * 3_000_000) for _ in range(3)]
    with script(handler("return {'data': inference_record.endpoint_input.data}")) as preprocess:
        found = list(preprocess.rows_of_many(given))
    assert [row["data"] for ((row),) in found] == [one.capture_data.endpoint_input.data for one in given]


def test_a_script_keeps_what_it_remembers_from_record_to_record(script):
    text = handler("seen.append(1); return {'seen': len(seen), 'pid': os.getpid()}", "import os\nseen = []")
    with script(text) as preprocess:
        found = [preprocess(record())[0] for _ in range(3)]
    assert [row["seen"] for row in found] == [1, 2, 3]
    assert len({row["pid"] for row in found} - {os.getpid()}) == 1


def test_records_are_taken_no_further_ahead_than_they_are_answered(script):
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield record(data="x" * 100_000)

    with script(handler("return {}")) as preprocess:
        assert list(islice(preprocess.rows_of_many(endless()), 5)) == [[{}]] * 5
    assert len(taken) < 100


def test_prints_tracebacks_and_the_logger_reach_the_jobs_log(script):
    said = []
    text = """
        print("while loading")
        def preprocess_handler(inference_record, logger):
            print("about", inference_record.event_metadata.event_id)
            logger.info("from the logger")
            raise KeyError("missing")
    """
    with pytest.raises(ScriptFailed, match=r"at record 1 \(event id e1\): KeyError: 'missing'"):
        rows(script, text, say=said.append)
    log = "".join(said)
    assert log.startswith("preprocess_handler: while loading\npreprocess_handler: about e1\n")
    assert "INFO from the logger" in log
    assert "Traceback" in log
    assert 'raise KeyError("missing")' in log


@pytest.mark.parametrize(
    "parameters",
    [
        "record, logger",
        "record, log",
        "record, logger=None",
        "record, *, logger",
        "record, *, logger=None",
        "record, scale=2, logger=None",
    ],
)
def test_a_logger_is_given_to_a_handler_that_takes_one(script, parameters):
    name = "log" if "log," in f"{parameters}," else "logger"
    text = f"""
        def preprocess_handler({parameters}):
            return {{"name": {name}.name}}
    """
    assert rows(script, text) == [{"name": "record_script"}]


@pytest.mark.parametrize("parameters", ["record", "record, scale=2", "record, **options", "record, *logger"])
def test_no_logger_is_given_to_a_handler_that_takes_none(script, parameters):
    text = f"""
        def preprocess_handler({parameters}):
            return {{"given": len(locals()), "scale": locals().get("scale", 2)}}
    """
    assert rows(script, text)[0]["scale"] == 2


def test_gigabytes_of_prints_do_not_fill_the_log_nor_the_memory(script):
    said = []
    text = handler("for _ in range(200): os.write(1, b'x' * 1_000_000)\nreturn {'a': 1}", "import os")
    limits = ScriptLimits(printed_bytes=100_000)
    assert rows(script, text, say=said.append, limits=limits) == [{"a": 1}]
    assert sum(map(len, said)) < 110_000
    assert said[-1] == "preprocess_handler printed 199900000 bytes more, which are left out\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def preprocess_handler(:", "while it was loaded: SyntaxError"),
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("x = 1", "preprocessor.py defines no function preprocess_handler"),
        ("preprocess_handler = 7", "defines no function preprocess_handler"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import os; os._exit(3)", "ended its process with exit code 3 while it was loaded"),
        ("", "defines no function"),
    ],
)
def test_a_script_that_cannot_be_loaded_says_why(script, text, words):
    with pytest.raises(ScriptFailed, match=words):
        rows(script, text)


def test_a_script_that_is_not_there_says_where_it_should_be(tmp_path):
    with pytest.raises(BadInput, match=r"there is no script .*nowhere\.py"):
        run_postprocessor(RecordScript(tmp_path / "nowhere.py"), print)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("while True: pass", "took longer than 1 s"),
        ("time.sleep(1000)", "took longer than 1 s"),
        ("while True: print('x' * 1000)", "took longer than 1 s"),
        ("sys.exit(0)", "SystemExit: 0"),
        ("os._exit(0)", "ended its process with exit code 0"),
        ("os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
        ("os.kill(os.getpid(), 11)", "was ended by SIGSEGV"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("bytearray(1 << 40)", "MemoryError"),
        ("return preprocess_handler(inference_record)", "RecursionError"),
        ("os.closerange(0, 100); time.sleep(1000)", "took longer than 1 s"),
        ("[os.write(n, b'nonsense\\n') for n in writable()]", "in place of an answer"),
        ("[os.write(n, b'{\"rows\": [7]}\\n') for n in writable()]", "in place of an answer"),
        ("[os.write(n, b'{\"rows\": []}\\n' * 9) for n in writable()]; return {}", "nobody had asked|place of"),
    ],
)
def test_a_handler_that_misbehaves_ends_in_a_sentence_that_names_the_record(script, body, words):
    before = """
import fcntl, os, sys, time
def writable():
    opened = (n for n in map(int, os.listdir("/proc/self/fd")) if n > 2 and os.path.exists(f"/proc/self/fd/{n}"))
    return [n for n in opened if fcntl.fcntl(n, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY]
"""
    text = handler(f"if inference_record.event_metadata.event_id != 'bad': return {{}}\n{body}", before)
    with pytest.raises(ScriptFailed, match=words) as raised, script(text) as preprocess:
        list(preprocess.rows_of_many([record("good"), record("good"), record("bad"), record("good")]))
    assert "at record 3 (event id bad)" in str(raised.value) or "nobody" in str(raised.value)


def test_a_script_that_hung_is_not_asked_again(script):
    text = handler("if inference_record.event_metadata.event_id == 'bad': time.sleep(1000)\nreturn {}", "import time")
    with script(text) as preprocess:
        with pytest.raises(ScriptFailed, match="took longer"):
            preprocess(record("bad"))
        with pytest.raises(ScriptFailed, match=r"not asked again: its answer is missing at record 1 \(event id bad\)"):
            preprocess(record("good"))


def test_a_script_that_raised_has_ended_and_says_so_when_it_is_asked_again(script):
    text = handler("return {'n': 1 / int(inference_record.endpoint_input.data)}")
    with script(text) as preprocess:
        assert preprocess(record(data="2")) == [{"n": 0.5}]
        with pytest.raises(ScriptFailed, match="ZeroDivisionError"):
            preprocess(record(data="0"))
        with pytest.raises(ScriptFailed, match="ended its process with exit code 0 at record 3"):
            preprocess(record(data="2"))


def test_records_that_were_sent_along_with_one_that_fails_print_nothing_behind_it(script, capfd):
    text = handler("print('at', inference_record.endpoint_input.data); return 1 / 0")
    with script(text) as preprocess, pytest.raises(ScriptFailed, match="at record 1"):
        list(preprocess.rows_of_many(record(data=str(number)) for number in range(3)))
    assert capfd.readouterr().out.count(": at ") == 1


def test_processor_time_is_limited(script):
    limits = ScriptLimits(cpu_seconds=1, call_seconds=60)
    with pytest.raises(ScriptFailed, match="took more than 1 s of processor time at record 1"):
        rows(script, handler("while True: pass"), limits=limits)


def test_the_size_of_files_is_limited(script, tmp_path):
    text = handler(f"open({str(tmp_path / 'large')!r}, 'wb').write(bytes(2_000_000))")
    with pytest.raises(ScriptFailed, match=r"OSError: .*File too large"):
        rows(script, text, limits=ScriptLimits(file_bytes=1_000_000))


def test_what_is_within_its_limits_is_left_alone(script, tmp_path):
    text = handler(f"""
        open({str(tmp_path / "large")!r}, "wb").write(bytes(900_000))
        bytearray(100_000_000)
        return {{"sum": sum(range(1_000_000))}}
    """)
    limits = ScriptLimits(file_bytes=1_000_000, address_space_bytes=1 << 30, cpu_seconds=20)
    assert rows(script, text, limits=limits) == [{"sum": 499999500000}]


FORKS = {
    "a child": "os.fork() or sleep()",
    "a child in a session of its own": "os.fork() or (os.setsid(), sleep())",
    "a child of a child in a session of its own": "os.fork() or (os.setsid(), os.fork() and os._exit(0), sleep())",
    "a program": "subprocess.Popen(['sleep', '1000'])",
}


@pytest.mark.parametrize("fork", FORKS.values(), ids=FORKS)
@pytest.mark.parametrize("then", ["return {'a': 1}", "raise ValueError", "os._exit(1)"])
def test_nothing_that_a_script_started_is_left(script, tmp_path, fork, then):
    pids = tmp_path / "pids"
    before = f"""
import os, subprocess, time
def note(pid): open({str(pids)!r}, "a").write(str(pid) + chr(10))
def sleep(): note(os.getpid()); time.sleep(1000)
"""
    waits = f"while not os.path.exists({str(pids)!r}): time.sleep(0.01)"
    started = f"note({fork}.pid)" if "Popen" in fork else fork
    text = handler(f"{started}\n{waits}\n{then}", before)
    try:
        rows(script, text, limits=ScriptLimits(call_seconds=20))
    except ScriptFailed:
        assert not then.startswith("return")
    (pid,) = map(int, pids.read_text().split())
    wait_until(lambda: _is_gone(pid), timeout_seconds=10, what=f"the end of process {pid}")


def test_the_check_for_what_is_left_finds_what_is():
    """Negative control: a process that lives is not gone."""
    assert not _is_gone(os.getpid())


def _is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_a_script_dies_with_its_job(script, tmp_path):
    path = script.write(handler("return {'pid': os.getpid()}", "import os"))
    program = f"""
import os, sys
from pathlib import Path
from tests.integration.test_record_scripts import RecordScript, record, record_preprocessor
with record_preprocessor(RecordScript(Path({str(path)!r})), print) as preprocess:
    Path({str(tmp_path / "pid")!r}).write_text(str(preprocess(record())[0]["pid"]))
    os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", program]) == -signal.SIGKILL
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: _is_gone(pid), timeout_seconds=10, what="the script's end")


def test_a_script_sees_a_short_list_of_variables_and_what_its_owner_gave(script):
    job = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "secret", "SEXTANT_DATABASE_URL": "secret", "THRESHOLD": "0.5"}
    text = handler("return dict(os.environ)", "import os")
    ((seen),) = rows(script, text, environment=script_environment(job, given=["THRESHOLD"]))
    assert (seen["PATH"], seen["THRESHOLD"]) == ("/bin", "0.5")
    assert "secret" not in seen.values()


def test_a_script_imports_what_lies_beside_it(script, tmp_path):
    (tmp_path / "shared_names.py").write_text("NAME = 'colour'")
    assert rows(script, handler("return {NAME: 1}", "from shared_names import NAME")) == [{"colour": 1}]


def after_analysis(script, text):
    said = []
    run_postprocessor(RecordScript(script.write(text), limits=SHORT), said.append)
    return said


def test_a_postprocessor_is_called_once_without_arguments(script):
    assert after_analysis(script, "def postprocess_handler(): print('done'); return object()") == [
        "postprocess_handler: done\n"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def postprocess_handler(): 1 / 0", "postprocess_handler failed after the analysis: ZeroDivisionError"),
        ("def postprocess_handler():\n    while True: pass", "took longer than 1 s after the analysis"),
        ("def preprocess_handler(record): return []", "defines no function postprocess_handler"),
    ],
)
def test_a_postprocessor_that_fails_says_so(script, text, words):
    with pytest.raises(ScriptFailed, match=words):
        after_analysis(script, text)
