"""Processing jobs that commands ask for: a window of captures in, files out.

What lives here: their inputs, and their end. What does not: the requests (core.processing_requests),
which image, and what for (baseline, explain).
"""

from typing import TYPE_CHECKING, Any

from monitor_jobs.contract.errors import BadInput, SextantError
from service.cli.client import Client, endpoint_config_of, wait_for
from service.core.processing_requests import DATASET, MAX_CAPTURE_INPUTS, s3_input

if TYPE_CHECKING:
    from monitor_jobs.contract.window import Window
    from monitor_jobs.object_store import ObjectStore

RUN_SECONDS = 3600.0


def capture_inputs(objects: "ObjectStore", destination: str, below: str, window: "Window") -> list[dict[str, Any]]:
    """Inputs that hold every capture of the window. Raises BadInput where there is none."""
    from monitor_jobs.contract.capture import hour_folder
    from monitor_jobs.contract.window import hours_of
    from monitor_jobs.object_store import S3Address

    folders = [f"{below}/{hour_folder(hour)}" for hour in hours_of(window)]
    held = [folder for folder in folders if any(objects.list(S3Address.parse(f"{destination}/{folder}/")))]
    if not held:
        raise BadInput(f"{below} has no captures from {window}: widen the window")
    # Too many hours for one input each: whole days, then all of them; the job itself keeps to the window.
    days = sorted({folder.rpartition("/")[0] for folder in held})
    chosen = next((some for some in (held, days) if len(some) <= MAX_CAPTURE_INPUTS), [below])
    return [
        s3_input(f"captures-{index}", f"{destination}/{folder}", f"{DATASET}/{folder}")
        for index, folder in enumerate(chosen)
    ]


def container_of(client: Client, endpoint: str) -> dict[str, Any]:
    """The PrimaryContainer of the model that an endpoint serves."""
    config = endpoint_config_of(client, endpoint)
    model = client.call("DescribeModel", ModelName=config["ProductionVariants"][0]["ModelName"])
    return dict(model["PrimaryContainer"])


def wait_for_job(client: Client, name: str, *, what: str) -> None:
    """Returns once the job has completed. Raises SextantError with its reason where it has not."""
    job = wait_for(lambda: _ended(client, name), what=what, timeout_seconds=RUN_SECONDS)
    if job["ProcessingJobStatus"] != "Completed":
        why = job.get("ExitMessage") or job.get("FailureReason") or "see its log"
        raise SextantError(f"{name} is {job['ProcessingJobStatus']}: {why}")


def _ended(client: Client, name: str) -> dict[str, Any] | None:
    job = client.call("DescribeProcessingJob", ProcessingJobName=name)
    return job if job["ProcessingJobStatus"] in ("Completed", "Failed", "Stopped") else None
