"""The doors to the outside that the roles are written against. Each has a real adapter and a shipped simple one."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from service.core.deployment import EndpointSpec
from service.core.records import (
    AlertChangeRecord,
    AlertRecord,
    DatapointRecord,
    EndpointConfigRecord,
    EndpointRecord,
    ExecutionRecord,
    JobDefinitionRecord,
    MetricRecord,
    ModelRecord,
    ProcessingJobRecord,
    Query,
    ScheduleRecord,
    TagsRecord,
)
from service.core.secret import Secret
from service.core.users import AccessKeyRecord, ApiKeyRecord, SessionRecord, UserRecord

Record = TypeVar("Record")


class Table(Protocol[Record]):
    """One kind of record, by key. Every write is atomic and durable when it returns."""

    def add(self, record: Record) -> None:
        """Insert a row. Raises Conflict where its key, or another unique column pair, is taken."""
        ...

    def get(self, key: str) -> Record | None:
        """The row of that key."""
        ...

    def find(self, query: Query) -> list[Record]:
        """The rows that a query asks for."""
        ...

    def count(self, query: Query) -> int:
        """How many rows a query asks for, its limit aside."""
        ...

    def save(self, record: Record) -> Record:
        """Replace the row that has this key and version; returns it with the next version.

        Raises Conflict when stale.
        """
        ...

    def remove(self, key: str) -> None:
        """Delete the row; nothing happens where there is none."""
        ...


class Database(Protocol):
    """All records. Processes share it; nothing is kept in memory between calls."""

    @property
    def models(self) -> Table[ModelRecord]: ...
    @property
    def endpoint_configs(self) -> Table[EndpointConfigRecord]: ...
    @property
    def endpoints(self) -> Table[EndpointRecord]: ...
    @property
    def schedules(self) -> Table[ScheduleRecord]: ...
    @property
    def executions(self) -> Table[ExecutionRecord]: ...
    @property
    def processing_jobs(self) -> Table[ProcessingJobRecord]: ...
    @property
    def job_definitions(self) -> Table[JobDefinitionRecord]: ...
    @property
    def alerts(self) -> Table[AlertRecord]: ...
    @property
    def alert_changes(self) -> Table[AlertChangeRecord]: ...
    @property
    def tags(self) -> Table[TagsRecord]: ...

    @property
    def metrics(self) -> Table[MetricRecord]: ...
    @property
    def datapoints(self) -> Table[DatapointRecord]: ...

    @property
    def users(self) -> Table[UserRecord]: ...
    @property
    def access_keys(self) -> Table[AccessKeyRecord]: ...
    @property
    def api_keys(self) -> Table[ApiKeyRecord]: ...
    @property
    def sessions(self) -> Table[SessionRecord]: ...

    def transaction(self) -> AbstractContextManager[None]:
        """Everything written inside happens together or not at all."""
        ...


class Sealer(Protocol):
    """Keeps secrets that must be known again, such as those that requests are signed with."""

    def seal(self, secret: Secret, *, key_id: str) -> str:
        """The secret in a form that may be stored, bound to the id of its key."""
        ...

    def unseal(self, sealed: str, *, key_id: str) -> Secret:
        """The secret. Raises Unsealable for what was sealed with another sealing key, or for another id."""
        ...


Handle = dict[str, Any]  # what an adapter needs to find its process again after a restart; JSON


@dataclass(frozen=True, slots=True)
class JobLimits:
    """What one job may use of its machine, its processes taken together; `processes` counts threads too."""

    memory_bytes: int = 4 * 2**30
    processes: int = 1024
    log_bytes: int = 256 * 2**20


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One container to run: image, command line, environment, and the folder that holds its /opt/ml.

    An entrypoint takes the place of the image's own, arguments that of its command, as Docker has it.
    """

    name: str
    image_uri: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    root: Path
    log: Path
    max_runtime: timedelta
    entrypoint: tuple[str, ...] = ()


class JobEnd(Protocol):
    """How a job ended.

    `exit_code` as a shell reports it (128 + signal where killed), `reason` where the platform ended it.
    """

    @property
    def exit_code(self) -> int: ...
    @property
    def reason(self) -> str | None: ...


class JobRunner(Protocol):
    """Runs processing containers. Raises BadInput for an image it cannot run."""

    def start(self, job: JobSpec) -> Handle:
        """Start the job and return at once."""
        ...

    def wait(self, handle: Handle, *, job: JobSpec, keep_going: Callable[[], bool]) -> JobEnd:
        """Wait for the end.

        SIGTERM, 10 s, SIGKILL to the whole group at the time limit or when `keep_going` says no.
        """
        ...

    def end(self, handle: Handle) -> None:
        """End every process that the job of an earlier run has left."""
        ...

    def strays(self, root: Path) -> list[Handle]:
        """Jobs of that root which still run: whoever started them may have died before it could note their handles."""
        ...


class EndpointHost(Protocol):
    """Runs endpoint processes, also several of one variant, and finds them again after a restart."""

    def start(self, spec: EndpointSpec, *, folder: Path) -> Handle:
        """Start the process and return at once; its address is `handle["address"]`."""
        ...

    def running(self, handle: Handle) -> bool:
        """True while the process lives."""
        ...

    def ready(self, handle: Handle) -> bool:
        """True when /ping answers 200."""
        ...

    def stop(self, handle: Handle) -> None:
        """SIGTERM, 30 s to drain and flush, then SIGKILL; returns when the process is gone."""
        ...

    def last_words(self, handle: Handle) -> str:
        """The last log lines of the process, for a FailureReason."""
        ...

    def strays(self, folder: Path) -> list[Handle]:
        """Living processes started below a folder, by another than this process: it may have died before it could note
        them.
        """
        ...
