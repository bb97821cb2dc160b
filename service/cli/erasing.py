"""`sextant capture erase`: what was kept of one request or person, taken from everything that holds it.

What lives here: the command. What does not: where an endpoint keeps what it was sent (erasing_places).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor_jobs.contract.errors import BadInput
from service.cli.client import connect, load, store
from service.cli.output import AsJson, print_json, print_table, say

if TYPE_CHECKING:
    from monitor_jobs.contract.erasure import IdKind, Tombstone
    from monitor_jobs.erasure import Beside, Variant

PATIENCE_SECONDS = 60.0  # the scheduler goes on with other erasures in the meantime
OPERATION = "sextant:EraseCaptures"  # in the audit log
FINDINGS_EXIT_CODE = 6  # as `sextant capture verify`: something is left for a person to look at


def erase(
    endpoint: Annotated[str, typer.Option(help="Endpoint from whose captures it is erased.")],
    inference_id: Annotated[str | None, typer.Option(help="Id that the caller sent with its requests.")] = None,
    event_id: Annotated[str | None, typer.Option(help="Id of one captured request.")] = None,
    reports: Annotated[list[str] | None, typer.Option(help="s3:// address of more reports to look through.")] = None,
    tensors: Annotated[
        list[str] | None, typer.Option(help="S3OutputPath of a model that is no longer there, whose tensors are.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Erase what was kept of one id up to now: capture lines, index rows, tensors, records in reports, explanations.

    What is still on its way is erased by the scheduler once it arrives. Exit code 6 where files of other programs
    still hold the id, or steps cannot be read. Example: sextant capture erase --endpoint digits --inference-id ada
    """
    from monitor_jobs.erasure import Beside
    from service.adapters.file_lock import ERASING, locked
    from service.cli.erasing_places import reports_of, variants_of
    from service.digest_key import digest_key

    kind, value = _id_of(inference_id, event_id)
    data, client = load().data, connect()
    variants = variants_of(client, endpoint, store(), tensors or [])
    explained = f"s3://{load().bucket}/explanations/{endpoint}/"  # that were asked for by themselves
    places = (*reports_of(client, endpoint), explained, *(reports or []))
    told, held = [], set[str]()
    with locked(data / ERASING, patience_seconds=PATIENCE_SECONDS), _progress() as watch:
        for variant, kept in variants:
            with _recorded(data, variant) as counts:
                tombstone, more = _erase(variant, kind, value, digest_key(data), Beside(places, kept), watch)
                counts.update(_counts_of(tombstone))
            told.append((variant, tombstone))
            held |= more
    illegible = sorted({step for _, tombstone in told for step in tombstone.illegible})
    _print([_row(*each) for each in told], sorted(held), illegible, as_json=as_json)
    if held or illegible:
        raise typer.Exit(FINDINGS_EXIT_CODE)


def _id_of(inference_id: str | None, event_id: str | None) -> "tuple[IdKind, str]":
    from monitor_jobs.contract.erasure import IdKind

    if bool(inference_id) is bool(event_id):
        raise BadInput("say whose captures are erased: either --inference-id or --event-id")
    return (IdKind.INFERENCE_ID, inference_id) if inference_id else (IdKind.EVENT_ID, str(event_id))


def _erase(
    variant: "Variant", kind: "IdKind", value: str, key: bytes, beside: "Beside", watch: Callable[[str], None]
) -> "tuple[Tombstone, set[str]]":
    from monitor_jobs.erasure import begin, holding

    tombstone = begin(variant, kind, value, key=key, now=datetime.now(UTC), beside=beside, watch=watch)
    return tombstone, set(map(str, holding(variant, tombstone, value, key=key)))


@contextmanager
def _recorded(data: Path, variant: "Variant") -> Iterator[dict[str, str]]:
    """Tell the audit log that something was erased, also where it was broken off: how much, never of whom."""
    from service.audit import AuditLog
    from service.core.audit import Entry

    resource = {"EndpointName": variant.endpoint, "VariantName": variant.variant}
    status, code = 500, "BrokenOff"  # until it is done
    try:
        yield resource
        status, code = 200, ""
    finally:
        entry = Entry(
            datetime.now(UTC), OPERATION, status, error=code or None, user=f"uid:{os.getuid()}", resource=resource
        )
        AuditLog(data, lambda: datetime.now(UTC)).record(entry)


def _counts_of(tombstone: "Tombstone") -> dict[str, str]:
    counts = {"Lines": str(tombstone.lines), "TensorSteps": str(tombstone.tensor_steps)}
    return {"TombstoneName": tombstone.name, **counts}


def _row(variant: "Variant", tombstone: "Tombstone") -> dict[str, Any]:
    return {
        "Variant": variant.variant,
        "Lines": tombstone.lines,
        "Files": len(tombstone.objects),
        "Steps": tombstone.tensor_steps,
        "Done": tombstone.done,
        "Waits for": len(tombstone.waiting) + len(tombstone.tensors),
        "Tombstone": tombstone.name,
    }


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


def _print(rows: list[dict[str, Any]], held: list[str], illegible: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"variants": rows, "still_held_in": held, "illegible_steps": illegible})
        return
    print_table(list(rows[0]) if rows else [], rows, empty="the endpoint has no variant")
    if not all(row["Done"] for row in rows):
        say("What may still be on its way is erased by the scheduler when it arrives; the tombstone tells.")
    for address in held:
        say(f"{address} still holds the id: another program wrote it, look at it")
    for address in illegible:
        say(f"{address} cannot be read: nobody can tell whose step it is, remove it if it may be this one's")
