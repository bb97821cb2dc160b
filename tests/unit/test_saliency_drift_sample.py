"""Which records of a window are asked again, whatever shards it is read in."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.capture_io import UnreadableLine
from monitor_jobs.contract.capture import CaptureData, CaptureRecord, EventMetadata, UnreadableReason
from monitor_jobs.contract.window import Window
from monitor_jobs.saliency_drift.sample import Summary, empty, lot_of, merge, summarise

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MOST = 5
EVENTS = st.lists(st.integers(0, 40), max_size=30)
FILES = st.lists(EVENTS, max_size=5)


def record(event: int, minutes: float = 0.0) -> CaptureRecord:
    metadata = EventMetadata(event_id=f"event-{event}", inference_time=NOON + timedelta(minutes=minutes))
    return CaptureRecord(capture_data=CaptureData(), event_metadata=metadata)


def of_file(events: list[int], name: str = "a.jsonl", most: int = MOST) -> Summary:
    return summarise(map(record, events), object_key=name, window=None, most=most)


def merged(parts: list[Summary]) -> Summary:
    return reduce(lambda left, right: merge(left, right, most=MOST), parts, empty())


def parts_of(files: list[list[int]]) -> list[Summary]:
    return [of_file(events, f"{number}.jsonl") for number, events in enumerate(files)]


@given(FILES, st.randoms())
def test_files_in_any_order_give_the_same_sample(files, chance):
    parts = parts_of(files)
    shuffled = parts.copy()
    chance.shuffle(shuffled)
    assert merged(shuffled) == merged(parts)


@given(FILES, FILES, FILES)
def test_it_does_not_matter_what_is_merged_first(one, two, three):
    a, b, c = (merged(parts_of(files)) for files in (one, two, three))
    left = merge(merge(a, b, most=MOST), c, most=MOST)
    assert left == merge(a, merge(b, c, most=MOST), most=MOST)
    assert merge(a, empty(), most=MOST) == a


@given(EVENTS)
def test_the_events_of_the_lowest_lots_are_asked_each_once(events):
    expected = sorted({f"event-{event}" for event in events}, key=lot_of)[:MOST]
    found = of_file(events)
    assert [one.event_id for one in found.sample] == expected
    assert (found.records, found.predictions) == (len(events), len(expected))


def test_every_event_is_as_likely():
    seen = Counter(lot_of(f"event-{event}") * 10 >> 64 for event in range(20_000))
    assert all(abs(count - 2_000) < 200 for count in seen.values())


def test_a_record_outside_of_the_window_does_not_count():
    hour = Window(NOON, NOON + timedelta(hours=1))
    lines = [record(1, -0.1), record(2), record(3, 59.9), record(4, 60)]
    found = summarise(lines, object_key="a.jsonl", window=hour, most=MOST)
    assert {one.event_id for one in found.sample} == {"event-2", "event-3"}
    assert (found.records, found.latest - found.earliest) == (2, 59 * 60 + 54)


def test_unreadable_lines_are_counted_by_reason_and_lines_keep_their_numbers():
    cut = UnreadableLine(1, UnreadableReason.TRUNCATED, "{")
    found = summarise([cut, record(1), cut], object_key="a.jsonl", window=None, most=MOST)
    assert found.unreadable == {"truncated": 2}
    assert [(one.object_key, one.line) for one in found.sample] == [("a.jsonl", 2)]


def test_no_line_is_a_summary_of_nothing():
    assert of_file([]) == empty()
