"""The command tree, and the way errors become exit codes."""

import os
import re
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from monitor_jobs.contract.errors import BadInput, Conflict, NotFound, SextantError
from service.cli import (
    audit,
    baseline,
    capture,
    doctor,
    endpoint,
    endpoint_update,
    environment,
    erasing,
    executions,
    explain,
    keys,
    report,
    retention,
    schedule,
    up,
    users,
)
from service.cli.output import AsJson, print_fields, print_json, print_table, say
from service.garbage import collect_from_now_on

EXIT_CODES: tuple[tuple[type[SextantError], int], ...] = (
    (NotFound, 3),
    (Conflict, 4),
    (BadInput, 5),
    (SextantError, 1),
)

app = typer.Typer(
    name="sextant",
    help="Self-hosted model monitoring that speaks SageMaker's wire contracts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
endpoint.app.command("update")(endpoint_update.update)
app.add_typer(endpoint.app, name="endpoint")
app.add_typer(schedule.app, name="schedule")
app.add_typer(executions.app, name="executions")
app.add_typer(baseline.app, name="baseline")
app.add_typer(report.app, name="report")
capture.app.command("erase")(erasing.erase)
app.add_typer(capture.app, name="capture")
app.add_typer(audit.app, name="audit")
app.add_typer(users.app, name="users")
app.add_typer(keys.app, name="keys")
app.add_typer(retention.app, name="retention")
app.command("doctor")(doctor.doctor)


app.command("up")(up.up)
app.command("env")(environment.env)
app.command("explain")(explain.explain)


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Stay up afterwards and print URLs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Serve a digits model, capture its traffic, judge a clean and an attacked window, raise the alarm."""
    from service.demo.story import stay_up, tell

    outcome = tell(stay_up if keep else None)
    if as_json:
        print_json(outcome)


@app.command()
def settings(as_json: AsJson = False) -> None:
    """List every setting: its environment variable, value, and what it means."""
    from service.cli.client import load
    from service.settings import Settings, variable_of

    values = dict(load())
    values["database_url"] = _without_password(values["database_url"])
    rows = [
        {"Variable": variable_of(name), "Value": values[name], "Meaning": field.description}
        for name, field in Settings.model_fields.items()
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(["Variable", "Value", "Meaning"], rows, empty="no settings")


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the installed version."""
    from importlib.metadata import version as installed

    fields = {"sextant": installed("sextant"), "python": sys.version.split()[0]}
    if as_json:
        print_json(fields)
    else:
        print_fields(fields)


def _without_password(url: str | None) -> str | None:
    return url and re.sub(r"(://[^:/@]*):.*@", r"\1:***@", url)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line; ends the process with the exit code of what happened."""
    collect_from_now_on()
    code = exit_code(lambda: app(arguments, standalone_mode=True))
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads on, as in `sextant executions list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def exit_code(command: Callable[[], object]) -> int:
    """The exit code of a command: an error a user can act on is one sentence on standard error, never a traceback."""
    try:
        command()
    except SextantError as error:
        from service.core.keys import without_api_keys

        say(without_api_keys(f"sextant: {error}"))
        return next(code for kind, code in EXIT_CODES if isinstance(error, kind))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        say(f"sextant: {error}")
        return 1
    return 0
