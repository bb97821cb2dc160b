"""The first user and its key: made once, taken up again, replaced, never lost for good."""

import stat
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context

import pytest

from monitor_jobs.contract.errors import BadInput, Conflict
from service.control.access.keys import KnownKeys
from service.core.access import Grant, Role
from service.core.keys import KeyPair, KeyStatus, digest_of
from service.core.records import Query
from service.core.secret import Secret
from service.core.users import UserRecord
from service.first_key import first_key_file, read_first_key
from service.settings import load_settings
from service.wiring import introduced, open_database, open_issuer

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
GIVEN = {"SEXTANT_ACCESS_KEY_ID": "MINE", "SEXTANT_SECRET_ACCESS_KEY": "canary-secret-value"}


def settings_of(data, **variables):
    return load_settings({"SEXTANT_DATA": str(data), **variables})


class Installed:
    """The database and keys of a data folder, as another process would find them."""

    def __init__(self, data):
        self.database = open_database(settings_of(data))
        self.issuer = open_issuer(settings_of(data), self.database)
        self.known = KnownKeys(self.database, self.issuer.sealer, clock=lambda: NOON)

    def principals(self, key):
        signer = self.known.signing_key(key.pair.key_id)
        assert signer.principal is None or signer.secret == key.pair.secret
        return signer.principal, self.known.bearer(key.api_key.secret.reveal())


@pytest.fixture
def installed(tmp_path):
    made = Installed(tmp_path)
    yield made
    made.known.close()
    made.database.engine.dispose()


def introduce(data, **variables):
    return introduced(settings_of(data, **variables))


def in_a_process(data):
    key = introduce(data).key
    return key.pair.key_id, key.api_key.key_id


def test_an_empty_database_gets_an_administrator_with_both_kinds_of_key(tmp_path, installed):
    introduction = introduce(tmp_path)
    assert (introduction.is_new, introduction.is_active) == (True, True)
    signer, bearer = installed.principals(introduction.key)
    assert (signer.user, signer.grants) == (bearer.user, bearer.grants) == ("admin", (Grant(Role.ADMIN, "*"),))


def test_its_file_is_for_its_owners_eyes_only(tmp_path):
    key = introduce(tmp_path).key
    assert read_first_key(tmp_path) == key
    assert stat.S_IMODE(first_key_file(tmp_path).stat().st_mode) == 0o600


def test_the_next_start_has_the_same_and_does_not_show_it(tmp_path):
    first, second = introduce(tmp_path), introduce(tmp_path)
    assert second.key == first.key
    assert not second.is_new


def test_processes_that_start_at_once_make_one(tmp_path, installed):
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        found = set(pool.map(in_a_process, [tmp_path] * 4))
    tables = installed.database.users, installed.database.access_keys, installed.database.api_keys
    assert (len(found), [table.count(Query()) for table in tables]) == (1, [1, 1, 1])


def test_a_file_that_is_gone_is_made_again_with_another_key(tmp_path, installed):
    first = introduce(tmp_path).key
    first_key_file(tmp_path).unlink()
    second = introduce(tmp_path)
    assert second.is_new
    assert None not in installed.principals(second.key)
    assert second.key.pair.key_id != first.pair.key_id


def test_an_administrator_who_was_deleted_is_back_with_another_key(tmp_path, installed):
    introduce(tmp_path)
    installed.database.users.remove("admin")
    installed.database.users.add(UserRecord("ann", NOON))
    first_key_file(tmp_path).unlink()
    signer, _ = installed.principals(introduce(tmp_path).key)
    assert signer.grants == (Grant(Role.ADMIN, "*"),)


def test_a_key_that_was_revoked_stays_so_while_its_file_stands(tmp_path, installed):
    key = introduce(tmp_path).key
    installed.database.access_keys.remove(key.pair.key_id)
    again = introduce(tmp_path)
    assert (again.key, again.is_new, again.is_active) == (key, False, False)
    assert installed.principals(key)[0] is None


def test_a_key_that_was_made_inactive_is_not_active(tmp_path, installed):
    row = installed.database.access_keys.get(introduce(tmp_path).key.pair.key_id)
    installed.database.access_keys.save(replace(row, status=KeyStatus.INACTIVE))
    assert not introduce(tmp_path).is_active


def test_an_empty_database_takes_up_the_key_that_a_file_has(tmp_path):
    key = introduce(tmp_path).key
    for path in tmp_path.glob("sextant.db*"):
        path.unlink()
    again = introduce(tmp_path)
    assert (again.key, again.is_new) == (key, False)
    opened = Installed(tmp_path)
    assert None not in opened.principals(key)
    opened.known.close()
    opened.database.engine.dispose()


def test_a_pair_that_is_given_is_the_first_key(tmp_path, installed):
    introduction = introduce(tmp_path, **GIVEN)
    assert introduction.key.pair == KeyPair("MINE", Secret("canary-secret-value"))
    assert introduction.key.is_given
    assert None not in installed.principals(introduction.key)
    assert not introduce(tmp_path, **GIVEN).is_new


def test_a_pair_that_is_given_later_takes_the_place_of_the_first_one(tmp_path, installed):
    made = introduce(tmp_path).key
    given = introduce(tmp_path, **GIVEN).key
    assert installed.principals(given)[0].user == "admin"
    assert installed.principals(made)[0] is None
    assert given.api_key == made.api_key


def test_another_secret_for_the_same_id_takes_the_place_of_the_old_one(tmp_path, installed):
    introduce(tmp_path, **GIVEN)
    key = introduce(tmp_path, **{**GIVEN, "SEXTANT_SECRET_ACCESS_KEY": "another secret"}).key
    assert installed.principals(key)[0].user == "admin"


def test_an_id_that_is_another_users_key_is_not_taken_over(tmp_path, installed):
    installed.issuer.keep_pair(KeyPair("MINE", Secret("hers")), "ann", NOON)
    with pytest.raises(Conflict, match="SEXTANT_ACCESS_KEY_ID=MINE is a key of user ann: give the first user, admin"):
        introduce(tmp_path, **GIVEN)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"user": "admin"}', b"\xff"])
def test_a_file_that_is_no_key_is_named_with_what_to_do_and_not_shown(tmp_path, content):
    introduce(tmp_path)
    first_key_file(tmp_path).write_bytes(content)
    with pytest.raises(BadInput, match=r"first-key.json is no first key: delete it, and the next start makes another"):
        introduce(tmp_path)


def test_a_file_that_others_may_read_is_refused(tmp_path):
    introduce(tmp_path)
    first_key_file(tmp_path).chmod(0o644)
    with pytest.raises(BadInput, match=r"first-key.json is not this user's alone .* chmod 600"):
        introduce(tmp_path)


def test_the_database_has_the_digest_of_the_api_key_and_nothing_more(tmp_path, installed):
    key = introduce(tmp_path).key
    assert installed.database.api_keys.get(key.api_key.key_id).digest == digest_of(key.api_key.secret.reveal())
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("sextant.db*"))
    assert key.api_key.secret.reveal().encode() not in stored
    assert key.pair.secret.reveal().encode() not in stored
