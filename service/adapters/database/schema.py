"""The schema, one table a record. Changing it needs a migration.

Proven by tests/contract/test_database.py, which compares the two.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from service.core.keys import KeyStatus
from service.core.records import CaptureSource, ExecutionOrigin, MonitoringType
from service.core.states import AlertStatus, EndpointStatus, ExecutionStatus, ProcessingJobStatus, ScheduleStatus

NAMING = {"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
WORD_LENGTH = 32
metadata = MetaData(naming_convention={**NAMING, "pk": "pk_%(table_name)s"})


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC times, which SQLite would hand back without their zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Store UTC without a zone."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give the zone back."""
        return None if value is None else value.replace(tzinfo=UTC)


def _by_code_point(length: int | None, dialect: Dialect) -> TypeEngine[str]:
    collation = "C" if dialect.name == "postgresql" else None
    return dialect.type_descriptor(String(length, collation=collation))


class PlainText(TypeDecorator[str]):
    """Text without NUL, which PostgreSQL cannot keep, and which sorts by code point there too, as in SQLite."""

    impl = String
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """The column's type."""
        return _by_code_point(self.length, dialect)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Put the replacement character where NUL was."""
        return None if value is None else value.replace("\0", "\N{REPLACEMENT CHARACTER}")


class Word(TypeDecorator[StrEnum]):
    """A member of a string enumeration, stored as its value."""

    impl = String(WORD_LENGTH)
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """The column's type."""
        return _by_code_point(WORD_LENGTH, dialect)

    def process_bind_param(self, value: StrEnum | str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Store the value; refuse a word the enumeration does not have."""
        return None if value is None else self.words(value).value

    def process_result_value(self, value: Any, dialect: Dialect) -> StrEnum | None:  # noqa: ANN401, ARG002
        """Give the member back."""
        return None if value is None else self.words(value)


def _name(column: str = "name") -> Column[str]:
    return Column(column, PlainText(128), primary_key=True)


def _time(column: str) -> Column[datetime]:
    return Column(column, UtcDateTime(), nullable=False)


def _judged_by() -> tuple[Column[Any], Column[str]]:
    word = MonitoringType.DATA_QUALITY.value
    kind: Column[Any] = Column("monitoring_type", Word(MonitoringType), nullable=False, server_default=word)
    return kind, Column("job_definition_name", PlainText(128))


def _key(secret: Column[str]) -> tuple[Column[Any], ...]:
    return (
        _name("id"),
        Column("user_name", PlainText(64), nullable=False),
        _time("created_at"),
        secret,
        Column("status", Word(KeyStatus), nullable=False),
        Column("expires_at", UtcDateTime()),
        _version(),
    )


def _version() -> Column[int]:
    return Column("version", Integer, nullable=False, default=0)


models = Table("models", metadata, _name(), _time("created_at"), Column("request", JSON, nullable=False), _version())

endpoint_configs = Table(
    "endpoint_configs", metadata, _name(), _time("created_at"), Column("request", JSON, nullable=False), _version()
)

endpoints = Table(
    "endpoints",
    metadata,
    _name(),
    Column("config_name", PlainText(128), nullable=False),
    Column("status", Word(EndpointStatus), nullable=False),
    _time("created_at"),
    _time("modified_at"),
    Column("failure_reason", PlainText()),
    Column("running", JSON, nullable=False),
    Column("starting", JSON, nullable=False, server_default="[]"),
    Column("retiring", JSON, nullable=False, server_default="[]"),
    Column("pending_config_name", PlainText(128)),
    Column("deployment_config", JSON(none_as_null=True)),
    Column("retained_weights", JSON(none_as_null=True)),
    _version(),
)

schedules = Table(
    "schedules",
    metadata,
    _name(),
    Column("status", Word(ScheduleStatus), nullable=False),
    _time("created_at"),
    _time("modified_at"),
    Column("endpoint_name", PlainText(128), nullable=False),
    Column("request", JSON, nullable=False),
    _time("covered_until"),
    Column("missed_slots", Integer, nullable=False),
    *_judged_by(),
    _version(),
)

executions = Table(
    "executions",
    metadata,
    _name("id"),
    Column("schedule_name", PlainText(128), nullable=False),
    _time("scheduled_at"),
    Column("origin", Word(ExecutionOrigin), nullable=False),
    _time("window_start"),
    _time("window_end"),
    Column("status", Word(ExecutionStatus), nullable=False),
    _time("created_at"),
    _time("modified_at"),
    Column("endpoint_name", PlainText(128), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("lease_owner", PlainText(64)),
    Column("lease_until", UtcDateTime()),
    Column("processing_job_name", PlainText(128)),
    Column("failure_reason", PlainText()),
    Column("exit_message", PlainText()),
    Column("window_records", Integer),
    Column("violations", Integer),
    Column("capture_source", Word(CaptureSource), nullable=False, server_default=CaptureSource.SIDE_INDEX.value),
    *_judged_by(),
    _version(),
    UniqueConstraint("schedule_name", "scheduled_at"),
    Index("ix_executions_status", "status"),
)

processing_jobs = Table(
    "processing_jobs",
    metadata,
    _name(),
    Column("status", Word(ProcessingJobStatus), nullable=False),
    _time("created_at"),
    _time("modified_at"),
    Column("request", JSON, nullable=False),
    Column("schedule_name", PlainText(128)),
    Column("started_at", UtcDateTime()),
    Column("ended_at", UtcDateTime()),
    Column("exit_code", Integer),
    Column("exit_message", PlainText()),
    Column("failure_reason", PlainText()),
    Column("handle", JSON(none_as_null=True)),
    Column("metrics", JSON, nullable=False),
    Column("metric_data", JSON, nullable=False, server_default="[]"),
    Column("access_name", PlainText(128), nullable=False, server_default=""),
    _version(),
    Index("ix_processing_jobs_status", "status"),
)

job_definitions = Table(
    "job_definitions",
    metadata,
    _name("id"),
    Column("name", PlainText(128), nullable=False),
    Column("monitoring_type", Word(MonitoringType), nullable=False),
    _time("created_at"),
    Column("endpoint_name", PlainText(128), nullable=False),
    Column("request", JSON, nullable=False),
    _version(),
)

alerts = Table(
    "alerts",
    metadata,
    _name("schedule_name"),
    Column("name", PlainText(128), nullable=False),
    Column("status", Word(AlertStatus), nullable=False),
    _time("created_at"),
    _time("modified_at"),
    Column("datapoints_to_alert", Integer, nullable=False),
    Column("evaluation_period", Integer, nullable=False),
    _version(),
)

alert_changes = Table(
    "alert_changes",
    metadata,
    _name("id"),
    Column("schedule_name", PlainText(128), nullable=False),
    Column("alert_name", PlainText(128), nullable=False),
    _time("created_at"),
    Column("status", Word(AlertStatus), nullable=False),
    Column("endpoint_name", PlainText(128), nullable=False, server_default=""),
    _version(),
)

tags = Table("tags", metadata, _name("resource"), Column("tags", JSON, nullable=False), _version())

metrics = Table(
    "metrics",
    metadata,
    _name("id"),
    Column("namespace", PlainText(255), nullable=False),
    Column("name", PlainText(255), nullable=False),
    Column("dimensions", JSON, nullable=False),
    _time("last_at"),
    _version(),
)

datapoints = Table(
    "datapoints",
    metadata,
    _name("id"),
    Column("metric_id", PlainText(128), nullable=False),
    _time("minute"),
    Column("unit", PlainText(32), nullable=False),
    Column("sample_count", Double, nullable=False),
    Column("total", Double, nullable=False),
    Column("minimum", Double, nullable=False),
    Column("maximum", Double, nullable=False),
    _version(),
    Index("ix_datapoints_metric_id_minute", "metric_id", "minute"),
    Index("ix_datapoints_minute", "minute"),
)

users = Table("users", metadata, _name(), _time("created_at"), Column("policies", JSON, nullable=False), _version())

access_keys = Table("access_keys", metadata, *_key(Column("sealed_secret", PlainText(1024), nullable=False)))

api_keys = Table(
    "api_keys", metadata, *_key(Column("digest", PlainText(64), nullable=False)), UniqueConstraint("digest")
)

sessions = Table(
    "sessions",
    metadata,
    _name("id"),
    Column("key_digest", PlainText(64), nullable=False),
    _time("created_at"),
    _time("used_at"),
    _version(),
    Index("ix_sessions_key_digest", "key_digest"),
)
