"""Processing jobs that clients asked for themselves, run by the scheduler's tick."""

from dataclasses import replace

from service.core.records import ProcessingJobRecord
from service.core.states import ProcessingJobStatus
from tests.integration.scheduling import MINUTE, NOON
from tests.wait import wait_until

BEFORE_NOON = NOON - MINUTE / 2


def test_a_requested_job_is_run_once_and_its_outputs_uploaded(house):
    process, name = house.start(), _request_job(house, "leave_report", "0")
    job = _ended_job(house, process, name)
    process.tick()
    assert (job.status, job.exit_message, house.runs) == (ProcessingJobStatus.COMPLETED, "done", 1)
    assert len(house.reports("s3://bucket/out")) == 4  # the violations under both their names


def test_a_requested_job_that_breaks_the_service_still_ends(house):
    name = _request_job(house, "leave_report", "0", LocalPath="not/absolute")
    job = _ended_job(house, house.start(), name)
    assert job.status is ProcessingJobStatus.FAILED
    assert "not/absolute" in job.failure_reason


def test_a_requested_job_that_was_stopped_before_it_started_never_starts(house):
    name = _request_job(house, "leave_report", "0")
    _stop_job(house, name)
    assert _ended_job(house, house.start(), name).status is ProcessingJobStatus.STOPPED
    assert house.runs == 0


def test_a_requested_job_without_input_objects_says_so(house):
    source = {"S3Uri": "s3://bucket/nothing", "LocalPath": "/opt/ml/processing/input"}
    name = _request_job(house, "leave_report", "0", inputs=[{"InputName": "data", "S3Input": source}])
    assert (
        "No S3 objects found under S3 URL s3://bucket/nothing" in _ended_job(house, house.start(), name).failure_reason
    )


def _request_job(house, *arguments, LocalPath="/opt/ml/processing/outputs", inputs=()):  # noqa: N803 -- AWS's name
    output = {"OutputName": "out", "S3Output": {"S3Uri": "s3://bucket/out", "LocalPath": LocalPath}}
    request = {
        "ProcessingJobName": "asked",
        "ProcessingInputs": list(inputs),
        "ProcessingOutputConfig": {"Outputs": [output]},
        "AppSpecification": {"ImageUri": "tests/program", "ContainerArguments": arguments},
    }
    now = house.clock()
    record = ProcessingJobRecord("asked", ProcessingJobStatus.IN_PROGRESS, now, now, request)
    house.database.processing_jobs.add(record)
    return record.name


def _ended_job(house, process, name):
    def look():
        process.tick()
        job = house.database.processing_jobs.get(name)
        return job if job.ended_at else None

    return wait_until(look, timeout_seconds=60, what="the job's end")


def _stop_job(house, name):
    job = house.database.processing_jobs.get(name)
    house.database.processing_jobs.save(replace(job, status=ProcessingJobStatus.STOPPING))
