"""Operations on ProcessingJob: one container over inputs that are staged and outputs that are uploaded."""

from dataclasses import replace

from monitor_jobs.contract.errors import Conflict
from monitor_jobs.object_store import S3Address
from service.control.sagemaker.context import Context, Json, ResourceInUse, ValidationException
from service.control.sagemaker.listing import Listing, page
from service.control.sagemaker.parsing import parsed
from service.core.names import Resource
from service.core.processing import ProcessingJobRequest
from service.core.records import ProcessingJobRecord
from service.core.retrying import begun_anew
from service.core.states import ProcessingJobStatus, advance

LISTING = Listing(
    ProcessingJobRecord,
    key="name",
    governed="access_name",
    sort_columns={"Name": "name", "CreationTime": "created_at", "Status": "status"},
    equal={"StatusEquals": "status"},
)


def create_processing_job(request: Json, context: Context) -> Json:
    """Asks for a job; the scheduler starts it as soon as a place is free."""
    job = parsed(ProcessingJobRequest, request)
    for uri in [*(source.s3_input.s3_uri for source in job.inputs), *(out.s3_output.s3_uri for out in job.outputs)]:
        S3Address.parse(uri)
    record = ProcessingJobRecord(
        name=job.processing_job_name,
        status=ProcessingJobStatus.IN_PROGRESS,
        created_at=context.now,
        modified_at=context.now,
        request=request,
        access_name=job.processing_job_name,
    )
    try:
        context.database.processing_jobs.add(record)
    except Conflict as error:
        raise ResourceInUse(f"Job name must be unique: {record.name} exists already") from error
    return {"ProcessingJobArn": _arn(record.name, context)}


def describe_processing_job(request: Json, context: Context) -> Json:
    """A job as sent, its state, and how it ended. `ProcessingInputs` is there even where empty: the SDK reads it so."""
    record = find_processing_job(str(request["ProcessingJobName"]), context)
    schedule = record.schedule_name
    optional = {
        "ProcessingStartTime": record.started_at,
        "ProcessingEndTime": record.ended_at,
        "ExitMessage": record.exit_message,
        "FailureReason": record.failure_reason,
        "MonitoringScheduleArn": schedule and context.arn(Resource.SCHEDULE, schedule),
    }
    return {
        "ProcessingInputs": [],
        "Environment": {},
        **record.request,
        **_summary(record, context),
        **{name: value for name, value in optional.items() if value is not None},
    }


def list_processing_jobs(request: Json, context: Context) -> Json:
    """Jobs, newest first."""

    def summary(record: ProcessingJobRecord) -> Json:
        return _summary(record, context)

    return page(
        context.database.processing_jobs, LISTING, request, context, summary=summary, rows="ProcessingJobSummaries"
    )


def stop_processing_job(request: Json, context: Context) -> Json:
    """Asks for a job's end: SIGTERM, 10 s, SIGKILL."""

    def stopping() -> None:
        with context.database.transaction():  # the scheduler renews the row of a job that runs
            record = find_processing_job(str(request["ProcessingJobName"]), context)
            status = advance(record.status, ProcessingJobStatus.STOPPING)
            context.database.processing_jobs.save(replace(record, status=status, modified_at=context.now))

    begun_anew(stopping)
    return {}


def delete_processing_job(request: Json, context: Context) -> Json:
    """Forgets an ended job. Raises ResourceInUse while it runs."""
    record = find_processing_job(str(request["ProcessingJobName"]), context)
    if record.status in (ProcessingJobStatus.IN_PROGRESS, ProcessingJobStatus.STOPPING):
        raise ResourceInUse(f"Processing job {record.name} is {record.status}: stop it first")
    context.database.processing_jobs.remove(record.name)
    return {}


def find_processing_job(name: str, context: Context) -> ProcessingJobRecord:
    """The job of that name. Raises ValidationException in AWS's words."""
    record = context.database.processing_jobs.get(name)
    if record is None:
        raise ValidationException(f"Could not find requested job with name: {name}")
    return record


def _summary(record: ProcessingJobRecord, context: Context) -> Json:
    return {
        "ProcessingJobName": record.name,
        "ProcessingJobArn": _arn(record.name, context),
        "ProcessingJobStatus": record.status,
        "CreationTime": record.created_at,
        "LastModifiedTime": record.modified_at,
    }


def _arn(name: str, context: Context) -> str:
    return context.arn(Resource.PROCESSING_JOB, name)
