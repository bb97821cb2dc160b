"""`sextant env`: what boto3 and the SageMaker SDK need in their environment to speak to the running service alone."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.client import Client, Unreachable, load
from service.cli.output import AsJson, print_json, print_line, say

if TYPE_CHECKING:
    from service.adapters.s3_door import Door
    from service.running import Running

# Every client of the SDK's that follows its variable: one that is left out would go to AWS.
SERVED = ("SAGEMAKER", "SAGEMAKER_RUNTIME", "SAGEMAKER_METRICS", "CLOUDWATCH", "CLOUDWATCH_LOGS", "STS", "IAM")
ANY_KEY = "sextant"  # boto3 signs with whatever there is, and refuses to send where there is nothing
NO_DOOR = "# No S3 here: `sextant up --s3` opens a door on the folder store."


def env(as_json: AsJson = False) -> None:
    """Print the environment that points boto3 and the SageMaker SDK here: eval "$(sextant env)"."""
    from service.adapters.s3_door import read_door
    from service.running import read_running

    data = load().data
    running = read_running(data)
    if running is None:
        raise Unreachable(
            f"no `sextant up` uses {data}: start it, or set SEXTANT_DATA to the folder of the one that runs"
        )
    Client(running.url).text("/ping")  # what was killed has left its address behind
    variables = environment_of(running, read_door(data))
    if as_json:
        print_json(variables)
        return
    for line in exports(variables):
        print_line(line)
    if "AWS_ENDPOINT_URL_S3" not in variables:
        say(NO_DOOR)


def environment_of(running: "Running", door: "Door | None") -> dict[str, str]:
    """Variables by name. Where an S3 service of its own has the objects, the keys are those that it takes already."""
    s3_url = running.s3_url or running.store_url
    return {
        **{f"AWS_ENDPOINT_URL_{service}": running.url for service in SERVED},
        **({"AWS_ENDPOINT_URL_S3": s3_url} if s3_url else {}),
        **({} if running.store_url else _keys(door if running.s3_url else None)),
        "AWS_DEFAULT_REGION": running.region,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(running.sdk_config),
    }


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


def _keys(door: "Door | None") -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": door.access_key_id if door else ANY_KEY,
        "AWS_SECRET_ACCESS_KEY": door.secret_access_key if door else ANY_KEY,
    }
