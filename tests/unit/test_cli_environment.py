"""The environment that clients are told to have."""

import json
import shlex
from pathlib import Path

import pytest

from service.cli.environment import (
    SERVED,
    environment_of,
    exports,
    remarks,
    secrets_among,
    without_secrets,
    write_sdk_config,
)
from service.core.keys import ApiKey, KeyPair
from service.core.secret import Secret
from service.first_key import FirstKey
from service.running import Running, read_running, running_file, write_running

RUNNING = Running(
    url="http://127.0.0.1:8080",
    pid=1,
    region="eu-west-1",
    account="123456789012",
    bucket="sextant",
    sdk_config=Path("/data/a folder/sdk.yaml"),
)
PAIR, API_KEY = KeyPair("SXTKEY", Secret("canary-secret")), ApiKey("SXKKEY", Secret("sxt_canary"))
MADE = FirstKey("admin", PAIR, API_KEY, is_given=False)
GIVEN = FirstKey("admin", PAIR, API_KEY, is_given=True)
AT_S3 = RUNNING.model_copy(update={"store_url": "http://s3.local"})
PAIR_VARIABLES = {"AWS_ACCESS_KEY_ID": "SXTKEY", "AWS_SECRET_ACCESS_KEY": "canary-secret"}


def test_every_service_that_is_served_has_its_address():
    variables = environment_of(RUNNING, MADE)
    assert {variables[f"AWS_ENDPOINT_URL_{service}"] for service in SERVED} == {"http://127.0.0.1:8080"}
    assert variables["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_boto3_has_the_pair_and_our_own_commands_have_the_api_key():
    variables = environment_of(RUNNING, MADE)
    assert {**PAIR_VARIABLES, "SEXTANT_API_KEY": "sxt_canary"}.items() <= variables.items()


def test_a_door_has_its_address_and_the_same_pair():
    variables = environment_of(RUNNING.model_copy(update={"s3_url": "http://127.0.0.1:9000"}), MADE)
    assert {**PAIR_VARIABLES, "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000"}.items() <= variables.items()


def test_an_s3_service_of_its_own_leaves_the_callers_pair_alone_and_says_what_to_do():
    variables = environment_of(AT_S3, MADE)
    assert variables["AWS_ENDPOINT_URL_S3"] == "http://s3.local"
    assert not PAIR_VARIABLES.keys() & variables.keys()
    (remark,) = remarks(AT_S3, MADE)
    assert "http://s3.local has keys of its own" in remark
    assert "set SEXTANT_ACCESS_KEY_ID and SEXTANT_SECRET_ACCESS_KEY_FILE" in remark


def test_a_pair_that_was_given_is_the_one_for_both():
    assert PAIR_VARIABLES.items() <= environment_of(AT_S3, GIVEN).items()
    assert remarks(AT_S3, GIVEN) == []


def test_without_a_first_key_there_is_an_environment_without_keys():
    assert not {*PAIR_VARIABLES, "SEXTANT_API_KEY"} & environment_of(RUNNING, None).keys()
    assert "Restart `sextant up`, which makes another" in remarks(RUNNING, None)[0]


def test_what_may_be_in_a_log_has_no_secret_and_the_rest_has_nothing_else():
    variables = environment_of(RUNNING, MADE)
    assert "canary" not in str(without_secrets(variables))
    assert secrets_among(variables) == {"AWS_SECRET_ACCESS_KEY": "canary-secret", "SEXTANT_API_KEY": "sxt_canary"}
    assert without_secrets(variables) | secrets_among(variables) == variables


def test_a_shell_reads_each_line_as_it_was_meant():
    lines = exports(environment_of(RUNNING, MADE))
    read = dict(shlex.split(line)[1].split("=", 1) for line in lines)
    assert read == environment_of(RUNNING, MADE)
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
