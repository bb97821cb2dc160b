"""Which rules fit a body, and what becomes of one that none fits."""

import json
import logging
import uuid
from collections import Counter
from pathlib import Path

import pytest

from monitor_jobs.capture_io import CapturedBody, capture_line, read_predictions
from monitor_jobs.capture_io.answers import UnreadableAnswer, read_answer
from monitor_jobs.capture_io.lines import Output
from monitor_jobs.contract.capture import (
    WITHHELD_CONTENT_TYPE,
    CaptureContentTypeHeader,
    UnreadableReason,
    capture_file_path,
)
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.side_index import index_capture
from service.core.redaction import Redaction
from service.endpoint.redaction import Redactor, WithheldReason
from service.endpoint.redaction.withheld import marker_of
from tests.unit.capture_io_files import NOON
from tests.unit.test_redaction_pictures import CANARY, PNGS

LISTED = CaptureContentTypeHeader(json_content_types=["application/vnd.mine"], csv_content_types=["text/x-csv"])


class Redacting:
    """A redactor of these rules, and what it counted."""

    def __init__(self, hashed=lambda value: f"#{value.decode()}", **rules) -> None:
        self.counted = Counter()
        redaction = Redaction.model_validate(rules)
        self.redactor = Redactor(redaction, LISTED, hashed=hashed, count=lambda *which: self.counted.update([which]))

    def request(self, body: bytes, content_type: str) -> CapturedBody:
        return self.redactor.body("request", CapturedBody(body, content_type, "BASE64"))


def all_kinds() -> Redacting:
    return Redacting(
        request={"json": {"$.a": "hash"}, "csv": {"0": "hash"}, "images": "strip", "keep": ["application/X-npy"]}
    )


@pytest.mark.parametrize(
    ("content_type", "body", "left"),
    [
        ("application/json", b'{"a":"x"}', b'{"a":"#x"}'),
        ("Application/JSON; charset=utf-8", b'{"a":"x"}', b'{"a":"#x"}'),
        ("application/x-ndjson", b'{"a":"x"}\n', b'{"a":"#x"}'),
        ("application/vnd.mine", b'{"a":"x"}', b'{"a":"#x"}'),
        ("text/csv", b"x,y", b"#x,y"),
        ("text/x-csv", b"x,y", b"#x,y"),
        ("application/x-npy", b"\x93NUMPY", b"\x93NUMPY"),
        ("application/X-NPY", b"\x93NUMPY", b"\x93NUMPY"),
    ],
)
def test_the_content_type_tells_which_rules_fit(content_type: str, body: bytes, left: bytes) -> None:
    assert all_kinds().request(body, content_type).body == left


@pytest.mark.parametrize("content_type", ["image/png", "image/jpeg", "application/x-image"])
def test_a_picture_is_known_by_its_bytes(content_type: str) -> None:
    assert CANARY not in all_kinds().request(PNGS["rgb"], content_type).body


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [
        ("application/octet-stream", WithheldReason.NO_RULE),
        ("image/webp", WithheldReason.NO_RULE),
        ("application/problem+json", WithheldReason.NO_RULE),
        ("", WithheldReason.NO_RULE),
        ("application/json", WithheldReason.NOT_JSON),
        ("text/csv", WithheldReason.NOT_CSV),
        ("image/png", WithheldReason.NOT_IMAGE),
    ],
)
def test_what_no_rule_fits_is_withheld_and_counted(content_type: str, reason: WithheldReason) -> None:
    redacting = all_kinds()
    marker = redacting.request(b"\xffsecret", content_type)
    assert (json.loads(marker.body), marker.content_type) == ({"withheld": reason}, WITHHELD_CONTENT_TYPE)
    assert redacting.counted == {("request", reason): 1}


def test_a_fault_of_ours_withholds_too_and_logs_no_value(caplog: pytest.LogCaptureFixture) -> None:
    def faulty(value: bytes) -> str:
        raise RuntimeError(f"cannot hash {value!r}")

    redacting = Redacting(faulty, request={"json": {"$.a": "hash"}})
    with caplog.at_level(logging.ERROR):
        redacting.request(b'{"a":"secret"}', "application/json")
    assert redacting.counted == {("request", WithheldReason.FAILED): 1}
    assert [record.message for record in caplog.records] == ["capture_not_redacted"]
    assert "secret" not in str([vars(record) for record in caplog.records])


def test_a_half_without_rules_is_left_as_it_is() -> None:
    redacting = Redacting(request={"images": "strip"})
    given = CapturedBody(b"secret", "text/plain; for=you", "BASE64")
    assert redacting.redactor.body("response", given) is given


def test_parameters_of_a_content_type_go_but_the_character_set() -> None:
    kept = all_kinds().request(b'{"a":1}', "application/json; user=ada; charset=UTF-8; n=1")
    assert kept.content_type == "application/json; charset=UTF-8"


def test_a_monitor_counts_a_withheld_answer_as_such() -> None:
    marker = all_kinds().request(b"", "text/plain")
    with pytest.raises(UnreadableAnswer) as unreadable:
        read_answer(Output(marker.body.decode(), marker.encoding, marker.content_type))
    assert unreadable.value.reason is UnreadableReason.WITHHELD


def test_a_file_with_a_withheld_answer_is_read_and_indexed_with_the_reason(tmp_path: Path) -> None:
    readable = CapturedBody(b"[[0.25, 0.75]]", "application/json", "JSON")
    lines = [
        capture_line(
            event_id=str(uuid.UUID(int=number)),
            inference_time=NOON,
            request=None,
            response=response,
            inference_id=None,
            custom_attributes=None,
        )
        for number, response in enumerate([readable, marker_of(WithheldReason.NOT_JSON), readable])
    ]
    key = f"signs/AllTraffic/{capture_file_path(NOON, uuid.UUID(int=9))}"
    (tmp_path / "capture.jsonl").write_bytes(b"".join(lines))
    (columns,) = read_predictions(tmp_path / "capture.jsonl", object_key=key, window=None, card=ModelCard())
    assert (columns.lines.tolist(), columns.records, columns.unreadable) == ([1, 3], 2, {UnreadableReason.WITHHELD: 1})
    index = index_capture(tmp_path / "capture.jsonl", key)
    assert index is not None
    assert index.capture.unreadable == {UnreadableReason.WITHHELD: 1}


@pytest.mark.parametrize(("action", "left"), [("keep", "ada"), ("hash", "#ada"), ("drop", None)])
def test_headers_are_kept_hashed_or_dropped(action: str, left: str | None) -> None:
    redactor = Redacting(headers={"inference_id": action, "custom_attributes": action}).redactor
    assert (redactor.inference_id("ada"), redactor.custom_attributes("ada")) == (left, left)


def test_a_header_that_no_rule_speaks_of_is_dropped() -> None:
    assert Redacting(request={"images": "strip"}).redactor.inference_id("ada") is None


def test_a_header_that_was_not_sent_is_not_made_up() -> None:
    assert Redacting(headers={"inference_id": "hash"}).redactor.inference_id(None) is None
