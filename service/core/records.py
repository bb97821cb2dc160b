"""What the database keeps: one frozen record a row, in SageMaker's terms.

What lives here: the rows of every resource and of metrics, and how they are asked for. What does not: users
(core.users), SQL (adapters.database), the states' transitions (core.states), AWS's answer shapes (control). `request`
is what the client sent, unchanged. `version` counts the saves of a row: who saves a stale one gets Conflict.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.core.states import AlertStatus, EndpointStatus, ExecutionStatus, ProcessingJobStatus, ScheduleStatus

Json = dict[str, Any]


class MonitoringType(StrEnum):
    """What a schedule or a job definition judges, in AWS's words."""

    DATA_QUALITY = "DataQuality"
    MODEL_QUALITY = "ModelQuality"
    MODEL_BIAS = "ModelBias"
    MODEL_EXPLAINABILITY = "ModelExplainability"


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A Model: where its package lies and which environment it runs with."""

    name: str
    created_at: datetime
    request: Json
    version: int = 0


@dataclass(frozen=True, slots=True)
class EndpointConfigRecord:
    """An EndpointConfig: variants and data capture, as sent."""

    name: str
    created_at: datetime
    request: Json
    version: int = 0


@dataclass(frozen=True, slots=True)
class EndpointRecord:
    """An Endpoint: what is wanted and which processes are its own, one JSON object a process (core.variants).

    `running` answers requests, a process for each variant in the order of the configuration. While
    `pending_config_name` is to follow `config_name`, `starting` is what gets ready beside it; its variants get the
    weights of their configuration, or the `retained_weights` of those names. `retiring` gets no requests any more and
    is ended; its `stop_at` says when, at once where there is none.
    """

    name: str
    config_name: str
    status: EndpointStatus
    created_at: datetime
    modified_at: datetime
    failure_reason: str | None = None
    running: list[Json] = field(default_factory=list)
    starting: list[Json] = field(default_factory=list)
    retiring: list[Json] = field(default_factory=list)
    pending_config_name: str | None = None
    deployment_config: Json | None = None
    retained_weights: Json | None = None
    version: int = 0

    @property
    def processes(self) -> list[Json]:
        """Every process that this endpoint has started and not yet seen gone."""
        return [*self.running, *self.starting, *self.retiring]


@dataclass(frozen=True, slots=True)
class JobDefinitionRecord:
    """A job definition of one of the four kinds; names are taken once a kind, so `id` is the kind's word and the name.

    `endpoint_name` is "" where a batch transform job is judged.
    """

    id: str
    name: str
    monitoring_type: MonitoringType
    created_at: datetime
    endpoint_name: str
    request: Json
    version: int = 0


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """A MonitoringSchedule. Every slot up to `covered_until` is an execution or counted in `missed_slots`.

    `job_definition_name` is None where the definition is part of the request.
    """

    name: str
    status: ScheduleStatus
    created_at: datetime
    modified_at: datetime
    endpoint_name: str
    request: Json
    covered_until: datetime
    missed_slots: int = 0
    monitoring_type: MonitoringType = MonitoringType.DATA_QUALITY
    job_definition_name: str | None = None
    version: int = 0


class ExecutionOrigin(StrEnum):
    """Why an execution exists: its slot came, or someone asked for it."""

    SLOT = "Slot"
    RUN_NOW = "RunNow"


class CaptureSource(StrEnum):
    """What an execution reads: the side index where it stands for captures, or all of these themselves."""

    SIDE_INDEX = "SideIndex"
    RAW = "Raw"


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    """A MonitoringExecution: unique by (schedule_name, scheduled_at); leased to one scheduler while it runs."""

    id: str
    schedule_name: str
    scheduled_at: datetime
    origin: ExecutionOrigin
    window_start: datetime
    window_end: datetime
    status: ExecutionStatus
    created_at: datetime
    modified_at: datetime
    endpoint_name: str = ""
    attempt: int = 0
    lease_owner: str | None = None
    lease_until: datetime | None = None
    processing_job_name: str | None = None
    failure_reason: str | None = None
    exit_message: str | None = None
    window_records: int | None = None
    violations: int | None = None
    capture_source: CaptureSource = CaptureSource.SIDE_INDEX
    monitoring_type: MonitoringType = MonitoringType.DATA_QUALITY
    job_definition_name: str | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class ProcessingJobRecord:
    """A ProcessingJob; `handle` finds its process again.

    `metric_data` is the last line of each metric that it published, `metrics` the same as one number for each gauge.
    `access_name` is what a grant must fit: the endpoint that its schedule judges, its own name where it has none, and
    "" where that is not known, which only grants of every name reach.
    """

    name: str
    status: ProcessingJobStatus
    created_at: datetime
    modified_at: datetime
    request: Json
    schedule_name: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    exit_message: str | None = None
    failure_reason: str | None = None
    handle: Json | None = None
    metrics: Json = field(default_factory=dict)
    metric_data: list[Json] = field(default_factory=list)
    access_name: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class MetricRecord:
    """A CloudWatch metric that clients put data of: its name below a namespace, and its dimensions."""

    id: str
    namespace: str
    name: str
    dimensions: list[Json]
    last_at: datetime
    version: int = 0


@dataclass(frozen=True, slots=True)
class DatapointRecord:
    """What clients put of one metric in one unit within one minute, as statistics."""

    id: str
    metric_id: str
    minute: datetime
    unit: str
    sample_count: float
    total: float
    minimum: float
    maximum: float
    version: int = 0


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """A schedule's alert: InAlert while so many datapoints of the last executions are violations (core.alerts)."""

    schedule_name: str
    name: str
    status: AlertStatus
    created_at: datetime
    modified_at: datetime
    datapoints_to_alert: int = 1
    evaluation_period: int = 1
    version: int = 0


@dataclass(frozen=True, slots=True)
class AlertChangeRecord:
    """One change of an alert's status; kept when its schedule is deleted, as executions are.

    `endpoint_name` is the endpoint that the schedule judged, "" where that is not known any more.
    """

    id: str
    schedule_name: str
    alert_name: str
    created_at: datetime
    status: AlertStatus
    endpoint_name: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class TagsRecord:
    """The tags of one resource, by key; `resource` is the end of its ARN, `endpoint/signs`."""

    resource: str
    tags: dict[str, str]
    version: int = 0


class SortOrder(StrEnum):
    """AWS's words for the direction of a listing."""

    ASCENDING = "Ascending"
    DESCENDING = "Descending"


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows are wanted, in which order, how many.

    `equal`, `any_of`, `at_least` (>=), `below` (<), `contains` (in any case of ASCII letters) and `fits` (at least one
    of the patterns, in the sense of core.access) compare columns by name; `after` is the (sort value, key) of the last
    row already seen, so that a page is found without counting. Text sorts by code point.
    """

    equal: Mapping[str, object] = field(default_factory=dict)
    any_of: Mapping[str, Collection[object]] = field(default_factory=dict)
    at_least: Mapping[str, object] = field(default_factory=dict)
    below: Mapping[str, object] = field(default_factory=dict)
    contains: Mapping[str, str] = field(default_factory=dict)
    fits: Mapping[str, Collection[str]] = field(default_factory=dict)
    order_by: str = "created_at"
    order: SortOrder = SortOrder.ASCENDING
    limit: int | None = None
    after: tuple[object, str] | None = None
