"""What every database behind core.ports.Database does: the same on SQLite and on a real PostgreSQL."""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect, text

from monitor_jobs.contract.errors import Conflict
from service.adapters.database import connect
from service.adapters.database.connect import MIGRATIONS, describe, migrate
from service.adapters.database.schema import metadata
from service.core.access import Grant, Role, fits
from service.core.keys import KeyStatus
from service.core.records import EndpointRecord, ModelRecord, ProcessingJobRecord, Query, SortOrder
from service.core.states import EndpointStatus, ExecutionStatus, ProcessingJobStatus
from service.core.users import AccessKeyRecord, ApiKeyRecord, UserRecord
from tests.contract import database_processes
from tests.contract.database_processes import NOON, execution

PROCESSES = 4
SLOTS = 200
MOST_PAGES = 20  # more than any listing here has, so that a page that comes again is seen
HOUR = timedelta(hours=1)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server("postgres"))])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'sextant.db'}"
    return request.getfixturevalue("postgres").new_database()


@pytest.fixture
def database(url):
    opened = connect(url)
    yield opened
    opened.engine.dispose()


def model(name, created_at=NOON, **request):
    return ModelRecord(name, created_at, request)


def job(name, **members):
    return ProcessingJobRecord(name, ProcessingJobStatus.IN_PROGRESS, NOON, NOON, {}, **members)


def add_models(database, *names):
    for name in names:
        database.models.add(model(name))


def names(table, **query):
    return [record.name for record in table.find(Query(**({"order_by": "name"} | query)))]


def in_processes(function, *arguments):
    """What a function returned in each of several new processes that ran it at once."""
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        started = [pool.submit(function, *each) for each in zip(*arguments, strict=True)]
        return [future.result() for future in started]


def test_a_row_comes_back_as_it_was_added(database):
    record = replace(execution("one"), lease_until=NOON, violations=3, exit_message="Sch\u00f6n \u2713")
    database.executions.add(record)
    assert database.executions.get("one") == record


def test_what_is_not_there_is_none(database):
    assert database.models.get("nobody") is None


def test_a_key_is_taken_once(database):
    add_models(database, "signs")
    with pytest.raises(Conflict, match="models already has 'signs'"):
        database.models.add(model("signs"))


def test_a_schedule_has_one_execution_a_slot(database):
    database.executions.add(execution("one", slot=3))
    database.executions.add(execution("other-schedule", slot=3, schedule="daily"))
    with pytest.raises(Conflict, match="executions already has 'two'"):
        database.executions.add(execution("two", slot=3))


def test_equal_keeps_the_rows_of_that_value(database):
    database.executions.add(execution("waiting"))
    database.executions.add(replace(execution("ended", slot=1), status=ExecutionStatus.COMPLETED))
    found = database.executions.find(Query(equal={"status": "Completed", "schedule_name": "hourly"}))
    assert [row.id for row in found] == ["ended"]


def test_equal_to_none_keeps_the_rows_without_a_value(database):
    database.processing_jobs.add(job("free"))
    database.processing_jobs.add(job("scheduled", schedule_name="hourly", handle={"pid": 1}))
    assert names(database.processing_jobs, equal={"schedule_name": None}) == ["free"]
    assert names(database.processing_jobs, equal={"handle": None}) == ["free"]


def test_at_least_holds_its_bound_and_below_does_not(database):
    for hour in range(4):
        database.models.add(model(f"m{hour}", NOON + hour * HOUR))
    bounds = {"at_least": {"created_at": NOON + HOUR}, "below": {"created_at": NOON + 3 * HOUR}}
    assert names(database.models, **bounds) == ["m1", "m2"]


@pytest.mark.parametrize(
    ("part", "found"),
    [("ROA", ["Road"]), ("", ["Road", "a_b", "a%b", "sign"]), ("_", ["a_b"]), ("%", ["a%b"]), ("\\", [])],
)
def test_contains_finds_a_part_in_any_case_and_takes_no_character_for_a_wildcard(database, part, found):
    add_models(database, "Road", "sign", "a_b", "a%b")
    assert sorted(names(database.models, contains={"name": part})) == sorted(found)


