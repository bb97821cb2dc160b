"""`sextant capture`: what an endpoint has captured, and whether all of it is there."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor_jobs.contract.errors import BadInput
from service.cli.client import Client, connect, endpoint_config_of, store
from service.cli.output import AsJson, print_json, print_table
from service.cli.schedule import utc

if TYPE_CHECKING:
    from monitor_jobs.contract.completeness import CaptureProof
    from monitor_jobs.contract.window import Window
    from monitor_jobs.object_store import S3Address

app = typer.Typer(help="Look at captures.", no_args_is_help=True)
SHOWN_CHARACTERS = 48
FINDINGS_EXIT_CODE = 6  # as a window with violations


@app.callback()
def _group() -> None:
    """Look at captures."""


@app.command()
def ls(
    endpoint: Annotated[str, typer.Option(help="Endpoint whose captures are listed.")],
    start: Annotated[datetime, typer.Option("--from", help="Start, UTC.")],
    end: Annotated[datetime, typer.Option("--to", help="End, UTC; not in it.")],
    limit: Annotated[int, typer.Option(min=1, help="Most records to list.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List captured records, oldest file first.

    Example: sextant capture ls --endpoint digits --from 2026-11-20T13:00:00 --to 2026-11-20T14:00:00
    """
    from monitor_jobs.contract.window import Window

    window = Window(utc(start), utc(end))
    destination, below = captures_of(connect(), endpoint)
    rows = list(islice(_records(f"{destination}/{below}", window), limit))
    if as_json:
        print_json(rows)
        return
    columns = ["Time", "Event", "Inference id", "Input", "Output", "File"]
    print_table(columns, rows, empty=f"No captures of {endpoint} in this window yet: they arrive once sealed")


@app.command()
def verify(
    endpoint: Annotated[str, typer.Option(help="Endpoint whose captures are verified.")],
    start: Annotated[datetime, typer.Option("--from", help="Start, UTC.")],
    end: Annotated[datetime, typer.Option("--to", help="End, UTC; not in it.")],
    as_json: AsJson = False,
) -> None:
    """Prove that every sampled record of a window is in the store, or name what is missing; exit code 6 then.

    Reads every capture file of the window. Example: sextant capture verify --endpoint digits
    --from 2026-11-20T13:00:00 --to 2026-11-20T14:00:00
    """
    from monitor_jobs.contract.window import Window

    destination, below = captures_of(connect(), endpoint)
    proof = _proof(destination, below, Window(utc(start), utc(end)))
    if as_json:
        print_json(proof.model_dump(mode="json") | {"complete": proof.complete})
    else:
        rows = [{name.capitalize(): value for name, value in each.model_dump().items()} for each in proof.findings]
        columns = ["Kind", "Reason", "Records", "Detail", "Producer", "Sequence", "Object_key"]
        print_table(columns, rows, empty=f"{endpoint}: {proof.summary()}")
    if not proof.complete:
        raise typer.Exit(FINDINGS_EXIT_CODE)


def captures_of(client: Client, endpoint: str) -> tuple[str, str]:
    """The address that an endpoint's captures go to, and the folder of its one variant below it."""
    config = endpoint_config_of(client, endpoint)
    if "DataCaptureConfig" not in config:
        raise BadInput(f"endpoint {endpoint} captures nothing: create it with a DataCaptureConfig")
    variant = config["ProductionVariants"][0]["VariantName"]
    return config["DataCaptureConfig"]["DestinationS3Uri"].rstrip("/"), f"{endpoint}/{variant}"


def _proof(destination: str, below: str, window: "Window") -> "CaptureProof":
    from monitor_jobs.capture_proof import findings_of, read_evidence, with_contents
    from monitor_jobs.object_store import S3Address

    endpoint, _, variant = below.partition("/")
    objects = store()
    evidence = read_evidence(objects, destination=destination, endpoint=endpoint, variant=variant, window=window)
    return findings_of(with_contents(evidence, objects, S3Address.parse(destination).bucket))


def _records(prefix: str, window: "Window") -> Iterator[dict[str, Any]]:
    from monitor_jobs.contract.capture import hour_folder
    from monitor_jobs.contract.window import hours_of
    from monitor_jobs.object_store import S3Address

    objects = store()
    for hour in hours_of(window):
        for entry in objects.list(S3Address.parse(f"{prefix}/{hour_folder(hour)}/")):
            yield from _records_of(entry.address, window)


def _records_of(address: "S3Address", window: "Window") -> Iterator[dict[str, Any]]:
    import tempfile
    from pathlib import Path

    from monitor_jobs.capture_io import UnreadableLine, read_records

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.jsonl"
        store().download(address, path)
        for record in read_records(path):
            if isinstance(record, UnreadableLine):
                yield {"Time": "", "Event": f"unreadable: {record.reason}", "File": f"{address}:{record.line}"}
            elif record.event_metadata.inference_time in window:
                yield _row(record, address)


def _row(record: Any, address: "S3Address") -> dict[str, Any]:  # noqa: ANN401 -- the contract loads lazily
    halves = record.capture_data
    return {
        "Time": record.event_metadata.inference_time.strftime("%Y-%m-%d %H:%M:%SZ"),
        "Event": record.event_metadata.event_id,
        "Inference id": record.event_metadata.inference_id or "",
        "Input": _excerpt(halves.endpoint_input),
        "Output": _excerpt(halves.endpoint_output),
        "File": str(address),
    }


def _excerpt(payload: Any) -> str:  # noqa: ANN401 -- the contract loads lazily
    if payload is None:
        return ""
    if payload.encoding == "BASE64":
        return f"{payload.observed_content_type}, {len(payload.data) * 3 // 4} bytes"
    text = str(payload.data).strip()
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."
