"""`sextant baseline`: statistics and suggested constraints from a window of captures, as a processing job."""

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from service.cli.capture import captures_of
from service.cli.client import Client, connect, load, store
from service.cli.endpoint import ROLE
from service.cli.output import AsJson, print_fields, print_json
from service.cli.processing import capture_inputs, container_of, wait_for_job
from service.cli.schedule import utc
from service.cli.tensors import step_inputs_of
from service.core.processing_requests import MODEL_FOLDER, processing_job, s3_input

if TYPE_CHECKING:
    from monitor_jobs.contract.window import Window

app = typer.Typer(help="Make baselines.", no_args_is_help=True)


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
    wait_for_job(client, name, what="the baseline is made")
    answer = {"Baseline": target, "Job": name, "Window": str(window)}
    if as_json:
        print_json(answer)
    else:
        print_fields(answer)


def _request(
    client: Client, endpoint: str, window: "Window", *, monitor: str, name: str, target: str
) -> dict[str, Any]:
    from monitor_jobs.contract.catalog import reads_tensors
    from monitor_jobs.contract.window import format_timestamp

    own: dict[str, str] = {}
    if reads_tensors(monitor):
        inputs = step_inputs_of(client, endpoint, window, container_of(client, endpoint))
    else:
        inputs, own = _captures(client, endpoint, window, monitor=monitor, target=target)
    environment = {
        **own,
        "SEXTANT_ANALYSIS": "suggest_baseline",
        "start_time": format_timestamp(window.start),
        "end_time": format_timestamp(window.end),
        "sagemaker_endpoint_name": endpoint,
    }
    return processing_job(
        name,
        image=monitor,
        inputs=inputs,
        target=target,
        environment=environment,
        role_arn=ROLE,
    )


def _captures(
    client: Client, endpoint: str, window: "Window", *, monitor: str, target: str
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Inputs of a monitor that judges captures, and the variables that go with them."""
    from monitor_jobs.contract.catalog import runs_models

    destination, below = captures_of(client, endpoint)
    captures = capture_inputs(store(), destination, below, window)
    loaded = _model(client, endpoint) if runs_models(monitor) else _card(client, endpoint, target)
    return [*captures, loaded.input], loaded.environment


class _Loaded(NamedTuple):
    """What a monitor is given of the endpoint's model, and the variables that go with it."""

    input: dict[str, Any]
    environment: dict[str, str]


def _model(client: Client, endpoint: str) -> _Loaded:
    container = container_of(client, endpoint)
    return _Loaded(s3_input("model", container["ModelDataUrl"], MODEL_FOLDER), container.get("Environment", {}))


def _card(client: Client, endpoint: str, target: str) -> _Loaded:
    card = _put_card(client, endpoint, f"{target}/model_card.json")
    return _Loaded(s3_input("card", card, MODEL_FOLDER), {"SEXTANT_MODEL_CARD": f"{MODEL_FOLDER}/model_card.json"})


def _put_card(client: Client, endpoint: str, target: str) -> str:
    import tempfile
    from pathlib import Path

    from monitor_jobs.model_archive import read_model_card_from_archive
    from monitor_jobs.object_store import S3Address

    container = container_of(client, endpoint)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "model.tar.gz"
        store().download(S3Address.parse(container["ModelDataUrl"]), archive)
        card = read_model_card_from_archive(archive)
    store().put(S3Address.parse(target), card.model_dump_json().encode())
    return target
