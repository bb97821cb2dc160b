"""Whose key is whose, from memory: at once after a change here, within five seconds after one elsewhere."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import SystemRandom

import pytest
from sqlalchemy import event

from service.adapters.database import connect
from service.adapters.sealed_secrets import SealedSecrets
from service.control.access.issuing import Issuer
from service.control.access.keys import FRESH_SECONDS, MOST_SECONDS, KnownKeys
from service.core.access import Grant, Principal, Role
from service.core.keys import KeyStatus
from service.core.users import UserRecord
from tests.wait import wait_until

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
GRANTS = (Grant(Role.VIEWER, "signs-*"),)
MANY = 1000


class World:
    """A database with one user of two keys, another process's view of it, clocks that stand, and SQL counted."""

    def __init__(self, folder):
        self.database = connect(f"sqlite:///{folder / 'sextant.db'}")
        self.sealer = SealedSecrets(bytes(32))
        self.now, self.seconds, self.statements = NOON, 100.0, 0
        self.known = KnownKeys(self.database, self.sealer, clock=lambda: self.now, seconds=lambda: self.seconds)
        self.database.users.add(UserRecord("ann", NOON, {"view": [{"role": "viewer", "endpoints": "signs-*"}]}))
        issuer = Issuer(self.database, self.sealer, SystemRandom())
        self.pair, self.pair_row = issuer.key_pair("ann", NOON)
        self.api_key, self.api_row = issuer.api_key("ann", NOON, expires_at=NOON + timedelta(days=1))
        event.listen(self.database.engine, "before_cursor_execute", self._count)

    def _count(self, *_arguments):
        self.statements += 1

    def signer(self):
        return self.known.signing_key(self.pair.key_id).principal

    def bearer(self):
        return self.known.bearer(self.api_key.secret.reveal())


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.known.close()
    made.database.engine.dispose()


def test_an_access_key_is_its_users_with_its_secret(world):
    found = world.known.signing_key(world.pair.key_id)
    assert found.principal == Principal("ann", world.pair.key_id, GRANTS)
    assert found.secret == world.pair.secret


def test_an_api_key_is_its_users(world):
    assert world.bearer() == Principal("ann", world.api_key.key_id, GRANTS)


def test_an_unknown_access_key_has_a_secret_to_verify_with_all_the_same(world):
    unknown = world.known.signing_key("SXT00000000000000000")
    assert unknown.principal is None
    assert len(unknown.secret) == len(world.pair.secret)
    assert unknown.secret == world.known.signing_key("SXT11111111111111111").secret


@pytest.mark.parametrize(
    "wrong", ["", "sxt_", "sxt_" + "a" * 43, "sxt_" + "a" * 10_000, "\ud800", "sxt_" + "\u00e9" * 43]
)
def test_an_unknown_api_key_is_nobodys(world, wrong):
    assert world.known.bearer(wrong) is None


def test_the_id_and_the_digest_of_an_api_key_are_no_api_keys(world):
    assert world.known.bearer(world.api_key.key_id) is None
    assert world.known.bearer(world.api_row.digest) is None


def test_requests_that_come_within_five_seconds_cost_no_sql(world):
    world.signer()
    before = world.statements
    for _ in range(MANY):
        assert world.signer()
        assert world.bearer()
        world.known.bearer("sxt_" + "a" * 43)
        world.known.signing_key("nobody")
    assert world.statements == before


def test_a_key_that_another_process_revokes_is_refused_within_five_seconds(world):
    assert None not in (world.signer(), world.bearer())
    world.database.access_keys.remove(world.pair.key_id)
    world.database.api_keys.save(replace(world.api_row, status=KeyStatus.INACTIVE))
    world.seconds += MOST_SECONDS
    assert (world.signer(), world.bearer()) == (None, None)


def test_while_requests_come_the_next_look_is_taken_beside_them(world):
    assert world.signer()
    world.database.access_keys.remove(world.pair.key_id)
    world.seconds += FRESH_SECONDS
    wait_until(lambda: world.signer() is None, timeout_seconds=10, what="the look ahead")


def test_a_change_of_this_process_is_seen_at_once(world):
    assert world.signer()
    world.database.access_keys.remove(world.pair.key_id)
    world.known.forget()
    assert world.signer() is None


def test_a_key_expires_at_its_time_though_nobody_looks_again(world):
    assert world.bearer()
    world.now = NOON + timedelta(days=1)
    assert world.bearer() is None


def test_a_key_of_a_user_that_is_gone_is_nobodys(world):
    world.database.users.remove("ann")
    assert (world.signer(), world.bearer()) == (None, None)


def test_a_grant_that_is_taken_away_is_gone(world):
    world.database.users.save(replace(world.database.users.get("ann"), policies={}))
    assert world.signer().grants == ()


def test_a_secret_that_does_not_open_makes_its_key_nobodys_and_no_other(world, caplog):
    world.database.access_keys.save(replace(world.pair_row, sealed_secret="aes256gcm.AAAA"))
    assert world.signer() is None
    assert world.bearer()
    world.known.forget()
    assert world.signer() is None
    assert caplog.messages == ["secret_not_unsealed"]


def test_a_database_that_fails_leaves_the_last_answers_until_they_are_too_old(world, caplog):
    assert world.signer()
    with world.database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE users RENAME TO gone")
    world.seconds += FRESH_SECONDS
    assert world.signer()
    wait_until(lambda: "keys_not_read" in caplog.messages, timeout_seconds=10, what="the failed look")
    world.seconds += MOST_SECONDS
    with pytest.raises(Exception, match="no such table: users"):
        world.signer()


def test_the_database_holds_no_secret(world, tmp_path):
    world.database.engine.dispose()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert world.pair.key_id.encode() in stored
    assert world.pair.secret.reveal().encode() not in stored
    assert world.api_key.secret.reveal().encode() not in stored