ODD_NAMES = ("signs", "Signs", "signs-2", "s", "si[gn]s", "s%", "s_gns", "s!gns", "s?gns", "-", "a*b")


@pytest.mark.parametrize(
    "patterns",
    [
        ["signs*"],
        ["*"],
        ["s", "*-2"],
        ["s?gns"],
        ["si[gn]s"],
        ["s%"],
        ["s_gns"],
        ["s!*"],
        ["*i*n*s*"],
        ["**s"],
        [""],
        [],
    ],
    ids=str,
)
def test_fits_finds_what_one_of_the_patterns_fits_as_python_does(database, patterns):
    add_models(database, *ODD_NAMES)
    fitting = {name for name in ODD_NAMES if any(fits(pattern, name) for pattern in patterns)}
    assert set(names(database.models, fits={"name": patterns})) == fitting


def test_text_sorts_by_code_point(database):
    add_models(database, "b", "a-b", "B", "aa", "a", "A")
    assert names(database.models) == ["A", "B", "a", "a-b", "aa", "b"]
    assert names(database.models, order=SortOrder.DESCENDING, limit=2) == ["b", "aa"]


def test_no_row_is_an_empty_list_and_a_count_of_zero(database):
    assert (database.schedules.find(Query()), database.schedules.count(Query())) == ([], 0)


def test_a_count_leaves_the_limit_aside(database):
    add_models(database, "a", "b", "bb")
    assert database.models.count(Query(contains={"name": "b"}, limit=1)) == 2


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hours=st.lists(st.integers(0, 3), max_size=12),
    size=st.integers(1, 5),
    order=st.sampled_from(SortOrder),
    order_by=st.sampled_from(["created_at", "name"]),
)
def test_paging_returns_every_row_once_and_in_order(database, hours, size, order, order_by):
    with database.transaction():
        for row in database.models.find(Query()):
            database.models.remove(row.name)
        for number, hour in enumerate(hours):
            database.models.add(model(f"m{number:02}", NOON + hour * HOUR))
    paged = list(pages(database.models, Query(order_by=order_by, order=order, limit=size)))
    rows = [(getattr(row, order_by), row.name) for row in paged]
    assert rows == sorted(rows, reverse=order is SortOrder.DESCENDING)
    assert Counter(row.name for row in paged) == Counter(f"m{number:02}" for number in range(len(hours)))


def pages(table, query):
    for _ in range(MOST_PAGES):
        found = table.find(query)
        yield from found
        if not found:
            return
        query = replace(query, after=(getattr(found[-1], query.order_by), found[-1].name))


def test_save_counts_versions(database):
    add_models(database, "signs")
    saved = database.models.save(model("signs", url="s3://bucket/new"))
    assert saved.version == 1
    assert database.models.get("signs") == saved


def test_a_stale_version_cannot_be_saved(database):
    add_models(database, "signs")
    database.models.save(model("signs", winner=True))
    with pytest.raises(Conflict, match="models 'signs' was changed by someone else: read it again"):
        database.models.save(model("signs", winner=False))
    assert database.models.get("signs").request == {"winner": True}


def test_a_row_that_is_gone_cannot_be_saved(database):
    with pytest.raises(Conflict, match="was changed by someone else"):
        database.models.save(model("never-added"))


def test_removing_twice_is_removing_once(database):
    add_models(database, "keep", "signs")
    database.models.remove("signs")
    database.models.remove("signs")
    assert names(database.models) == ["keep"]


def test_a_transaction_that_ends_well_keeps_everything(database):
    with database.transaction():
        add_models(database, "a")
        with database.transaction():
            add_models(database, "b")
        assert names(database.models) == ["a", "b"]
    assert names(database.models) == ["a", "b"]


def write_and_fail(database):
    with database.transaction():
        add_models(database, "a")
        with database.transaction():
            database.executions.add(execution("b"))
        raise ZeroDivisionError


def write_and_fail_inside(database):
    with database.transaction():
        add_models(database, "outer")
        write_and_fail(database)


@pytest.mark.parametrize("failing", [write_and_fail, write_and_fail_inside])
def test_a_transaction_that_fails_keeps_nothing(database, failing):
    with pytest.raises(ZeroDivisionError):
        failing(database)
    assert database.models.count(Query()) == database.executions.count(Query()) == 0


