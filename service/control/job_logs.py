"""The log of a processing job, as text."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from monitor_jobs.contract.errors import BadInput
from service.control.logs.streams import JOB_LOG
from service.core.names import Named, validate_name


def job_log(jobs: Path) -> Callable[[Request], Awaitable[Response]]:
    """The route of one job's log below the jobs folder; 404 where the job never started."""

    async def respond(request: Request) -> Response:
        try:
            name = validate_name(Named.PROCESSING_JOB, request.path_params["name"])
        except BadInput as error:
            return PlainTextResponse(str(error), 400)
        path = jobs / name / JOB_LOG
        if not path.is_file():
            return PlainTextResponse(f"processing job {name} has no log", 404)
        return FileResponse(path, media_type="text/plain; charset=utf-8")

    return respond
