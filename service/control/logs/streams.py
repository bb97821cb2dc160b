"""Which files are which log groups and streams.

Processing jobs share a group, with a stream a job; an endpoint is a group of its own, with a stream a variant, which
all processes of that variant write. A group or stream is there while its file is.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor_jobs.contract.errors import BadInput, NotFound
from service.control.access.enforcement import Access
from service.control.logs.log_file import LogFile, first_own_time
from service.core.names import ENDPOINT_LOG_GROUPS, JOBS_LOG_GROUP, Named, validate_name
from service.core.records import ProcessingJobRecord, Query

JOB_LOG: Final = "log.txt"
ENDPOINT_LOG: Final = "log.jsonl"
HOST: Final = "algo-1"  # a job runs in one container, whose host name is this
ALL_PROCESSES: Final = "all-processes"


@dataclass(frozen=True, slots=True)
class Stream:
    """A log stream: its name, and the file that it is."""

    name: str
    file: LogFile


class LogFiles:
    """The groups and streams of one installation that a caller may read; the others are as if they were not there."""

    def __init__(self, access: Access, data: Path) -> None:
        self._access = access
        self._jobs_table = access.here.database.processing_jobs
        self._jobs = data / "jobs"
        self._endpoints = data / "endpoints"

    def groups(self) -> list[str]:
        """The names of all groups, in order; that of the jobs is always there."""
        endpoints = (
            name
            for name in _folders(self._endpoints)
            if self._access.may_read(name) and any(self._endpoints.glob(f"{name}/*/{ENDPOINT_LOG}"))
        )
        return sorted([JOBS_LOG_GROUP, *(ENDPOINT_LOG_GROUPS + name for name in endpoints)])

    def streams(self, group: str, prefix: str = "") -> list[Stream]:
        """The streams of a group that begin with a prefix, in order of their names. Raises NotFound for no group."""
        if group == JOBS_LOG_GROUP:
            found = self._job_streams(prefix)
        elif group.startswith(ENDPOINT_LOG_GROUPS):
            found = self._endpoint_streams(group.removeprefix(ENDPOINT_LOG_GROUPS))
        else:
            raise no_group()
        return sorted((each for each in found if each.name.startswith(prefix)), key=lambda stream: stream.name)

    def stream(self, group: str, name: str) -> Stream:
        """The stream of that name. Raises NotFound."""
        for stream in self.streams(group, name):
            if stream.name == name:
                return stream
        raise NotFound("The specified log stream does not exist.")

    def _job_streams(self, prefix: str) -> Iterator[Stream]:
        job, slash, _ = prefix.partition("/")
        if slash:  # as the SDK asks for one job's, which must not cost a look at all of them
            names, records = [job] if _is_name(Named.PROCESSING_JOB, job) else [], {}
        else:
            names = [name for name in _folders(self._jobs) if name.startswith(job)]
            records = {record.name: record for record in self._jobs_table.find(Query())}
        for name in names:
            path, record = self._jobs / name / JOB_LOG, records.get(name) or self._jobs_table.get(name)
            if self._access.may_read(record.access_name if record else None) and path.is_file():
                yield self._job_stream(path, name, record)

    def _job_stream(self, path: Path, name: str, record: ProcessingJobRecord | None) -> Stream:
        # A job whose row was deleted has ended: nothing is added to its log any more.
        began = record.created_at.timestamp() if record else path.stat().st_mtime
        return Stream(f"{name}/{HOST}-{int(began)}", LogFile(path, int(began * 1000)))

    def _endpoint_streams(self, endpoint: str) -> Iterator[Stream]:
        folder = self._endpoints / endpoint
        if not _is_name(Named.ENDPOINT, endpoint) or not folder.is_dir() or not self._access.may_read(endpoint):
            raise no_group()
        for variant in _folders(folder):
            path = folder / variant / ENDPOINT_LOG
            if path.is_file():
                yield Stream(f"{variant}/{ALL_PROCESSES}", LogFile(path, first_own_time(path)))


def no_group() -> NotFound:
    """The error of a group that is not there, in AWS's words."""
    return NotFound("The specified log group does not exist.")


def _folders(parent: Path) -> list[str]:
    try:
        with os.scandir(parent) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _is_name(member: Named, text: str) -> bool:
    try:
        return bool(validate_name(member, text))
    except BadInput:
        return False
