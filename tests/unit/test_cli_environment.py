"""The environment that clients are told to have."""

import json
import shlex
from pathlib import Path

import pytest

from service.adapters.s3_door import Door
from service.cli.environment import SERVED, environment_of, exports, write_sdk_config
from service.running import Running, read_running, running_file, write_running

RUNNING = Running(
    url="http://127.0.0.1:8080",
    pid=1,
    region="eu-west-1",
    account="123456789012",
    bucket="sextant",
    sdk_config=Path("/data/a folder/sdk.yaml"),
)
DOOR = Door(access_key_id="SXTKEY", secret_access_key="secret", port=9000)


def test_every_service_that_is_served_has_its_address():
    variables = environment_of(RUNNING, None)
    assert {variables[f"AWS_ENDPOINT_URL_{service}"] for service in SERVED} == {"http://127.0.0.1:8080"}
    assert variables["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_without_a_door_s3_is_left_out_and_any_key_will_do():
    variables = environment_of(RUNNING, DOOR)
    assert "AWS_ENDPOINT_URL_S3" not in variables
    assert variables["AWS_ACCESS_KEY_ID"] == variables["AWS_SECRET_ACCESS_KEY"] == "sextant"


def test_a_door_has_its_address_and_keys():
    variables = environment_of(RUNNING.model_copy(update={"s3_url": "http://127.0.0.1:9000"}), DOOR)
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    assert [variables[name] for name in names] == ["http://127.0.0.1:9000", "SXTKEY", "secret"]


def test_where_an_s3_service_has_the_objects_its_keys_are_the_callers_own():
    variables = environment_of(RUNNING.model_copy(update={"store_url": "http://s3.local"}), DOOR)
    assert variables["AWS_ENDPOINT_URL_S3"] == "http://s3.local"
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & set(variables)


def test_a_shell_reads_each_line_as_it_was_meant():
    lines = exports(environment_of(RUNNING, None))
    read = dict(shlex.split(line)[1].split("=", 1) for line in lines)
    assert read == environment_of(RUNNING, None)
    assert {shlex.split(line)[0] for line in lines} == {"export"}


def test_the_sdk_is_told_its_bucket_and_to_keep_to_itself(tmp_path):
    write_sdk_config(tmp_path / "sdk.yaml", bucket="mine")
    config = json.loads((tmp_path / "sdk.yaml").read_text())
    modules = config["SageMaker"]["PythonSDK"]["Modules"]
    assert (config["SchemaVersion"], modules) == (
        "1.0",
        {"TelemetryOptOut": True, "Session": {"DefaultS3Bucket": "mine"}},
    )


def test_what_was_told_of_a_running_service_is_read_again(tmp_path):
    write_running(tmp_path, RUNNING)
    assert read_running(tmp_path) == RUNNING
    assert [path.name for path in tmp_path.iterdir()] == ["control.json"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"url": 7}', b"\xff"])
def test_what_cannot_be_read_tells_of_nothing(tmp_path, content):
    if content is not None:
        running_file(tmp_path).write_bytes(content)
    assert read_running(tmp_path) is None
