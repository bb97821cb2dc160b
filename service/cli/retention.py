"""`sextant retention`: what is kept how long, and what is older."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from service.cli.client import load, store
from service.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from monitor_jobs.contract.retention import RetentionRule
    from monitor_jobs.object_store import ObjectStore

app = typer.Typer(help="See what retention removes.", no_args_is_help=True)
COLUMNS = ["Prefix", "Keep", "Objects", "Expired", "Expired bytes", "Oldest"]


@app.callback()
def _group() -> None:
    """See what retention removes."""


@app.command()
def show(as_json: AsJson = False) -> None:
    """Show every rule of SEXTANT_RETENTION and what it would remove now; nothing is removed.

    Lists all that the rules name. Example: SEXTANT_RETENTION=s3://sextant/captures=30d sextant retention show
    """
    rows = _rows()
    if as_json:
        print_json(rows)
    else:
        print_table(COLUMNS, rows, empty="Everything is kept for ever: set SEXTANT_RETENTION=s3://BUCKET/PREFIX=30d")


def _rows() -> list[dict[str, Any]]:
    rules, objects = load().retention, store()
    return [_row(objects, rule, rules) for rule in rules]


def _row(objects: "ObjectStore", rule: "RetentionRule", rules: "Sequence[RetentionRule]") -> dict[str, Any]:
    from datetime import UTC, datetime

    from monitor_jobs.retention import looked_at

    listed = expired = expired_bytes = 0
    oldest: datetime | None = None
    for entry, found in looked_at(objects, rule, rules, datetime.now(UTC)):
        listed += 1
        if found is not None:
            expired, expired_bytes = expired + 1, expired_bytes + entry.size_bytes
            oldest = min(oldest or found.ended_at, found.ended_at)
    return {
        "Prefix": rule.prefix,
        "Keep": rule.keep_text,
        "Objects": listed,
        "Expired": expired,
        "Expired bytes": expired_bytes,
        "Oldest": oldest and f"{oldest:%Y-%m-%d %H:%M:%SZ}",
    }
