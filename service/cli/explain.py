"""`sextant explain`: pictures of why captured predictions came out as they did, made by a processing job."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.map_kind import MapKind
from service.cli.capture import captures_of
from service.cli.client import Client, connect, load, store
from service.cli.endpoint import ROLE
from service.cli.output import AsJson, print_json, print_table, say
from service.cli.processing import capture_inputs, container_of, wait_for_job
from service.cli.report import load_report
from service.cli.schedule import utc
from service.cli.tensors import tensor_inputs_of
from service.core.processing_requests import MODEL_FOLDER, processing_job, s3_input

if TYPE_CHECKING:
    from monitor_jobs.contract.explanation import ExplanationRequest, Explanations
    from monitor_jobs.contract.window import Window

IMAGE = "sextant/explain"
Inputs = Callable[[Client, str, "Window", dict[str, Any]], list[dict[str, Any]]]
LOOKED_BACK = timedelta(hours=24)


def explain(
    endpoint: Annotated[str | None, typer.Option(help="Endpoint whose captures are explained.")] = None,
    event_id: Annotated[list[str] | None, typer.Option(help="Captured event; may be given more than once.")] = None,
    inference_id: Annotated[list[str] | None, typer.Option(help="Caller's id; may be given more than once.")] = None,
    execution: Annotated[str | None, typer.Option(help="Execution whose violations' records are explained.")] = None,
    start: Annotated[datetime | None, typer.Option("--from", help="Start, UTC; a day ago by default.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", help="End, UTC; not in it; now by default.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most records to explain.")] = 6,
    map_kind: Annotated[MapKind, typer.Option("--map", help="Whose way of drawing the map.")] = MapKind.IDIAP,
    from_tensors: Annotated[bool, typer.Option(help="Explain from the tensors that the endpoint keeps.")] = False,
    save: Annotated[Path | None, typer.Option(help="Save pictures, maps and explanations.json to this folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Explain captured predictions: what in each picture its answer came from, by FullGrad.

    The model that the endpoint serves now is asked again, unless tensors are named, which need no model. Example:
    sextant explain --endpoint signs --inference-id frame-17 --save maps
    """
    from monitor_jobs.contract.explanation import ExplanationRequest

    client = connect()
    asked = ExplanationRequest(
        event_ids=frozenset(event_id or ()), inference_ids=frozenset(inference_id or ()), limit=limit, map_kind=map_kind
    )
    if execution is not None:
        endpoint, window, asked = _of_violations(execution, asked)
    else:
        window = _window(start, end)
    if not endpoint:
        raise BadInput("nothing to explain: name an --endpoint, or an --execution with violations")
    inputs = tensor_inputs_of if from_tensors else _inputs
    target, found = _explained(client, endpoint, window, asked, inputs)
    if save is not None:
        _save(target, found, save)
    _show(target, found, as_json=as_json)


def _of_violations(execution: str, asked: "ExplanationRequest") -> "tuple[str, Window, ExplanationRequest]":
    from monitor_jobs.contract.window import Window

    report, _ = load_report(execution)
    records = [record.event_id for row in report.violations for record in row.offending_records]
    worst = list(dict.fromkeys(filter(None, records)))[: asked.limit]
    if not worst:
        raise BadInput(f"execution {execution} names no offending record: there is nothing of it to explain")
    return (
        report.endpoint,
        Window(report.window_start, report.window_end),
        asked.model_copy(update={"event_ids": asked.event_ids | frozenset(worst)}),
    )


def _window(start: datetime | None, end: datetime | None) -> "Window":
    from monitor_jobs.contract.window import Window

    until = utc(end) if end else datetime.now(UTC) + timedelta(seconds=1)
    return Window(utc(start) if start else until - LOOKED_BACK, until)


def _explained(
    client: Client, endpoint: str, window: "Window", asked: "ExplanationRequest", inputs: Inputs
) -> "tuple[str, Explanations]":
    from monitor_jobs.contract.explanation import EXPLANATIONS_FILE, Explanations
    from monitor_jobs.object_store import S3Address

    name = f"explain-{endpoint[:30]}-{secrets.token_hex(4)}"
    target = f"s3://{load().bucket}/explanations/{endpoint}/{name}"
    container = container_of(client, endpoint)
    sources = inputs(client, endpoint, window, container)
    job = processing_job(
        name,
        image=IMAGE,
        inputs=sources,
        target=target,
        environment=_environment(container, endpoint, window),
        role_arn=ROLE,
        arguments=asked.arguments(),
    )
    client.call("CreateProcessingJob", **job)
    wait_for_job(client, name, what="the explanations")
    return target, Explanations.from_json(store().get(S3Address.parse(f"{target}/{EXPLANATIONS_FILE}")))


def _inputs(client: Client, endpoint: str, window: "Window", container: dict[str, Any]) -> list[dict[str, Any]]:
    destination, below = captures_of(client, endpoint)
    captures = capture_inputs(store(), destination, below, window)
    return [*captures, s3_input("model", container["ModelDataUrl"], MODEL_FOLDER)]


def _environment(container: dict[str, Any], endpoint: str, window: "Window") -> dict[str, str]:
    from monitor_jobs.contract.window import format_timestamp

    return {
        **container.get("Environment", {}),
        "start_time": format_timestamp(window.start),
        "end_time": format_timestamp(window.end),
        "sagemaker_endpoint_name": endpoint,
    }


def _save(target: str, found: "Explanations", folder: Path) -> None:
    from monitor_jobs.contract.explanation import EXPLANATIONS_FILE
    from monitor_jobs.object_store import S3Address

    folder.mkdir(parents=True, exist_ok=True)
    files = [name for one in found.explanations for name in (one.picture_file, one.map_file)]
    for name in [*files, EXPLANATIONS_FILE]:
        store().download(S3Address.parse(f"{target}/{name}"), folder / Path(name).name)
    say(f"{len(files)} files saved to {folder}")


def _show(target: str, found: "Explanations", *, as_json: bool) -> None:
    if as_json:
        print_json({"address": target, **found.model_dump(mode="json")})
        return
    print_table(list(_row(target, found.explanations[0])), [_row(target, one) for one in found.explanations], empty="")
    for one in found.unexplained:
        say(f"{one.event_id} is not explained: {one.reason}")
    for identifier in found.absent:
        say(f"{identifier} is in no capture that was read: name the time with --from and --to")


def _row(target: str, one: Any) -> dict[str, str]:  # noqa: ANN401 -- the contract loads lazily
    predicted, second = one.predicted, one.runner_up
    return {
        "Event": one.event_id,
        "Predicted": f"{predicted.name} {predicted.probability:.1%}",
        "Answered": one.answered or "",
        "Then": f"{second.name} {second.probability:.1%}" if second else "",
        "Outside centre": f"{one.outside_centre:.1%}",
        "Exact": "yes" if one.exact else f"NO, {one.completeness_error:.1%} of the logit is missing",
        "Picture": f"{target}/{one.picture_file}",
    }
