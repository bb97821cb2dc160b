"""`sextant baseline`: statistics and suggested constraints from a window of captures, as a processing job."""

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor_jobs.contract.errors import BadInput, SextantError
from service.cli.capture import captures_of
from service.cli.client import Client, connect, load, store, wait_for
from service.cli.endpoint import ROLE
from service.cli.output import AsJson, print_fields, print_json
from service.cli.schedule import utc

if TYPE_CHECKING:
    from monitor_jobs.contract.window import Window
    from monitor_jobs.object_store import ObjectStore

app = typer.Typer(help="Make baselines.", no_args_is_help=True)
DATASET = "/opt/ml/processing/input/endpoint"
CARD_FOLDER = "/opt/ml/processing/model"
OUTPUT = "/opt/ml/processing/outputs"
MAX_CAPTURE_INPUTS = 9  # of the ten inputs that a processing job may have; the model card is the tenth
RUN_SECONDS = 3600.0


@app.callback()
def _group() -> None:
    """Make baselines."""


@app.command()
def create(
    endpoint: Annotated[str, typer.Option(help="Endpoint whose captures are the baseline.")],
    start: Annotated[datetime, typer.Option("--from", help="Start of the window, UTC.")],
    end: Annotated[datetime, typer.Option("--to", help="End of the window, UTC; not in it.")],
    monitor: Annotated[str, typer.Option(help="Image of the monitor.")] = "sextant/class-skew",
    output: Annotated[str | None, typer.Option(help="s3:// address that the files go to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make statistics.json and constraints.json from a window of captures.

    Example: sextant baseline create --endpoint digits --from 2026-11-20T00:00:00 --to 2026-11-21T00:00:00
    """
    from monitor_jobs.contract.window import Window

    client, window = connect(), Window(utc(start), utc(end))
    name = f"baseline-{endpoint[:30]}-{secrets.token_hex(4)}"
    target = output or f"s3://{load().bucket}/baselines/{name}"
    client.call("CreateProcessingJob", **_request(client, endpoint, window, monitor=monitor, name=name, target=target))
    job = wait_for(lambda: _ended(client, name), what="the baseline is made", timeout_seconds=RUN_SECONDS)
    if job["ProcessingJobStatus"] != "Completed":
        raise SextantError(f"{name} is {job['ProcessingJobStatus']}: {job.get('FailureReason', 'see its log')}")
    answer = {"Baseline": target, "Job": name, "Window": str(window)}
    if as_json:
        print_json(answer)
    else:
        print_fields(answer)


def _request(
    client: Client, endpoint: str, window: "Window", *, monitor: str, name: str, target: str
) -> dict[str, Any]:
    from monitor_jobs.contract.window import format_timestamp

    destination, below = captures_of(client, endpoint)
    captures = _capture_inputs(store(), destination, below, window)
    card = _put_card(client, endpoint, f"{target}/model_card.json")
    environment = {
        "SEXTANT_ANALYSIS": "suggest_baseline",
        "SEXTANT_MODEL_CARD": f"{CARD_FOLDER}/model_card.json",
        "dataset_source": DATASET,
        "output_path": OUTPUT,
        "start_time": format_timestamp(window.start),
        "end_time": format_timestamp(window.end),
        "sagemaker_endpoint_name": endpoint,
    }
    return {
        "ProcessingJobName": name,
        "ProcessingInputs": [*captures, _input("card", card, CARD_FOLDER)],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "baseline",
                    "S3Output": {"S3Uri": target, "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"},
                }
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": monitor},
        "Environment": environment,
        "RoleArn": ROLE,
    }


def _capture_inputs(objects: "ObjectStore", destination: str, below: str, window: "Window") -> list[dict[str, Any]]:
    from monitor_jobs.contract.capture import hour_folder
    from monitor_jobs.contract.window import hours_of
    from monitor_jobs.object_store import S3Address

    folders = [f"{below}/{hour_folder(hour)}" for hour in hours_of(window)]
    held = [folder for folder in folders if any(objects.list(S3Address.parse(f"{destination}/{folder}/")))]
    if not held:
        raise BadInput(f"{below} has no captures from {window}: widen the window")
    # Too many hours for one input each: whole days, then all of them; the job itself keeps to the window.
    days = sorted({folder.rpartition("/")[0] for folder in held})
    chosen = next((some for some in (held, days) if len(some) <= MAX_CAPTURE_INPUTS), [below])
    return [
        _input(f"captures-{index}", f"{destination}/{folder}", f"{DATASET}/{folder}")
        for index, folder in enumerate(chosen)
    ]


def _put_card(client: Client, endpoint: str, target: str) -> str:
    import tempfile
    from pathlib import Path

    from monitor_jobs.model_archive import read_model_card_from_archive
    from monitor_jobs.object_store import S3Address

    name = client.call("DescribeEndpoint", EndpointName=endpoint)["EndpointConfigName"]
    config = client.call("DescribeEndpointConfig", EndpointConfigName=name)
    model = client.call("DescribeModel", ModelName=config["ProductionVariants"][0]["ModelName"])
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "model.tar.gz"
        store().download(S3Address.parse(model["PrimaryContainer"]["ModelDataUrl"]), archive)
        card = read_model_card_from_archive(archive)
    store().put(S3Address.parse(target), card.model_dump_json().encode())
    return target


def _input(name: str, uri: str, local_path: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": local_path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}


def _ended(client: Client, name: str) -> dict[str, Any] | None:
    job = client.call("DescribeProcessingJob", ProcessingJobName=name)
    return job if job["ProcessingJobStatus"] in ("Completed", "Failed", "Stopped") else None