def test_a_conflict_leaves_its_transaction_usable(database):
    add_models(database, "taken")
    with database.transaction():
        add_models(database, "before")
        with pytest.raises(Conflict):
            add_models(database, "taken")
        with pytest.raises(Conflict):
            database.models.save(replace(model("before"), version=9))
        add_models(database, "after")
    assert names(database.models) == ["after", "before", "taken"]


def test_times_come_back_aware_in_utc_to_the_microsecond(database):
    in_tokyo = datetime.fromisoformat("2026-11-20T21:00:00.000001+09:00")
    database.models.add(model("signs", in_tokyo))
    found = database.models.get("signs").created_at
    assert (found, found.tzinfo) == (NOON + timedelta(microseconds=1), UTC)


def test_json_survives_with_all_of_unicode(database):
    given_request = {
        "\u00fc\u2713\U0001f6a6": ["\u0000", "'\"\\", None, True, 1.5, 2**53, {"": {}}],
        "Name": "\u5317\u4eac",
    }
    database.models.add(ModelRecord("signs", NOON, given_request))
    assert database.models.get("signs").request == given_request


def test_text_loses_nul_which_postgresql_cannot_keep(database):
    database.processing_jobs.add(job("loud", failure_reason="killed\0by\0signal"))
    assert database.processing_jobs.get("loud").failure_reason == "killed\ufffdby\ufffdsignal"
    assert database.models.get("no\0body") is None


def test_states_come_back_as_members_and_unknown_words_are_refused(database):
    database.endpoints.add(EndpointRecord("signs", "config", EndpointStatus.CREATING, NOON, NOON, running=[{"pid": 1}]))
    found = database.endpoints.get("signs")
    assert (found.status, found.running) == (EndpointStatus.CREATING, [{"pid": 1}])
    with pytest.raises(Exception, match="'Gone' is not a valid EndpointStatus"):
        database.endpoints.save(replace(found, status="Gone"))


def test_a_user_comes_back_with_the_grants_of_all_its_policies(database):
    policies = {"a": [{"role": "viewer", "endpoints": "*"}], "b": [{"role": "invoker", "endpoints": "signs-*"}]}
    database.users.add(UserRecord("ann", NOON, policies))
    assert database.users.get("ann").grants == (Grant(Role.VIEWER, "*"), Grant(Role.INVOKER, "signs-*"))


def test_keys_come_back_with_their_status_and_times(database):
    pair = AccessKeyRecord("SXT1", "ann", NOON, "sealed", KeyStatus.INACTIVE, NOON + HOUR)
    api_key = ApiKeyRecord("SXK1", "ann", NOON, "digest")
    database.access_keys.add(pair)
    database.api_keys.add(api_key)
    assert (database.access_keys.get("SXT1"), database.api_keys.get("SXK1")) == (pair, api_key)


def test_one_digest_is_one_key(database):
    database.api_keys.add(ApiKeyRecord("SXK1", "ann", NOON, "digest"))
    with pytest.raises(Conflict, match="api_keys already has 'SXK2'"):
        database.api_keys.add(ApiKeyRecord("SXK2", "bob", NOON, "digest"))


def test_processes_that_race_for_slots_share_them_out(url):
    connect(url).engine.dispose()
    won = in_processes(database_processes.claim_slots, [url] * PROCESSES, range(PROCESSES), [SLOTS] * PROCESSES)
    database = connect(url)
    slots = [row.scheduled_at for row in database.executions.find(Query(order_by="scheduled_at"))]
    database.engine.dispose()
    assert slots == [NOON + slot * HOUR for slot in range(SLOTS)]
    assert sum(won) == SLOTS


def test_processes_that_start_together_migrate_once(url):
    assert in_processes(database_processes.migrated, [url] * PROCESSES) == [0] * PROCESSES


