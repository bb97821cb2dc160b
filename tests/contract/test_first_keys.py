"""Machines that share a PostgreSQL: each has a first key of its own, and all are of the one administrator."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from service.core.access import Grant, Role
from service.core.records import Query
from service.settings import load_settings
from service.wiring import introduced, open_database

pytestmark = pytest.mark.server("postgres")
MACHINES = 4


@pytest.fixture
def url(postgres):
    return postgres.new_database()


def introduce(data, url):
    key = introduced(load_settings({"SEXTANT_DATA": str(data), "SEXTANT_DATABASE_URL": url})).key
    return key.pair.key_id, key.api_key.key_id


def test_machines_that_start_at_once_have_a_key_each_of_one_administrator(url, tmp_path):
    folders = [tmp_path / str(number) for number in range(MACHINES)]
    with ProcessPoolExecutor(MACHINES, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(introduce, folders, [url] * MACHINES))
    database = open_database(load_settings({"SEXTANT_DATA": str(tmp_path), "SEXTANT_DATABASE_URL": url}))
    rows = database.access_keys.find(Query()), database.api_keys.find(Query())
    (administrator,) = database.users.find(Query())
    database.engine.dispose()
    assert set(administrator.grants) == {Grant(Role.ADMIN, "*")}
    assert [{row.id for row in kind} for kind in rows] == [set(ids) for ids in zip(*found, strict=True)]
    assert {row.user_name for kind in rows for row in kind} == {"admin"}
