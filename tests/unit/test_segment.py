import errno
import fcntl
import os
import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.capture_io import read_contents
from monitor_jobs.contract.capture import capture_file_path
from service.endpoint.ownership import Destination
from service.endpoint.recovery import Mended, UnreadableSegment, is_readable, mend, seems_to_hold
from service.endpoint.segment import OpenSegment, SegmentName, State, held, parse_file_name, take_flock
from tests.integration.capture_spool import FaultyFiles, HalfWrites

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RECORD = b'{"captureData":{}}\n'
PRODUCER = "0" * 32


def opened(folder, files=os):
    return OpenSegment(folder, SegmentName.new(PRODUCER, 0, NOON), files)


def content_of(folder):
    (path,) = folder.iterdir()
    return path.read_bytes()


names = st.builds(
    SegmentName.new,
    st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    st.integers(0, 99_999_999),
    st.datetimes(datetime(2000, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)


@given(names, st.sampled_from(State))
def test_a_file_name_tells_the_segment_and_its_state(name, state):
    assert parse_file_name(name.file(state)) == (name, state)


@pytest.mark.parametrize(
    "stranger",
    [
        "",
        "foo.open",
        "producer-0.lock",
        f"{PRODUCER}-00000000-20261120T120000000Z-{uuid.UUID(int=1)}.part",
        f"{PRODUCER}-00000000-20261320T120000000Z-{uuid.UUID(int=1)}.open",  # a thirteenth month
        f"../{PRODUCER}-00000000-20261120T120000000Z-{uuid.UUID(int=1)}.open",
    ],
)
def test_a_strangers_file_name_is_none_of_ours(stranger):
    assert parse_file_name(stranger) is None


def test_the_object_key_follows_from_the_file_name_alone():
    name = SegmentName.new(PRODUCER, 7, NOON + timedelta(minutes=20, seconds=48, milliseconds=871))
    parsed, state = parse_file_name(name.file(State.SEALED))
    address = Destination(destination="s3://bucket/capture", endpoint="e", variant="v").address_of(parsed, state)
    assert address.key == f"capture/e/v/2026/11/20/12/20-48-871-{name.uuid}.jsonl"
    assert address.key.endswith(capture_file_path(name.opened_at, name.uuid))


def test_a_time_of_another_zone_opens_the_segment_of_the_utc_hour():
    kathmandu = NOON.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert SegmentName.new(PRODUCER, 0, kathmandu).file(State.OPEN).split("-")[2] == "20261120T120000000Z"


def test_records_lie_in_the_file_one_after_the_other(tmp_path):
    segment = opened(tmp_path)
    segment.append(RECORD)
    segment.append(RECORD)
    assert content_of(tmp_path) == RECORD * 2
    segment.seal()


def test_sealing_renames_the_file_and_keeps_its_bytes(tmp_path):
    segment = opened(tmp_path)
    segment.append(RECORD)
    segment.seal()
    assert (tmp_path / segment.name.file(State.SEALED)).read_bytes() == RECORD


def test_an_empty_segment_leaves_nothing_behind(tmp_path):
    opened(tmp_path).seal()
    assert not list(tmp_path.iterdir())


def test_an_open_segment_cannot_be_taken_by_anybody_else(tmp_path):
    segment = opened(tmp_path)
    with held(tmp_path / segment.name.file(State.OPEN)) as mine:
        assert not mine
    segment.seal()


def test_a_sealed_segment_can_be_taken(tmp_path):
    segment = opened(tmp_path)
    segment.append(RECORD)
    segment.seal()
    with held(tmp_path / segment.name.file(State.SEALED)) as mine:
        assert mine


def test_a_file_that_is_gone_cannot_be_taken(tmp_path):
    with held(tmp_path / "gone") as mine:
        assert not mine


def test_a_file_is_held_until_the_block_ends(tmp_path):
    (tmp_path / "file").touch()
    with held(tmp_path / "file"), held(tmp_path / "file") as again:
        assert not again
    with held(tmp_path / "file") as later:
        assert later


def test_a_file_that_was_moved_before_it_could_be_taken_is_not_taken(tmp_path):
    path = tmp_path / "file"
    with path.open("w") as file:
        path.rename(tmp_path / "moved")
        path.touch()
        assert not take_flock(file.fileno(), path)


def test_an_error_within_the_block_is_not_swallowed(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError), held(tmp_path / "file"):
        raise FileNotFoundError


@pytest.mark.parametrize("files", [HalfWrites(), FaultyFiles("write", errno.ENOSPC), FaultyFiles("write", errno.EIO)])
def test_a_failed_append_leaves_only_whole_records(tmp_path, files):
    segment = opened(tmp_path, files)
    segment.append(RECORD)
    files.fail(1)
    with pytest.raises(OSError, match=r"No space|Input/output|bytes written"):
        segment.append(RECORD)
    assert content_of(tmp_path) == RECORD
    segment.seal()


def test_the_record_after_a_failed_append_follows_the_one_before(tmp_path):
    files = HalfWrites()
    segment = opened(tmp_path, files)
    files.fail(1)
    with pytest.raises(OSError, match="bytes written"):
        segment.append(b"lost\n")
    segment.append(RECORD)
    segment.seal()
    assert content_of(tmp_path) == RECORD


class NeitherWritesNorCuts(HalfWrites):
    def faulty(self, real, *arguments):
        return super().faulty(real, *arguments) if real is os.write else FaultyFiles.faulty(self, real, *arguments)

    def ftruncate(self, *arguments):
        raise OSError(errno.EIO, f"no {arguments}")


def test_a_segment_that_cannot_be_rolled_back_is_torn_and_not_sealed(tmp_path):
    files = NeitherWritesNorCuts()
    segment = opened(tmp_path, files)
    files.fail(1)
    with pytest.raises(OSError, match="bytes written"):
        segment.append(RECORD)
    segment.seal()
    assert segment.torn
    assert [path.suffix for path in tmp_path.iterdir()] == [".open"]


def test_the_whole_records_of_a_torn_segment_are_put_on_the_disk(tmp_path):
    files = NeitherWritesNorCuts()
    segment = opened(tmp_path, files)
    segment.append(RECORD)
    files.fail(1)
    with pytest.raises(OSError, match="bytes written"):
        segment.append(RECORD)
    files.call = "fdatasync"  # which fails from now on, and is heard of
    files.fail(1)
    with pytest.raises(OSError, match="No space"):
        segment.seal()


def test_a_failed_sync_still_seals_what_there_is_and_says_so(tmp_path):
    files = FaultyFiles("fsync", errno.EIO)
    segment = opened(tmp_path, files)
    segment.append(RECORD)
    files.fail(1)
    with pytest.raises(OSError, match="Input/output"):
        segment.seal()
    assert [path.suffix for path in tmp_path.iterdir()] == [".sealed"]


def test_sealing_lets_go_of_the_file_even_where_renaming_fails(tmp_path):
    files = FaultyFiles("rename", errno.EIO)
    segment = opened(tmp_path, files)
    segment.append(RECORD)
    files.fail(1)
    with pytest.raises(OSError, match="Input/output"):
        segment.seal()
    with held(tmp_path / segment.name.file(State.OPEN)) as mine:
        assert mine


def test_nothing_is_synced_twice_without_a_record_between(tmp_path):
    files = FaultyFiles("fdatasync", errno.EIO)
    segment = opened(tmp_path, files)
    segment.append(RECORD)
    segment.sync()
    files.fail(1)
    segment.sync()
    segment.seal()
    assert files.left == 1


@pytest.mark.parametrize("counted", [(), (0,), (0, 1, 2), (2,)])
def test_what_a_segment_says_of_itself_is_what_its_file_holds(tmp_path, counted):
    files = HalfWrites()
    segment = opened(tmp_path, files)
    for number in range(3):
        segment.append(b'{"inferenceTime":"2026-11-20T12:00:0%dZ"}\n' % number)
        if number in counted:
            segment.count()
    files.fail(1)
    with pytest.raises(OSError, match="bytes written"):
        segment.append(RECORD)
    segment.seal()
    (path,) = tmp_path.iterdir()
    assert segment.contents() == read_contents(path)


@pytest.mark.parametrize(("call", "act"), [("fdatasync", OpenSegment.sync), ("fsync", OpenSegment.seal)])
def test_a_segment_that_did_not_reach_the_disk_stays_doubtful(tmp_path, call, act):
    files = FaultyFiles(call, errno.EIO)
    segment = opened(tmp_path, files)
    segment.append(RECORD)
    files.fail(1)
    with pytest.raises(OSError, match="Input/output"):
        act(segment)
    assert segment.doubtful


def test_what_is_appended_while_a_sync_runs_is_synced_the_next_time(tmp_path):
    class Busy(FaultyFiles):
        def fdatasync(self, descriptor):
            self.left += 1
            if self.left == 1:
                segment.append(RECORD)
            os.fdatasync(descriptor)

    files = Busy("nothing", errno.EIO)
    segment = opened(tmp_path, files)
    segment.append(RECORD)
    for _ in range(3):
        segment.sync()
    assert files.left == 2


def test_a_segment_is_not_opened_where_somebody_else_was_faster(tmp_path):
    name = SegmentName.new(PRODUCER, 0, NOON)
    (tmp_path / name.file(State.OPEN)).touch()
    with pytest.raises(FileExistsError):
        OpenSegment(tmp_path, name, os)


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (b"", 0),
        (RECORD, 1),
        (RECORD * 3, 3),
        (RECORD + RECORD[:-1], 1),  # whole but for its newline: nobody was told that it is written
        (RECORD + RECORD[:5], 1),
        (RECORD + b"\0" * 4096, 1),
        (RECORD + b'{"captureData":{\n', 1),
        (RECORD + b"\n", 1),
        (RECORD + b"[]\n", 1),
        (RECORD[:7], 0),
    ],
)
def test_a_torn_tail_is_cut(tmp_path, content, records):
    path = tmp_path / "segment"
    path.write_bytes(content)
    assert mend(path, os) == Mended(records, len(RECORD) * records)
    assert path.read_bytes() == RECORD * records


