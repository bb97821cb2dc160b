"""Lines as the endpoint writes them are the contract's own, byte for byte of body."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.capture_io import CapturedBody, capture_line
from monitor_jobs.contract.capture import CaptureData, CaptureRecord, EventMetadata, Payload
from tests.unit.capture_io_files import NOON, reading, written

JSON_ANSWER = CapturedBody(b"[[0.25, 0.75]]", "application/json", "JSON")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
BODIES = st.builds(CapturedBody, st.binary(max_size=60), TEXTS, st.sampled_from(["CSV", "JSON", "BASE64"]))


def written_line(request=None, response=JSON_ANSWER, inference_id=None, custom_attributes=None) -> bytes:
    return capture_line(
        event_id="e-1",
        inference_time=NOON,
        request=request,
        response=response,
        inference_id=inference_id,
        custom_attributes=custom_attributes,
    )


def output_of(body: CapturedBody) -> Payload:
    half = CaptureRecord.model_validate_json(written_line(response=body)).capture_data.endpoint_output
    assert half is not None
    return half


def body_of(payload: Payload) -> bytes:
    return base64.b64decode(payload.data) if payload.encoding == "BASE64" else payload.data.encode()


def test_a_line_equals_the_contracts_record():
    record = CaptureRecord(
        capture_data=CaptureData(
            endpoint_input=Payload(observed_content_type="text/csv", mode="INPUT", data="1,2\n", encoding="CSV"),
            endpoint_output=Payload(observed_content_type="image/png", mode="OUTPUT", data="iVA=", encoding="BASE64"),
        ),
        event_metadata=EventMetadata(
            event_id="e-1", inference_id="i-1", custom_attributes=["c=1"], inference_time=NOON
        ),
    )
    request = CapturedBody(b"1,2\n", "text/csv", "CSV")
    line = written_line(request, CapturedBody(b"\x89P", "image/png", "BASE64"), "i-1", "c=1")
    assert json.loads(line) == json.loads(record.to_line())


def test_absent_halves_and_ids_are_left_out():
    record = json.loads(written_line())
    assert list(record["captureData"]) == ["endpointOutput"]
    assert list(record["eventMetadata"]) == ["eventId", "inferenceTime"]


def test_a_line_has_one_newline_at_its_end():
    line = written_line(CapturedBody(b"a\nb\r\n", "text/csv", "CSV"))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


def test_time_is_written_in_utc_seconds():
    moment = datetime(2026, 11, 20, 12, 0, 1, 999_999, tzinfo=UTC)
    line = capture_line(
        event_id="e",
        inference_time=moment,
        request=None,
        response=JSON_ANSWER,
        inference_id=None,
        custom_attributes=None,
    )
    assert json.loads(line)["eventMetadata"]["inferenceTime"] == "2026-11-20T12:00:01Z"


@pytest.mark.parametrize("encoding", ["CSV", "JSON"])
def test_text_that_is_not_utf8_is_kept_in_base64(encoding: str):
    payload = output_of(CapturedBody(b"caf\xe9", "text/csv", encoding))
    assert payload.encoding == "BASE64"
    assert body_of(payload) == b"caf\xe9"


def test_a_nul_in_text_is_escaped():
    line = written_line(response=CapturedBody(b"a\0b", "text/csv", "CSV"))
    assert b"\0" not in line
    assert json.loads(line)["captureData"]["endpointOutput"]["data"] == "a\0b"


@given(BODIES)
def test_no_byte_of_any_body_is_lost(body: CapturedBody):
    assert body_of(output_of(body)) == body.body


def test_what_is_written_can_be_read(tmp_path: Path):
    found = reading(written(tmp_path, written_line(inference_id="i-1")))
    assert [(item.label, item.confidence, item.inference_id) for item in found.predictions] == [("go", 0.75, "i-1")]
