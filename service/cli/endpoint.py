"""`sextant endpoint`: deploy a model package, look at endpoints, invoke, delete. Updates are in endpoint_update."""

import hashlib
import re
import sys
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from monitor_jobs.contract.errors import BadInput, NotFound, SextantError
from service.cli.client import Client, connect, load, local_time, store, wait_for
from service.cli.output import AsJson, print_fields, print_json, print_table, say

app = typer.Typer(help="Serve model packages.", no_args_is_help=True)
ROLE = "arn:aws:iam::000000000000:role/sextant"
START_SECONDS = 300.0
STOP_SECONDS = 60.0
NAME_CHARACTERS = 63


@app.command()
def create(
    name: str,
    model: Annotated[str, typer.Option(help="model.tar.gz: a local file, or s3://bucket/key.")],
    capture: Annotated[int, typer.Option(min=0, max=100, help="Share of requests to capture, in per cent.")] = 100,
    destination: Annotated[str | None, typer.Option(help="s3:// address that captures go to.")] = None,
    environment: Annotated[list[str] | None, typer.Option("--env", help="NAME=VALUE for the model.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is InService.")] = True,
    as_json: AsJson = False,
) -> None:
    """Deploy a model package. Deploying a model runs its code: deploy only what you trust.

    Example: sextant endpoint create digits --model model.tar.gz --capture 100
    """
    client = connect()
    deploy(
        client,
        name,
        package_url(model, name),
        capture=capture,
        destination=destination,
        environment=parse_pairs(environment),
    )
    if wait:
        wait_in_service(client, name)
    show(client.call("DescribeEndpoint", EndpointName=name), as_json=as_json)


@app.command("list")
def list_endpoints(as_json: AsJson = False) -> None:
    """List endpoints, newest first."""
    rows = connect().pages("ListEndpoints", "Endpoints")
    if as_json:
        print_json(rows)
        return
    shown = [
        {"Name": r["EndpointName"], "Status": r["EndpointStatus"], "Created": local_time(r["CreationTime"])}
        for r in rows
    ]
    print_table(
        ["Name", "Status", "Created"], shown, empty="No endpoints: sextant endpoint create NAME --model model.tar.gz"
    )


@app.command()
def describe(name: str, as_json: AsJson = False) -> None:
    """Show one endpoint."""
    show(connect().call("DescribeEndpoint", EndpointName=name), as_json=as_json)


@app.command()
def invoke(
    name: str,
    body: Annotated[Path, typer.Argument(help="File to send, or - for standard input.")],
    content_type: Annotated[str, typer.Option(help="Content-Type of the file.")] = "application/json",
    accept: Annotated[str, typer.Option(help="Accept of the answer.")] = "application/json",
    inference_id: Annotated[str | None, typer.Option(help="Id to find this request's capture by.")] = None,
) -> None:
    """Send one request and print the answer."""
    if str(body) != "-" and not body.is_file():
        raise NotFound(f"{body} is no file: name one to send, or - for standard input")
    content = sys.stdin.buffer.read() if str(body) == "-" else body.read_bytes()
    headers = {"Content-Type": content_type, "Accept": accept}
    if inference_id is not None:
        headers["X-Amzn-SageMaker-Inference-Id"] = inference_id
    sys.stdout.buffer.write(connect().invoke(name, content, headers) + b"\n")


@app.command()
def delete(
    name: str, wait: Annotated[bool, typer.Option(help="Wait until it has drained and flushed.")] = True
) -> None:
    """Stop an endpoint; its captures and its package stay."""
    client = connect()
    config = client.call("DescribeEndpoint", EndpointName=name)["EndpointConfigName"]
    client.call("DeleteEndpoint", EndpointName=name)
    if _is_version(config, name):  # made by `create` or `update`: the name is free again
        _forget_versions(client, name)
    if wait:
        wait_for(lambda: _gone(client, name), what=f"{name} drains and flushes", timeout_seconds=STOP_SECONDS)
    say(f"{name} is deleted")


def package_url(model: str, name: str) -> str:
    """The address of a package, a local one's once it is in the store."""
    return model if model.startswith("s3://") else upload_package(Path(model), name)


def upload_package(archive: Path, name: str) -> str:
    """The address of a local model package once it is in the store; the same bytes get the same address."""
    from monitor_jobs.object_store import S3Address

    if not archive.is_file():
        raise NotFound(f"{archive} is no file: pack a model as model.tar.gz with code/inference.py")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:16]
    address = S3Address(load().bucket, f"models/{name}-{digest}/model.tar.gz")
    store().upload(archive, address)
    return str(address)


