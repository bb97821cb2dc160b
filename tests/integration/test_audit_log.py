"""The audit log on disk: many writers, deaths half way, and whatever is done to its files afterwards."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from monitor_jobs.contract.errors import NotFound
from service.audit import FOLDER, HEAD_FILE, AuditLog, AuditUnwritable, recorded, verified
from service.core.audit import Entry
from tests.wait import wait_until

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from service.audit import AuditLog
from service.core.audit import Entry
log, written = AuditLog(Path(sys.argv[1]), lambda: datetime.now(UTC)), 0
while written != int(sys.argv[2]):
    log.record(Entry(datetime.now(UTC), "sagemaker:CreateModel", 200, user="writer", resource={"ModelName": "m" * 200}))
    written += 1
    print(written, flush=True)
"""


@pytest.fixture
def log(tmp_path):
    return AuditLog(tmp_path, lambda: NOON)


def entry(number, at=NOON):
    return Entry(at, "sagemaker:CreateModel", 200, user="ada", resource={"ModelName": f"model-{number}"})


def write(log, count, at=NOON):
    for number in range(count):
        log.record(entry(number, at))


def file_of(folder, name="2026-11.jsonl"):
    return folder / FOLDER / name


def writer(folder, count):
    command = [sys.executable, "-c", WRITER, str(folder), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def told(folder):
    verdict = verified(folder)
    return verdict.lines, str(verdict.broken) if verdict.broken else None


def test_what_was_recorded_is_read_again_in_order(log, tmp_path):
    write(log, 3)
    assert [line["resource"]["ModelName"] for line in recorded(tmp_path)] == ["model-0", "model-1", "model-2"]
    assert told(tmp_path) == (3, None)


def test_only_the_owner_may_read_it(log, tmp_path):
    write(log, 1)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / FOLDER).iterdir()}
    assert modes == {"2026-11.jsonl": 0o600, "head.json": 0o600}
    assert stat.S_IMODE((tmp_path / FOLDER).stat().st_mode) == 0o700


def test_a_month_begins_a_file_and_the_chain_goes_on(log, tmp_path):
    write(log, 2)
    write(log, 2, NOON + timedelta(days=20))
    write(log, 1)  # a clock that goes back finds no earlier file
    assert [len(file_of(tmp_path, f"2026-{month}.jsonl").read_bytes().splitlines()) for month in (11, 12)] == [2, 3]
    assert told(tmp_path) == (5, None)
    file_of(tmp_path).unlink()
    assert "2026-12.jsonl line 1 is line 3: 2 before it were removed" in told(tmp_path)[1]


def test_threads_and_processes_write_one_chain(log, tmp_path):
    with writer(tmp_path, 15) as one, writer(tmp_path, 15) as other, ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: log.record(entry(number)), range(20)))
        assert [len(each.stdout.read().splitlines()) for each in (one, other)] == [15, 15]
    assert (one.returncode, other.returncode) == (0, 0)
    assert told(tmp_path) == (50, None)


def test_a_writer_that_is_killed_leaves_a_chain_that_goes_on(log, tmp_path):
    for lines in (1, 3, 5):
        before = len(list(recorded(tmp_path))) if lines > 1 else 0
        with writer(tmp_path, -1) as killed:
            first = [killed.stdout.readline() for _ in range(lines)]
            killed.kill()
            acknowledged = [*first, *killed.stdout.read().splitlines()]
        assert len(list(recorded(tmp_path))) >= before + len(acknowledged)
        log.record(entry(lines))
        assert told(tmp_path)[1] is None