ROWS_OF_BEFORE = (
    (
        "INSERT INTO executions (id, schedule_name, scheduled_at, origin, window_start, window_end, status, created_at,"
        " modified_at, endpoint_name, attempt, processing_job_name, version) VALUES ('e', 'hourly', :at, 'Slot', :at,"
        " :at, 'Completed', :at, :at, 'signs', 1, 'of-schedule', 0)"
    ),
    *(
        "INSERT INTO processing_jobs (name, status, created_at, modified_at, request, schedule_name, metrics,"
        f" metric_data, version) VALUES ('{name}', 'Completed', :at, :at, '{{}}', {schedule}, '{{}}', '[]', 0)"
        for name, schedule in (("plain", "NULL"), ("of-schedule", "'hourly'"), ("forgotten", "'gone'"))
    ),
    (
        "INSERT INTO alert_changes (id, schedule_name, alert_name, created_at, status, version)"
        " VALUES ('c', 'gone', 'a', :at, 'InAlert', 0)"
    ),
)


def test_jobs_of_before_grants_are_reached_by_what_is_still_known_of_them(url):
    engine = create_engine(url)
    migrate(engine, revision="0007")
    with engine.begin() as connection:
        for row in ROWS_OF_BEFORE:
            connection.execute(text(row), {"at": datetime(2026, 11, 20)})  # noqa: DTZ001 -- as columns keep it
    engine.dispose()
    upgraded = connect(url)
    found = {job.name: job.access_name for job in upgraded.processing_jobs.find(Query())}
    assert found == {"plain": "plain", "of-schedule": "signs", "forgotten": ""}
    assert upgraded.alert_changes.get("c").endpoint_name == ""
    upgraded.engine.dispose()


def test_migrating_again_changes_nothing(database):
    add_models(database, "signs")
    migrate(database.engine)
    assert names(database.models) == ["signs"]


@pytest.fixture
def migrated(url):
    """A database that went through every migration, one after the other."""
    engine = create_engine(url)
    migrate(engine, revision="0001")
    migrate(engine)
    yield engine
    engine.dispose()


def test_the_migrations_make_the_schema(migrated):
    with migrated.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_an_empty_database_gets_at_once_what_the_migrations_make(migrated):
    step_by_step = tables_of(migrated)
    with migrated.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
    migrate(migrated)
    assert tables_of(migrated) == step_by_step


def tables_of(engine):
    """Columns in any order, keys, indexes and the revision, as the database itself tells them."""
    tables = inspect(engine)
    with engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    told = {
        name: (
            sorted(str(sorted((key, str(value)) for key, value in row.items())) for row in tables.get_columns(name)),
            tables.get_pk_constraint(name)["constrained_columns"],
            sorted(str(row) for row in tables.get_indexes(name)),
            sorted(str(row["column_names"]) for row in tables.get_unique_constraints(name)),
            sorted(str(row) for row in tables.get_foreign_keys(name)),
            sorted(row["sqltext"] for row in tables.get_check_constraints(name)),
        )
        for name in tables.get_table_names()
    }
    return revision, told


def test_an_endpoint_of_before_updates_is_kept(database):
    engine = database.engine
    database.endpoints.add(EndpointRecord("signs", "signs", EndpointStatus.IN_SERVICE, NOON, NOON, running=[{"a": 1}]))
    downgrade(engine, "0001")
    migrate(engine)
    kept = database.endpoints.get("signs")
    assert (kept.running, kept.starting, kept.retiring) == ([{"a": 1}], [], [])
    assert (kept.pending_config_name, kept.deployment_config) == (None, None)


def test_a_job_of_before_metric_lines_were_kept_has_none(database):
    database.processing_jobs.add(job("old", metrics={"skew": 0.5}, metric_data=[{"MetricName": "skew"}]))
    downgrade(database.engine, "0003")
    migrate(database.engine)
    kept = database.processing_jobs.get("old")
    assert (kept.metrics, kept.metric_data) == ({"skew": 0.5}, [])


def downgrade(engine, revision):
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_no_table_is_there_that_the_schema_does_not_have(database):
    assert set(inspect(database.engine).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_another_process_sees_what_was_written_and_is_seen(url, database):
    add_models(database, "ours")
    in_processes(database_processes.add_model, [url], ["theirs"])
    assert names(database.models) == ["ours", "theirs"]
    assert in_processes(database_processes.names_of_models, [url]) == [["ours", "theirs"]]


def test_what_people_read_has_no_password():
    assert describe("postgresql+psycopg://me:secret@db/x") == "postgresql+psycopg://me:***@db/x"
