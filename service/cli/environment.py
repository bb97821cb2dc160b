"""`sextant env`: what boto3 and the SageMaker SDK need in their environment to speak to the running service alone."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.client import Client, Unreachable, load
from service.cli.output import AsJson, print_json, print_line, say

if TYPE_CHECKING:
    from service.core.keys import KeyPair
    from service.first_key import FirstKey
    from service.running import Running

# Every client of the SDK's that follows its variable: one that is left out would go to AWS.
SERVED = ("SAGEMAKER", "SAGEMAKER_RUNTIME", "SAGEMAKER_METRICS", "CLOUDWATCH", "CLOUDWATCH_LOGS", "STS", "IAM")
NO_KEY = (
    "# No key here: first-key.json of the data folder is gone. Restart `sextant up`, which makes another, or use a key "
    "of your own."
)
TWO_KEYS = (
    "# The S3 service at {} has keys of its own, and clients have one pair for all: set SEXTANT_ACCESS_KEY_ID and "
    "SEXTANT_SECRET_ACCESS_KEY_FILE to one that it takes, and restart."
)
SECRETS = ("AWS_SECRET_ACCESS_KEY", "SEXTANT_API_KEY")
NO_DOOR = "# No S3 here: `sextant up --s3` opens a door on the folder store."


def env(as_json: AsJson = False) -> None:
    """Print the environment that points boto3 and the SageMaker SDK here: eval "$(sextant env)"."""
    from service.first_key import read_first_key
    from service.running import read_running

    data = load().data
    running = read_running(data)
    if running is None:
        raise Unreachable(
            f"no `sextant up` uses {data}: start it, or set SEXTANT_DATA to the folder of the one that runs"
        )
    Client(running.url, certificate=running.certificate).text("/ping")  # what was killed has left its address behind
    first_key = read_first_key(data)
    variables = environment_of(running, first_key)
    if as_json:
        print_json(variables)
        return
    for line in exports(variables):
        print_line(line)
    for remark in remarks(running, first_key):
        say(remark)


def environment_of(running: "Running", first_key: "FirstKey | None") -> dict[str, str]:
    """Variables by name, with the first key where there is one; boto3 takes the pair, our own commands the API key.

    An S3 service beside this one has a pair of its own: the first key's takes its place only where both were given it.
    """
    s3_url = running.s3_url or running.store_url
    return {
        **{f"AWS_ENDPOINT_URL_{service}": running.url for service in SERVED},
        **({"AWS_ENDPOINT_URL_S3": s3_url} if s3_url else {}),
        **({"SEXTANT_API_KEY": first_key.api_key.secret.reveal()} if first_key else {}),
        **(_pair(first_key.pair) if first_key and (first_key.is_given or not running.store_url) else {}),
        "AWS_DEFAULT_REGION": running.region,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(running.sdk_config),
    }


def without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """Those variables that may be in a log."""
    return {name: value for name, value in variables.items() if name not in SECRETS}


def secrets_among(variables: Mapping[str, str]) -> dict[str, str]:
    """Those that `without_secrets` leaves out."""
    return {name: value for name, value in variables.items() if name in SECRETS}


def remarks(running: "Running", first_key: "FirstKey | None") -> list[str]:
    """What a person is to know of what is missing."""
    no_s3 = not (running.s3_url or running.store_url)
    two_keys = bool(running.store_url and first_key and not first_key.is_given)
    said = ((first_key is None, NO_KEY), (no_s3, NO_DOOR), (two_keys, TWO_KEYS.format(running.store_url)))
    return [remark for is_so, remark in said if is_so]


def exports(variables: Mapping[str, str]) -> list[str]:
    """Lines for a shell."""
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def write_sdk_config(path: Path, *, bucket: str) -> None:
    """Leave the SageMaker SDK's configuration: no telemetry, and a bucket that is here, so that it asks for none."""
    # JSON is YAML.
    session = {"DefaultS3Bucket": bucket}
    modules = {"TelemetryOptOut": True, "Session": session}
    config = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": modules}}}
    path.write_text(json.dumps(config, indent=2) + "\n")


def _pair(pair: "KeyPair") -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": pair.key_id, "AWS_SECRET_ACCESS_KEY": pair.secret.reveal()}