@pytest.mark.parametrize("kept", [0, 1, 100])
def test_a_last_line_that_was_not_written_whole_is_written_again_and_its_rest_kept(log, tmp_path, kept):
    write(log, 3)
    content = file_of(tmp_path).read_bytes()
    start = content[:-1].rfind(b"\n") + 1
    file_of(tmp_path).write_bytes(content[: start + kept])
    assert told(tmp_path)[1] is not None
    log.record(entry(3))
    mended = list(recorded(tmp_path))[-2]
    assert told(tmp_path) == (5, None)
    assert file_of(tmp_path).read_bytes().startswith(content)
    assert mended["operation"] == "audit:LineMended"
    asides = {path.name: path.read_bytes() for path in (tmp_path / FOLDER).glob("*.aside")}
    assert asides == ({mended["resource"]["KeptAsideName"]: content[start : start + kept]} if kept else {})
    assert verified(tmp_path).set_aside == tuple(asides)


def test_lines_that_somebody_appended_are_found_and_set_aside_by_the_next_writer(log, tmp_path):
    write(log, 2)
    line = file_of(tmp_path).read_bytes().splitlines(keepends=True)[1]
    with file_of(tmp_path).open("ab") as file:
        file.write(line)
    assert "2026-11.jsonl line 3 stands behind line 2" in told(tmp_path)[1]
    log.record(entry(2))
    assert told(tmp_path) == (4, None)
    assert [(tmp_path / FOLDER / name).read_bytes() for name in verified(tmp_path).set_aside] == [line]


@pytest.mark.parametrize("cut", [0, 7])
def test_an_end_that_was_cut_off_shows_also_after_more_was_written(log, tmp_path, cut):
    write(log, 5)
    lines = file_of(tmp_path).read_bytes().splitlines(keepends=True)
    file_of(tmp_path).write_bytes(b"".join(lines[:2]) + lines[2][:cut])
    assert told(tmp_path)[1] is not None
    log.record(entry(5))
    assert "2026-11.jsonl line 3 is line 6: 3 before it were removed" in told(tmp_path)[1]
    assert "audit:LinesMissing" in [line["operation"] for line in recorded(tmp_path)]


@pytest.mark.parametrize(
    "head",
    [
        *(b"", b"[]", b"null", b'{"sequence":3}'),
        b'{"sequence":"3","sha256":"","file":"2026-11.jsonl","end":0,"line":""}',
        b'{"sequence":3,"sha256":"","file":"../../x","end":0,"line":""}',
    ],
)
def test_a_head_that_is_none_shows_and_the_chain_goes_on_and_says_so(log, tmp_path, head):
    write(log, 3)
    (tmp_path / FOLDER / HEAD_FILE).write_bytes(head)
    assert "head.json is gone" in told(tmp_path)[1]
    log.record(entry(3))
    assert told(tmp_path) == (5, None)
    assert [line["operation"] for line in recorded(tmp_path)][3] == "audit:HeadLost"


def test_a_head_that_is_older_than_the_log_shows(log, tmp_path):
    write(log, 2)
    old = (tmp_path / FOLDER / HEAD_FILE).read_bytes()
    write(log, 1)
    (tmp_path / FOLDER / HEAD_FILE).write_bytes(old)
    assert "stands behind line 2" in told(tmp_path)[1]


def test_a_changed_byte_is_named_with_its_file_and_line(log, tmp_path):
    write(log, 3)
    file_of(tmp_path).write_bytes(file_of(tmp_path).read_bytes().replace(b"model-1", b"model-7"))
    assert told(tmp_path) == (1, "2026-11.jsonl line 2 was changed after it was written")


def test_where_nothing_was_recorded_there_is_nothing_to_verify(tmp_path):
    with pytest.raises(NotFound, match="no audit log"):
        verified(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / FOLDER).write_text("no folder")
    with pytest.raises(AuditUnwritable, match="cannot write the audit log in"):
        AuditLog(tmp_path, lambda: NOON).record(entry(1))


def test_a_line_is_read_while_others_write(log, tmp_path):
    month = file_of(tmp_path, f"{datetime.now(UTC):%Y-%m}.jsonl")
    with writer(tmp_path, -1) as other:
        wait_until(month.exists, timeout_seconds=60, what="the first line")
        for _ in range(20):
            assert told(tmp_path)[1] is None
            assert all(line["user"] == "writer" for line in recorded(tmp_path))
        other.kill()