def deploy(
    client: Client,
    name: str,
    model_data_url: str,
    *,
    capture: int,
    destination: str | None,
    environment: dict[str, str],
) -> None:
    """Model, EndpointConfig and Endpoint of one name, in AWS's order; all of them or none."""
    container = {"ModelDataUrl": model_data_url, "Environment": environment}
    variant = {"VariantName": "AllTraffic", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    data_capture = capture_config(capture, destination)
    with ExitStack() as undo:
        create_version(client, name, container=container, variant=variant, data_capture=data_capture, undo=undo)
        client.call("CreateEndpoint", EndpointName=name, EndpointConfigName=name)
        undo.pop_all()


def create_version(
    client: Client,
    name: str,
    *,
    container: dict[str, Any],
    variant: dict[str, Any],
    data_capture: dict[str, Any] | None,
    undo: ExitStack,
) -> None:
    """A Model and an EndpointConfig of one name, which `undo` forgets again."""
    client.call("CreateModel", ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    undo.callback(_forget, client, "DeleteModel", ModelName=name)
    config: dict[str, Any] = {"ProductionVariants": [{**variant, "ModelName": name}]}
    if data_capture is not None:
        config["DataCaptureConfig"] = data_capture
    client.call("CreateEndpointConfig", EndpointConfigName=name, **config)
    undo.callback(_forget, client, "DeleteEndpointConfig", EndpointConfigName=name)


def version_name(endpoint: str, now: datetime) -> str:
    """The name of the version that an update makes of an endpoint; the first one has the endpoint's own."""
    return f"{_stem(endpoint)}-{now:%Y%m%d%H%M%S}"


def capture_config(percentage: int, destination: str | None) -> dict[str, Any]:
    """A DataCaptureConfig of both halves, CSV and JSON as text; to the bucket of the settings where none is named."""
    return {
        "EnableCapture": percentage > 0,
        "InitialSamplingPercentage": percentage,
        "DestinationS3Uri": destination or f"s3://{load().bucket}/captures",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
    }


def wait_in_service(client: Client, name: str) -> None:
    """Nothing, once the endpoint serves. Raises SextantError with its FailureReason where it fails."""

    def settled() -> dict[str, Any] | None:
        answer = client.call("DescribeEndpoint", EndpointName=name)
        return answer if answer["EndpointStatus"] != "Creating" else None

    answer = wait_for(settled, what=f"{name} loads its model", timeout_seconds=START_SECONDS)
    if answer["EndpointStatus"] != "InService":
        raise SextantError(
            f"endpoint {name} is {answer['EndpointStatus']}: {answer.get('FailureReason', 'see its log')}"
        )


def parse_pairs(pairs: list[str] | None) -> dict[str, str]:
    """NAME=VALUE texts as a mapping. Raises BadInput for a text without `=`."""
    split = [pair.partition("=") for pair in pairs or []]
    for name, separator, _ in split:
        if not separator or not name:
            raise BadInput(f"{name!r} is no NAME=VALUE")
    return {name: value for name, _, value in split}


def _stem(endpoint: str) -> str:
    return endpoint[: NAME_CHARACTERS - len("-20261120120000")]


def _is_version(name: str, endpoint: str) -> bool:
    return name == endpoint or re.fullmatch(rf"{re.escape(_stem(endpoint))}-\d{{14}}", name) is not None


def _forget_versions(client: Client, endpoint: str) -> None:
    rows = client.pages("ListEndpointConfigs", "EndpointConfigs", NameContains=_stem(endpoint))
    for name in filter(lambda name: _is_version(name, endpoint), (row["EndpointConfigName"] for row in rows)):
        _forget(client, "DeleteEndpointConfig", EndpointConfigName=name)
        _forget(client, "DeleteModel", ModelName=name)


def _forget(client: Client, operation: str, **request: object) -> None:
    with suppress(NotFound):
        client.call(operation, **request)


def _gone(client: Client, name: str) -> bool | None:
    try:
        client.call("DescribeEndpoint", EndpointName=name)
    except NotFound:
        return True
    return None


def show(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print what DescribeEndpoint answered."""
    if as_json:
        print_json(answer)
        return
    capture = answer.get("DataCaptureConfig", {})
    print_fields(
        {
            "Endpoint": answer["EndpointName"],
            "Status": answer["EndpointStatus"],
            "Reason": answer.get("FailureReason"),
            "Config": answer["EndpointConfigName"],
            "Created": local_time(answer["CreationTime"]),
            "Capture": capture and f"{capture['CurrentSamplingPercentage']} % to {capture['DestinationS3Uri']}",
        }
    )
