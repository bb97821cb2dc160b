"""`sextant audit`: who did what, and whether the log of it is as it was written. Reads this machine's data folder."""

from datetime import datetime
from typing import Annotated, Any

import typer

from monitor_jobs.contract.errors import BadInput
from service.cli.output import AsJson, print_fields, print_json, print_table
from service.cli.schedule import utc

app = typer.Typer(help="The audit log of this installation.", no_args_is_help=True)
COLUMNS = ["Time", "User", "From", "Operation", "Resource", "Status", "Error", "Count"]
Since = Annotated[
    str | None, typer.Option("--since", help="Only lines from this moment on: 2026-11-20 or 2026-11-20T12:00:00Z.")
]
User = Annotated[str | None, typer.Option("--user", help="Only lines of this user.")]
Operation = Annotated[str | None, typer.Option("--operation", help="Only lines of this operation: CreateModel.")]


class AuditBroken(BadInput):
    """The log is not as it was written."""


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Read the whole log, and name the first line that was changed, removed, added or moved; exit code 5 where one was.

    The head that it prints, kept elsewhere, shows later whether somebody wrote the log anew.
    """
    from service.audit import verified
    from service.cli.client import load

    verdict = verified(load().data)
    fields = {
        "whole": verdict.broken is None,
        "lines": verdict.lines,
        "head": f"{verdict.head.sequence}:{verdict.head.sha256}",
        "broken": None if verdict.broken is None else str(verdict.broken),
        "set_aside": list(verdict.set_aside),
    }
    if as_json:
        print_json(fields)
    elif verdict.broken is None:
        print_fields({**fields, "set_aside": ", ".join(verdict.set_aside)})
    if verdict.broken is not None:
        raise AuditBroken(
            f"the audit log is not as it was written: {verdict.broken} ({verdict.lines} lines before it are whole)"
        )


@app.command("list")
def list_lines(since: Since = None, user: User = None, operation: Operation = None, as_json: AsJson = False) -> None:
    """List what was done and refused, the oldest first."""
    from service.audit import recorded
    from service.cli.client import load

    begin = None if since is None else _moment(since)
    lines = [line for line in recorded(load().data) if _is_wanted(line, begin, user, operation)]
    if as_json:
        print_json(lines)
    else:
        print_table(COLUMNS, map(_row, lines), empty="No such line: sextant audit list shows all")


def _is_wanted(line: dict[str, Any], since: datetime | None, user: str | None, operation: str | None) -> bool:
    return (
        (since is None or datetime.fromisoformat(line["time"]) >= since)
        and (user is None or line["user"] == user)
        and (operation is None or operation in (line["operation"], line["operation"].partition(":")[2]))
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"--since {text!r} is no moment: write 2026-11-20 or 2026-11-20T12:00:00Z") from error
    return utc(moment)


def _row(line: dict[str, Any]) -> dict[str, object]:
    named = ", ".join(f"{name}={value}" for name, value in line["resource"].items())
    return {
        "Time": line["time"],
        "User": line["user"] or (f"({line['key_id']})" if line["key_id"] else ""),
        "From": line["from"],
        "Operation": line["operation"],
        "Resource": named,
        "Status": line["status"],
        "Error": line["error"],
        "Count": line["count"],
    }
