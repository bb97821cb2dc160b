"""`sextant capture erase`: what was captured of one request or person, taken from everything that holds it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor_jobs.contract.errors import BadInput
from service.cli.client import Client, connect, load, store
from service.cli.output import AsJson, print_json, print_table, say

if TYPE_CHECKING:
    from monitor_jobs.contract.erasure import IdKind, Tombstone
    from monitor_jobs.erasure import Variant
    from monitor_jobs.object_store import ObjectStore

PATIENCE_SECONDS = 60.0  # the scheduler goes on with other erasures in the meantime
FINDINGS_EXIT_CODE = 6  # as `sextant capture verify`: something is left for a person to look at


def erase(
    endpoint: Annotated[str, typer.Option(help="Endpoint from whose captures it is erased.")],
    inference_id: Annotated[str | None, typer.Option(help="Id that the caller sent with its requests.")] = None,
    event_id: Annotated[str | None, typer.Option(help="Id of one captured request.")] = None,
    reports: Annotated[list[str] | None, typer.Option(help="s3:// address of more reports to look through.")] = None,
    as_json: AsJson = False,
) -> None:
    """Erase what was captured of one id up to now: capture lines, index rows, records in reports, explanations.

    A line that is still on its way is erased by the scheduler once it arrives. Exit code 6 where files of other
    programs still hold the id. Example: sextant capture erase --endpoint digits --inference-id customer-4711
    """
    from service.adapters.file_lock import ERASING, locked
    from service.digest_key import digest_key

    kind, value = _id_of(inference_id, event_id)
    data, client = load().data, connect()
    variants = _variants_of(client, endpoint, store())
    explained = f"s3://{load().bucket}/explanations/{endpoint}/"  # that were asked for by themselves
    places = [*_reports_of(client, endpoint), explained, *(reports or [])]
    rows, held = [], set[str]()
    with locked(data / ERASING, patience_seconds=PATIENCE_SECONDS), _progress() as watch:
        for variant in variants:
            row, more = _erase(variant, kind, value, digest_key(data), places, watch)
            rows.append(row)
            held |= more
    _print(rows, sorted(held), as_json=as_json)
    if held:
        raise typer.Exit(FINDINGS_EXIT_CODE)


def _id_of(inference_id: str | None, event_id: str | None) -> "tuple[IdKind, str]":
    from monitor_jobs.contract.erasure import IdKind

    if bool(inference_id) is bool(event_id):
        raise BadInput("say whose captures are erased: either --inference-id or --event-id")
    return (IdKind.INFERENCE_ID, inference_id) if inference_id else (IdKind.EVENT_ID, str(event_id))


def _erase(
    variant: "Variant", kind: "IdKind", value: str, key: bytes, reports: list[str], watch: Callable[[str], None]
) -> tuple[dict[str, Any], set[str]]:
    from datetime import UTC, datetime

    from monitor_jobs.erasure import begin, holding

    tombstone = begin(variant, kind, value, key=key, now=datetime.now(UTC), reports=reports, watch=watch)
    return _row(variant, tombstone), set(map(str, holding(variant, tombstone, value, key=key)))


def _row(variant: "Variant", tombstone: "Tombstone") -> dict[str, Any]:
    return {
        "Variant": variant.variant,
        "Lines": tombstone.lines,
        "Files": len(tombstone.objects),
        "Done": tombstone.done,
        "Waits for": len(tombstone.waiting),
        "Tombstone": tombstone.name,
    }


def _variants_of(client: Client, endpoint: str, objects: "ObjectStore") -> "list[Variant]":
    """Every variant that the endpoint has, and those that it had captured under before."""
    from monitor_jobs.erasure import Variant
    from monitor_jobs.object_store import S3Address

    name = client.call("DescribeEndpoint", EndpointName=endpoint)["EndpointConfigName"]
    config = client.call("DescribeEndpointConfig", EndpointConfigName=name)
    if "DataCaptureConfig" not in config:
        raise BadInput(f"endpoint {endpoint} captures nothing")
    destination = config["DataCaptureConfig"]["DestinationS3Uri"].rstrip("/")
    folder = S3Address.parse(f"{destination}/{endpoint}/")
    stored = {entry.address.key.removeprefix(folder.key).partition("/")[0] for entry in objects.list(folder)}
    names = {variant["VariantName"] for variant in config["ProductionVariants"]} | stored
    return [Variant(objects, destination, endpoint, each) for each in sorted(names)]


def _reports_of(client: Client, endpoint: str) -> Iterator[str]:
    """Below which addresses the reports of the endpoint's schedules lie."""
    rows = client.pages("ListMonitoringSchedules", "MonitoringScheduleSummaries", EndpointName=endpoint)
    for row in rows:
        told = client.call("DescribeMonitoringSchedule", MonitoringScheduleName=row["MonitoringScheduleName"])
        for uri in _outputs_of(client, told["MonitoringScheduleConfig"]):
            yield f"{uri.rstrip('/')}/{endpoint}/"


def _outputs_of(client: Client, config: dict[str, Any]) -> list[str]:
    if "MonitoringJobDefinition" in config:
        output = config["MonitoringJobDefinition"]["MonitoringOutputConfig"]
    else:
        kind, name = config["MonitoringType"], config["MonitoringJobDefinitionName"]
        output = client.call(f"Describe{kind}JobDefinition", JobDefinitionName=name)[f"{kind}JobOutputConfig"]
    return [each["S3Output"]["S3Uri"] for each in output["MonitoringOutputs"]]


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    from rich.console import Console

    with Console(stderr=True).status("looking for captures") as status:
        seen = 0

        def watch(key: str) -> None:
            nonlocal seen
            seen += 1
            status.update(f"{seen} capture files looked through; now {key}")

        yield watch


def _print(rows: list[dict[str, Any]], held: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"variants": rows, "still_held_in": held})
        return
    print_table(list(rows[0]) if rows else [], rows, empty="the endpoint has no variant")
    if not all(row["Done"] for row in rows):
        say("What may still be on its way is erased by the scheduler when it arrives; the tombstone tells.")
    for address in held:
        say(f"{address} still holds the id: another program wrote it, look at it")
