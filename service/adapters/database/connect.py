"""One engine, its migrations, and transactions that span tables."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url

from service.adapters.database import schema
from service.adapters.database.tables import Doors, RecordTable
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
    ScheduleRecord,
    TagsRecord,
)
from service.core.users import AccessKeyRecord, ApiKeyRecord, SessionRecord, UserRecord

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 30


class SqlDatabase:
    """The port core.ports.Database over one SQLAlchemy engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._readers = engine.execution_options(sextant_reads=True)
        self._local = threading.local()
        doors = Doors(self._reading, self._writing)
        self.models = RecordTable(ModelRecord, schema.models, doors)
        self.endpoint_configs = RecordTable(EndpointConfigRecord, schema.endpoint_configs, doors)
        self.endpoints = RecordTable(EndpointRecord, schema.endpoints, doors)
        self.schedules = RecordTable(ScheduleRecord, schema.schedules, doors)
        self.executions = RecordTable(ExecutionRecord, schema.executions, doors)
        self.processing_jobs = RecordTable(ProcessingJobRecord, schema.processing_jobs, doors)
        self.job_definitions = RecordTable(JobDefinitionRecord, schema.job_definitions, doors)
        self.alerts = RecordTable(AlertRecord, schema.alerts, doors)
        self.alert_changes = RecordTable(AlertChangeRecord, schema.alert_changes, doors)
        self.tags = RecordTable(TagsRecord, schema.tags, doors)
        self.metrics = RecordTable(MetricRecord, schema.metrics, doors)
        self.datapoints = RecordTable(DatapointRecord, schema.datapoints, doors)
        self.users = RecordTable(UserRecord, schema.users, doors)
        self.access_keys = RecordTable(AccessKeyRecord, schema.access_keys, doors)
        self.api_keys = RecordTable(ApiKeyRecord, schema.api_keys, doors)
        self.sessions = RecordTable(SessionRecord, schema.sessions, doors)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything written inside, by this thread, happens together or not at all; nested calls join the outer."""
        if getattr(self._local, "connection", None) is not None:
            yield
            return
        with self.engine.begin() as connection:
            self._local.connection = connection
            try:
                yield
            finally:
                self._local.connection = None

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        joined: Connection | None = getattr(self._local, "connection", None)
        if joined is None:
            with self.engine.begin() as connection:
                yield connection
            return
        # A savepoint, so that a caught Conflict leaves the outer transaction usable on PostgreSQL.
        with joined.begin_nested():
            yield joined

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        joined: Connection | None = getattr(self._local, "connection", None)
        if joined is not None:
            yield joined
            return
        with self._readers.begin() as connection:
            yield connection


def connect(url: str) -> SqlDatabase:
    """The database of a URL, brought to the newest schema; an SQLite file's folder must exist.

    Proven by tests/contract/test_database.py on SQLite and PostgreSQL.
    """
    engine = create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediately)
    migrate(engine)
    return SqlDatabase(engine)


def migrate(engine: Engine, *, revision: str = "") -> None:
    """Bring the schema to a revision, else to the newest; processes that start together take turns."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7236836)")
        wanted = revision or _newest_revision()
        if _revision(connection) != wanted:
            _bring_to(connection, wanted)


def _newest_revision() -> str:
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _bring_to(connection: Connection, revision: str) -> None:
    from alembic import command  # 0.2 s that every start but the first and those after an upgrade can do without
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    if revision == _newest_revision() and not inspect(connection).get_table_names():
        schema.metadata.create_all(connection)  # what all migrations come to, in a quarter of their time
        command.stamp(config, revision)
    else:
        command.upgrade(config, revision)


def describe(url: str) -> str:
    """The URL without its password, for people."""
    return make_url(url).render_as_string(hide_password=True)


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 -- the driver's own type
    # The driver's implicit BEGIN is off, so that _begin_immediately decides when a write lock is taken.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_immediately(connection: Connection) -> None:
    # A deferred transaction that turns to writing fails at once when another wrote meanwhile; an immediate one waits
    # its turn. Readers see one snapshot and wait for nobody.
    reads = connection.get_execution_options().get("sextant_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
