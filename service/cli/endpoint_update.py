"""`sextant endpoint update`: another package, other settings or a fresh process for an endpoint that goes on answering.

What lives here: the version that an update makes, and how its way is told. What does not: the first deployment, and the
end of all versions (endpoint).
"""

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from monitor_jobs.contract.errors import BadInput, NotFound, SextantError
from service.cli.client import Client, connect, wait_for
from service.cli.endpoint import (
    START_SECONDS,
    STOP_SECONDS,
    capture_config,
    create_version,
    package_url,
    parse_pairs,
    show,
    version_name,
)
from service.cli.output import AsJson, say


def update(
    name: str,
    model: Annotated[str | None, typer.Option(help="model.tar.gz: a local file, or s3://bucket/key.")] = None,
    capture: Annotated[int | None, typer.Option(min=0, max=100, help="Share of requests to capture.")] = None,
    destination: Annotated[str | None, typer.Option(help="s3:// address that captures go to.")] = None,
    environment: Annotated[list[str] | None, typer.Option("--env", help="NAME=VALUE to set for the model.")] = None,
    config: Annotated[str | None, typer.Option(help="An endpoint configuration that exists, instead.")] = None,
    wait: Annotated[bool, typer.Option(help="Wait until the old process is gone.")] = True,
    as_json: AsJson = False,
) -> None:
    """Replace an endpoint's process without a failed request; what no option names stays as it is.

    With nothing but its name the endpoint is restarted. A process that does not get ready changes nothing.

    Example: sextant endpoint update digits --model model.tar.gz
    """
    client = connect()
    changes = Changes(model, capture, destination, parse_pairs(environment))
    if config is not None and changes:
        raise BadInput(f"--config {config} says all: leave out --model, --capture, --destination and --env")
    with ExitStack() as undo:
        wanted = config or _wanted_config(client, name, changes, undo)
        client.call("UpdateEndpoint", EndpointName=name, EndpointConfigName=wanted)
        undo.pop_all()  # from here on the scheduler reads it
    if wait:
        wait_updated(client, name)
    show(client.call("DescribeEndpoint", EndpointName=name), as_json=as_json)


class Changes:
    """What is to differ from the version that serves; false where nothing is."""

    def __init__(
        self, model: str | None, capture: int | None, destination: str | None, environment: dict[str, str]
    ) -> None:
        self.model = model
        self.capture = capture
        self.destination = destination
        self.environment = environment

    def __bool__(self) -> bool:
        given = (self.model, self.capture, self.destination, self.environment or None)
        return any(option is not None for option in given)

    def container(self, present: dict[str, Any], endpoint: str) -> dict[str, Any]:
        """The model's container under these changes; a local package is in the store then.

        Raises NotFound where nothing tells of a package.
        """
        package = {} if self.model is None else {"ModelDataUrl": package_url(self.model, endpoint)}
        if not package and "ModelDataUrl" not in present:
            raise NotFound(f"the model of {endpoint} was deleted, its package's address with it: give --model")
        return {**present, **package, "Environment": {**present.get("Environment", {}), **self.environment}}

    def data_capture(self, present: dict[str, Any] | None) -> dict[str, Any] | None:
        """The DataCaptureConfig under these changes."""
        if self.capture is None and self.destination is None:
            return present
        before = present or capture_config(100, None)
        percentage = before["InitialSamplingPercentage"] if self.capture is None else self.capture
        changed = capture_config(percentage, self.destination or before["DestinationS3Uri"])
        return {**before, **{key: changed[key] for key in CHANGED_BY_OPTIONS}}


CHANGED_BY_OPTIONS = ("EnableCapture", "InitialSamplingPercentage", "DestinationS3Uri")


def wait_updated(client: Client, name: str) -> None:
    """Nothing, once the new process alone serves. Raises SextantError with its FailureReason where it never did."""
    told: set[str] = set()

    def settled() -> dict[str, Any] | None:
        answer = client.call("DescribeEndpoint", EndpointName=name)
        stage = _stage(answer)
        if stage not in told:
            told.add(stage)
            say(f"{name}: {stage}")
        return None if answer["EndpointStatus"] in ("Updating", "RollingBack") else answer

    answer = wait_for(settled, what=f"{name} is updated", timeout_seconds=START_SECONDS + STOP_SECONDS)
    if "FailureReason" in answer:
        raise SextantError(f"endpoint {name} serves as before, the update failed: {answer['FailureReason']}")


def _stage(answer: dict[str, Any]) -> str:
    if answer["EndpointStatus"] == "RollingBack":
        return "the new process did not get ready"
    if answer["EndpointStatus"] != "Updating":
        return f"{answer['EndpointStatus']} with {answer['EndpointConfigName']}"
    waits = "PendingDeploymentSummary" in answer
    return "the new process loads its model" if waits else "the new process answers, the old one drains"


def _wanted_config(client: Client, name: str, changes: Changes, undo: ExitStack) -> str:
    """The name of the config that serves, or of one that was made for the changes; `undo` forgets that."""
    present = str(client.call("DescribeEndpoint", EndpointName=name)["EndpointConfigName"])
    if not changes:
        return present
    config = client.call("DescribeEndpointConfig", EndpointConfigName=present)
    variants = config["ProductionVariants"]
    if len(variants) > 1:
        raise BadInput(
            f"{name} serves {len(variants)} variants: create a configuration of all, and name it by --config"
        )
    variant = dict(variants[0])
    version = version_name(name, datetime.now(UTC))
    container = changes.container(_container(client, variant["ModelName"]), name)
    capture = changes.data_capture(config.get("DataCaptureConfig"))
    create_version(client, version, container=container, variant=variant, data_capture=capture, undo=undo)
    return version


def _container(client: Client, model: str) -> dict[str, Any]:
    try:
        described = client.call("DescribeModel", ModelName=model)
    except NotFound:  # models may be deleted while they serve
        return {}
    return dict(described.get("PrimaryContainer") or described["Containers"][0])
