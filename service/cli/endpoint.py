"""`sextant endpoint`: deploy a model package, look at endpoints, invoke, delete."""

import hashlib
import sys
from contextlib import ExitStack, suppress
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
    url = model if model.startswith("s3://") else upload_package(Path(model), name)
    deploy(client, name, url, capture=capture, destination=destination, environment=parse_pairs(environment))
    if wait:
        wait_in_service(client, name)
    _show(client.call("DescribeEndpoint", EndpointName=name), as_json=as_json)


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
    _show(connect().call("DescribeEndpoint", EndpointName=name), as_json=as_json)


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
    if config == name:  # made by `create`: the name is free again
        _forget(client, "DeleteEndpointConfig", EndpointConfigName=name)
        _forget(client, "DeleteModel", ModelName=name)
    if wait:
        wait_for(lambda: _gone(client, name), what=f"{name} drains and flushes", timeout_seconds=STOP_SECONDS)
    say(f"{name} is deleted")


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
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    data_capture = capture_config(capture, destination or f"s3://{load().bucket}/captures")
    with ExitStack() as undo:
        client.call("CreateModel", ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        undo.callback(_forget, client, "DeleteModel", ModelName=name)
        config = {"ProductionVariants": [variant], "DataCaptureConfig": data_capture}
        client.call("CreateEndpointConfig", EndpointConfigName=name, **config)
        undo.callback(_forget, client, "DeleteEndpointConfig", EndpointConfigName=name)
        client.call("CreateEndpoint", EndpointName=name, EndpointConfigName=name)
        undo.pop_all()


def capture_config(percentage: int, destination: str) -> dict[str, Any]:
    """A DataCaptureConfig of both halves, CSV and JSON as text."""
    return {
        "EnableCapture": percentage > 0,
        "InitialSamplingPercentage": percentage,
        "DestinationS3Uri": destination,
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


def _forget(client: Client, operation: str, **request: object) -> None:
    with suppress(NotFound):
        client.call(operation, **request)


def _gone(client: Client, name: str) -> bool | None:
    try:
        client.call("DescribeEndpoint", EndpointName=name)
    except NotFound:
        return True
    return None


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    capture = answer.get("DataCaptureConfig", {})
    print_fields(
        {
            "Endpoint": answer["EndpointName"],
            "Status": answer["EndpointStatus"],
            "Reason": answer.get("FailureReason"),
            "Created": local_time(answer["CreationTime"]),
            "Capture": capture and f"{capture['CurrentSamplingPercentage']} % to {capture['DestinationS3Uri']}",
        }
    )