def test_what_the_dead_wrote_is_put_on_the_disk_before_it_is_counted(tmp_path):
    path, files = tmp_path / "segment", FaultyFiles("fsync", errno.EIO)
    path.write_bytes(RECORD)
    files.fail(1)
    with pytest.raises(OSError, match="Input/output"):
        mend(path, files)


def reads_that_fail(monkeypatch, number, times):
    """Let so many looks at a file fail."""
    read, left = Path.read_bytes, [OSError(number, os.strerror(number))] * times

    def failing(path):
        if left:
            raise left.pop()
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", failing)


def test_a_read_that_fails_once_says_nothing_about_the_file(tmp_path, monkeypatch):
    path = tmp_path / "segment"
    path.write_bytes(RECORD)
    reads_that_fail(monkeypatch, errno.EIO, 1)
    with pytest.raises(OSError, match="Input/output"):
        mend(path, os)
    assert mend(path, os).records == 1


@pytest.mark.parametrize(("number", "of_the_file"), [(errno.EMFILE, False), (errno.ENOENT, False), (errno.EIO, True)])
def test_a_process_without_descriptors_takes_no_file_for_unreadable(tmp_path, monkeypatch, number, of_the_file):
    reads_that_fail(monkeypatch, number, 1)
    assert is_readable(tmp_path / "segment") is not of_the_file


