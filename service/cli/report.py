"""`sextant report`: what an execution concluded, and the records that show it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor_jobs.contract.errors import BadInput
from service.cli.client import connect, store
from service.cli.executions import report_address
from service.cli.output import AsJson, print_fields, print_json, print_line, print_table, say

if TYPE_CHECKING:
    from monitor_jobs.contract.report import Report

app = typer.Typer(help="Read reports.", no_args_is_help=True)
FINDINGS_EXIT_CODE = 6
SHOWN_RECORDS = 5


@app.callback()
def _group() -> None:
    """Read reports."""


@app.command()
def show(
    execution_id: str,
    fail_on_violations: Annotated[bool, typer.Option(help="Exit with 6 where there are violations.")] = False,
    html: Annotated[Path | None, typer.Option(help="Save the report's page, with pictures, to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the report of an execution: measurements, violations, offending records."""
    report, address = load_report(execution_id)
    if html is not None:
        _save_page(address, html)
    if as_json:
        print_json({"address": address, **report.model_dump(mode="json")})
    else:
        _print(report, address)
    if fail_on_violations and report.violations:
        raise typer.Exit(FINDINGS_EXIT_CODE)


def load_report(execution_id: str) -> "tuple[Report, str]":
    """The report of an execution, and its address."""
    from monitor_jobs.contract.report import REPORT_FILE, Report
    from monitor_jobs.object_store import S3Address

    client = connect()
    execution = client.call("DescribeMonitoringExecution", MonitoringExecutionId=execution_id)
    address = f"{report_address(client, execution)}/{REPORT_FILE}"
    return Report.model_validate_json(store().get(S3Address.parse(address))), address


def _page_address(report_address: str) -> str:
    from monitor_jobs.contract.report import PAGE_FILE, REPORT_FILE

    return report_address.removesuffix(REPORT_FILE) + PAGE_FILE


def _save_page(address: str, file: Path) -> None:
    from monitor_jobs.object_store import S3Address

    page = store().get(S3Address.parse(_page_address(address)))
    try:
        file.write_bytes(page)
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}") from error
    say(f"Page saved: {file}")


def _print(report: "Report", address: str) -> None:
    print_fields(
        {
            "Report": address,
            "Page": _page_address(address),
            "Monitor": report.monitor,
            "Window": f"{report.window_start} to {report.window_end}",
            "Records": report.records,
            "Predictions": report.predictions,
            "Unreadable": report.unreadable.total,
            "Remark": report.remark,
        }
    )
    print_line("")
    print_table(["Measurement", "Value", "Limit", ""], map(_measurement_row, report.measurements), empty="")
    for violation in report.violations:
        print_line(f"\n{violation.constraint_check_type}: {violation.description}")
        for record in violation.offending_records[:SHOWN_RECORDS]:
            print_line(f"  {record.event_id}  {record.object_key}:{record.line}  {record.detail}")
        more = len(violation.offending_records) - SHOWN_RECORDS
        if more > 0:
            print_line(f"  and {more} more, in the report")


def _measurement_row(measurement: Any) -> dict[str, str]:  # noqa: ANN401 -- the report loads lazily
    limit = "" if measurement.limit is None else f"{measurement.keeps} {measurement.limit:g}"
    return {
        "Measurement": measurement.name,
        "Value": f"{measurement.value:.6g} {measurement.unit}",
        "Limit": limit,
        "": "VIOLATED" if measurement.violated else "",
    }
