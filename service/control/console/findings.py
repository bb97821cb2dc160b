"""One execution: its verdict, and what its report says, as far as there is one that can be read.

What lives here: what the page says, as a value; the report's own page, as the job wrote it. What does not: HTML.
A report is what a job left, perhaps a program of somebody else's: it is read as data, held to a size, and believed in
nothing but its text.
"""

from contextlib import suppress
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from monitor_jobs.contract.errors import NotFound, SextantError
from monitor_jobs.contract.explanation import EXPLANATIONS_FILE, Explanations
from monitor_jobs.contract.report import PAGE_FILE, REPORT_FILE, VIOLATIONS_FILE, ConstraintViolations, Report
from monitor_jobs.object_store import ObjectMissing, ObjectStore, S3Address
from service.control.api import ApiError
from service.control.console.overview import Ask, Json
from service.core.explanations import EXPLANATIONS_FOLDER

FileT = TypeVar("FileT", bound=BaseModel)

MOST_BYTES: Final = 8 * 2**20
PNG_START: Final = b"\x89PNG\r\n\x1a\n"


def findings(ask: Ask, store: ObjectStore, execution_id: str) -> Json:
    """All that the page says. Raises what operations do where there is no such execution, or it may not be seen."""
    execution = ask("DescribeMonitoringExecution", {"MonitoringExecutionId": execution_id})
    at = _report_address(ask, execution)
    return {"Execution": execution, "Report": None if at is None else _told(store, at)}


def report_page(ask: Ask, store: ObjectStore, execution_id: str) -> bytes:
    """The page that the job left as its report. Raises NotFound where it left none."""
    execution = ask("DescribeMonitoringExecution", {"MonitoringExecutionId": execution_id})
    at = _report_address(ask, execution)
    if at is None:
        raise NotFound("this execution has left no report")
    return _read(store, at.joined(PAGE_FILE))


def explanation_picture(ask: Ask, store: ObjectStore, execution_id: str, name: str) -> bytes:
    """A picture that the execution's explanations name. Raises NotFound for any other name, or what is no PNG."""
    execution = ask("DescribeMonitoringExecution", {"MonitoringExecutionId": execution_id})
    at = _report_address(ask, execution)
    explained = () if at is None else _explanations(store, at)
    if at is None or name not in {one["Picture"] for one in explained}:
        raise NotFound(f"the explanations of this execution name no picture {name[:80]!r}")
    body = _read(store, at.joined(EXPLANATIONS_FOLDER, name))
    if not body.startswith(PNG_START):
        raise NotFound(f"{name} is no PNG")
    return body


def _report_address(ask: Ask, execution: Json) -> S3Address | None:
    """The address below which the execution's job has left its report; None where it had none, or it is forgotten."""
    job_arn = execution.get("ProcessingJobArn")
    if job_arn is None:
        return None
    with suppress(ApiError, LookupError):
        job = ask("DescribeProcessingJob", {"ProcessingJobName": job_arn.rpartition("/")[2]})
        return S3Address.parse(job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"])
    return None


def _told(store: ObjectStore, at: S3Address) -> Json:
    told: Json = {
        "S3Uri": str(at),
        "HasPage": False,
        "Explanations": [],
        "Measurements": [],
        "Violations": [],
        "Remark": "",
    }
    try:
        told["HasPage"] = _is_there(store, at.joined(PAGE_FILE))
        told["Explanations"] = _explanations(store, at)
        return {**told, **_verdict(store, at)}
    except SextantError as error:
        return {**told, "Remark": str(error)}


def _verdict(store: ObjectStore, at: S3Address) -> Json:
    """What our own report says, else SageMaker's file of violations, which every monitor leaves."""
    if _is_there(store, at.joined(REPORT_FILE)):
        report = _parsed(store, at.joined(REPORT_FILE), Report)
        measured = [{**one.model_dump(), "violated": one.violated} for one in report.measurements]
        violations = [one.model_dump() for one in report.violations]
        return {"Measurements": measured, "Violations": violations, "Remark": report.remark}
    if _is_there(store, at.joined(VIOLATIONS_FILE)):
        found = _parsed(store, at.joined(VIOLATIONS_FILE), ConstraintViolations)
        return {"Violations": [{**one.model_dump(), "offending_records": ()} for one in found.violations]}
    return {"Remark": "The job left no report."}


def _explanations(store: ObjectStore, at: S3Address) -> list[Json]:
    """What was explained of the violations' worst records, as far as that has come."""
    address = at.joined(EXPLANATIONS_FOLDER, EXPLANATIONS_FILE)
    if not _is_there(store, address):
        return []
    return [
        {
            "EventId": one.event_id,
            "Predicted": one.predicted.name,
            "Probability": one.predicted.probability,
            "Answered": one.answered,
            "Exact": one.exact,
            "Picture": one.picture_file,
        }
        for one in _parsed(store, address, Explanations).explanations
    ]


def _parsed(store: ObjectStore, address: S3Address, kind: type[FileT]) -> FileT:
    try:
        return kind.model_validate_json(_read(store, address))
    except ValidationError as error:
        raise NotFound(f"{address} is no report that can be read: {error.error_count()} things are wrong") from error


def _is_there(store: ObjectStore, address: S3Address) -> bool:
    with suppress(ObjectMissing):
        store.head(address)
        return True
    return False


def _read(store: ObjectStore, address: S3Address) -> bytes:
    size = store.head(address).size_bytes
    if size > MOST_BYTES:
        raise NotFound(f"{address} has {size} bytes, and no more than {MOST_BYTES} are shown")
    return store.get(address)