@given(kept=st.integers(0, 4), cut=st.integers(1, len(RECORD) - 1))
def test_cutting_a_file_anywhere_costs_only_the_record_that_was_cut(tmp_path_factory, kept, cut):
    path = tmp_path_factory.mktemp("segment") / "segment"
    path.write_bytes(RECORD * kept + RECORD[:cut])
    assert mend(path, os).records == kept


@pytest.mark.parametrize("damage", [b"\0" * 8 + b"\n", b"not json\n", b"17\n", b'{"other":1}\n', b"\xff\xfe\n"])
def test_damage_before_the_last_line_is_not_cut_but_reported(tmp_path, damage):
    path = tmp_path / "segment"
    path.write_bytes(RECORD + damage + RECORD)
    with pytest.raises(UnreadableSegment, match="no capture record"):
        mend(path, os)
    assert path.read_bytes() == RECORD + damage + RECORD


def test_what_is_no_file_is_unreadable(tmp_path):
    with pytest.raises(UnreadableSegment, match="cannot be read"):
        mend(tmp_path, os)
    assert not is_readable(tmp_path)


def test_what_cannot_be_read_counts_as_one_record(tmp_path):
    (tmp_path / "two").write_bytes(b"a\nb\nc")
    assert [seems_to_hold(tmp_path / name) for name in ("two", "gone")] == [2, 1]


def test_flock_dies_with_its_descriptor(tmp_path):
    path = tmp_path / "file"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
    with held(path) as mine:
        assert mine
