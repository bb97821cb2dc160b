"""Every log line is one JSON object, whatever is logged."""

import io
import json
import logging
import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import service
from service.logs import EventLog, configure

log = EventLog("sextant.test")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root, stream = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    configure(stream)
    yield stream
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = before


def last(lines: io.StringIO) -> dict[str, object]:
    return json.loads(lines.getvalue().splitlines()[-1])


def test_an_event_has_its_time_level_name_and_fields(lines: io.StringIO) -> None:
    log.warning("segment_dropped", bytes=5)
    line = last(lines)
    assert (line["level"], line["event"], line["bytes"]) == ("WARNING", "segment_dropped", 5)
    assert str(line["ts"]).endswith("+00:00")


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), b"\xff", "two\nlines", "\ud800", {"a": {1}}])
def test_any_field_keeps_a_line_one_json_object(lines: io.StringIO, value: object) -> None:
    log.info("odd", value=value)
    assert len(lines.getvalue().splitlines()) == 1
    assert json.loads(lines.getvalue(), parse_constant=pytest.fail)["event"] == "odd"


def test_an_error_carries_the_last_frames_of_its_cause(lines: io.StringIO) -> None:
    log.error("model_failed", cause=ZeroDivisionError("by zero"))
    assert "ZeroDivisionError: by zero" in str(last(lines)["traceback"])


def test_records_of_other_libraries_are_json_too(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").error("it %s", "broke")
    assert last(lines)["event"] == "it broke"


def test_warnings_are_logged(lines: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "DeprecationWarning: old" in str(last(lines)["event"])


def test_no_room_logs_past_the_event_log_which_alone_keeps_fields():
    rooms = Path(service.__file__).parent.rglob("*.py")
    assert [path.name for path in rooms if "extra={" in path.read_text()] == ["logs.py"]


def test_an_api_key_that_comes_into_a_line_by_whatever_way_is_stars_there(lines: io.StringIO) -> None:
    api_key = "sxt_" + "k" * 43
    log.error("failed", cause=ValueError(f"sent {api_key}"), sent={"key": api_key})
    assert api_key not in lines.getvalue()
    assert last(lines)["sent"] == {"key": "sxt_***"}
