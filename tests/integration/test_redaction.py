"""Redaction through a real endpoint process: what rules remove is nowhere on the disk, and every record is."""

import base64
import json
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.object_store.folder import FolderStore
from service.core.redaction import Redaction
from service.digest_key import digest_key, digest_key_file
from tests import plain_http
from tests.endpoint_token import AUTHORIZED
from tests.integration.capture_spool import config_of, spec_of, started
from tests.servers.endpoint import RunningEndpoint, running_endpoint, started_endpoint, write_package
from tests.unit.test_redaction_pictures import CANARY, JPEGS
from tests.wait import wait_until

ECHO = """
def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    text = data if isinstance(data, str) else data.decode("latin-1")
    return text.partition("answer:")[2] or "[0.25, 0.75]", "application/json"
"""
RULES = {
    "request": {"json": {"$..ssn": "hash"}, "images": "strip"},
    "response": {"json": {"$.name": "drop"}},
    "headers": {"inference_id": "hash"},
}


@contextmanager
def endpoint_with(folder: Path, rules: Mapping[str, object] | None) -> Iterator[RunningEndpoint]:
    package = write_package(folder / "package", {"code/inference.py": ECHO})
    capture = config_of().model_dump(mode="json", by_alias=True)
    with running_endpoint(package, folder, data_capture=capture, redaction=rules) as running:
        yield running


def invoke(endpoint: RunningEndpoint, body: bytes, content_type: str, **headers: str) -> None:
    named = {f"x-amzn-sagemaker-{name.replace('_', '-')}": value for name, value in headers.items()}
    answer = plain_http.post(
        f"{endpoint.url}/invocations", content=body, headers=AUTHORIZED | {"content-type": content_type, **named}
    )
    assert answer.status_code == 200, answer.text


def stopped(endpoint: RunningEndpoint) -> list[dict]:
    """What was captured, once the endpoint has stored it all and ended."""
    endpoint.process.send_signal(signal.SIGTERM)
    endpoint.process.wait(60)
    found = (endpoint.folder / "data" / "store" / "bucket").rglob("*.jsonl")
    return [json.loads(line) for path in sorted(found) for line in path.read_bytes().splitlines()]


def test_captures_hold_what_the_rules_leave(tmp_path: Path) -> None:
    with endpoint_with(tmp_path, RULES) as endpoint:
        invoke(
            endpoint, b'{"ssn": "111-22-3333", "x": 1}', "application/json", inference_id="ada", custom_attributes="b"
        )
        invoke(endpoint, b'{"ssn": "111-22-3333", "x": 2}', "application/json", inference_id="ada")
        records = stopped(endpoint)
    requests = [json.loads(record["captureData"]["endpointInput"]["data"]) for record in records]
    assert [request["x"] for request in requests] == [1, 2]
    assert re.fullmatch(r"hmac:[0-9a-f]{32}", requests[0]["ssn"])
    assert requests[0]["ssn"] == requests[1]["ssn"]
    metadata = [record["eventMetadata"] for record in records]
    assert metadata[0]["inferenceId"] == metadata[1]["inferenceId"] != "ada"
    assert not any("customAttributes" in each for each in metadata)


def test_a_body_that_cannot_be_redacted_is_withheld_and_its_record_kept(tmp_path: Path) -> None:
    with endpoint_with(tmp_path, RULES) as endpoint:
        invoke(endpoint, b"ssn: 111-22-3333", "application/json")
        invoke(endpoint, b"ssn: 111-22-3333", "text/plain")
        counts = plain_http.get(f"{endpoint.url}/metrics", headers=AUTHORIZED).text
        records = stopped(endpoint)
    inputs = [record["captureData"]["endpointInput"]["data"] for record in records]
    assert inputs == ['{"withheld":"not_json"}', '{"withheld":"no_rule"}']
    assert [record["captureData"]["endpointOutput"]["data"] for record in records] == ["[0.25,0.75]"] * 2
    assert 'withheld_bodies_total{endpoint="tiny",half="request",reason="not_json",variant="AllTraffic"} 1.0' in counts


@pytest.mark.parametrize("rules", [RULES, None], ids=["with rules", "without, as a control"])
def test_a_pictures_metadata_reaches_the_disk_only_without_rules(tmp_path: Path, rules: Mapping[str, object]) -> None:
    with endpoint_with(tmp_path, rules) as endpoint:
        invoke(endpoint, JPEGS["baseline"], "image/jpeg")
        (record,) = stopped(endpoint)
    captured = base64.b64decode(record["captureData"]["endpointInput"]["data"])
    assert (CANARY in captured) is (rules is None)


def test_what_waits_in_the_spool_is_redacted_already(tmp_path: Path) -> None:
    with endpoint_with(tmp_path, RULES) as endpoint:
        invoke(endpoint, b'{"ssn": "111-22-3333"}', "application/json")
        endpoint.process.kill()
        endpoint.process.wait()
        found = [*tmp_path.rglob("spool/*"), *tmp_path.rglob("*.jsonl")]
    held = b"".join(path.read_bytes() for path in found if path.is_file())
    assert b"hmac:" in held
    assert b"111-22-3333" not in held


def test_an_endpoint_that_asks_for_redaction_never_captures_without(tmp_path: Path) -> None:
    spec = spec_of(tmp_path).model_copy(update={"redaction": Redaction()})
    with pytest.raises(BadInput, match="must not capture without"):
        started(spec, FolderStore(tmp_path / "data"))


def test_a_key_that_others_may_read_keeps_the_endpoint_from_starting(tmp_path: Path) -> None:
    digest_key(tmp_path / "data")
    digest_key_file(tmp_path / "data").chmod(0o644)
    package = write_package(tmp_path / "package", {"code/inference.py": ECHO})
    capture = config_of().model_dump(mode="json", by_alias=True)
    with started_endpoint(package, tmp_path, data_capture=capture, redaction=RULES) as endpoint:
        wait_until(lambda: endpoint.process.poll() is not None, timeout_seconds=60, what="the endpoint's end")
        assert "digest.key is not this user's alone" in (tmp_path / "stderr").read_text()
