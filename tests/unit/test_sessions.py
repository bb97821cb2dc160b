"""The life of a browser's session: while it is used, no longer than a day's work, never longer than its key."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import SystemRandom

import pytest

from service.adapters.database import connect
from service.adapters.sealed_secrets import SealedSecrets
from service.control.access.issuing import Issuer
from service.control.access.keys import KnownKeys
from service.control.access.sessions import LONGEST, LONGEST_UNUSED, MOST_OF_A_KEY, NOTED_EVERY, Sessions
from service.core.access import Grant, Principal, Role
from service.core.keys import KeyStatus, digest_of
from service.core.records import Query
from service.core.users import UserRecord

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
A_MOMENT = timedelta(microseconds=1)


class World:
    """A user with an API key, and sessions over a clock that stands."""

    def __init__(self, folder):
        self.database = connect(f"sqlite:///{folder / 'sextant.db'}")
        sealer = SealedSecrets(bytes(32))
        self.now = NOON
        self.known = KnownKeys(self.database, sealer, clock=lambda: self.now)
        self.sessions = Sessions(self.database, self.known, clock=lambda: self.now)
        self.issuer = Issuer(self.database, sealer, SystemRandom())
        self.database.users.add(UserRecord("ann", NOON, {"view": [{"role": "viewer", "endpoints": "signs"}]}))
        self.key, self.row = self.issuer.api_key("ann", NOON)

    def begin(self, key=None):
        shown = (key or self.key).secret
        return self.sessions.begin(shown, self.known.bearer(shown.reveal()))

    def found(self, session):
        return self.sessions.find(session.id.reveal())

    def change_key(self, **members):
        self.row = self.database.api_keys.save(replace(self.row, **members))
        self.known.forget()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.known.close()
    made.database.engine.dispose()


def test_a_session_is_its_keys_user_with_the_grants_of_now(world):
    session = world.begin()
    assert world.found(session).caller == Principal("ann", world.key.key_id, (Grant(Role.VIEWER, "signs"),))
    ann = world.database.users.get("ann")
    world.database.users.save(replace(ann, policies={"run": [{"role": "operator", "endpoints": "*"}]}))
    world.known.forget()
    assert world.found(session).caller.grants == (Grant(Role.OPERATOR, "*"),)


def test_neither_an_id_nor_a_key_is_kept(world, tmp_path):
    session = world.begin()
    (row,) = world.database.sessions.find(Query())
    assert (row.id, row.key_digest) == (digest_of(session.id.reveal()), digest_of(world.key.secret.reveal()))
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert row.id.encode() in stored
    assert session.id.reveal().encode() not in stored
    assert world.key.secret.reveal().encode() not in stored
    assert session.id.reveal() not in repr(session)
    assert session.token not in repr(session)


def test_a_session_that_is_not_used_ends_after_an_hour(world):
    session = world.begin()
    world.now += LONGEST_UNUSED - A_MOMENT
    assert world.found(session) is not None
    world.now += A_MOMENT
    assert world.found(session) is None


def test_being_looked_at_is_no_use(world):
    session = world.begin()
    for _ in range(3):
        world.now += LONGEST_UNUSED / 2 - A_MOMENT
        looked = world.found(session)
    assert looked is None


def test_use_keeps_a_session_up_to_the_end_of_its_day(world):
    session = world.begin()
    while world.now + LONGEST_UNUSED / 2 < NOON + LONGEST:
        world.now += LONGEST_UNUSED / 2
        world.sessions.use(session.id.reveal())
        assert world.found(session) is not None
    world.now = NOON + LONGEST
    world.sessions.use(session.id.reveal())
    assert world.found(session) is None


def test_use_writes_once_a_minute(world):
    session = world.begin()
    world.now += NOTED_EVERY - A_MOMENT
    world.sessions.use(session.id.reveal())
    assert [row.version for row in world.database.sessions.find(Query())] == [0]
    world.now += A_MOMENT
    world.sessions.use(session.id.reveal())
    assert [(row.version, row.used_at) for row in world.database.sessions.find(Query())] == [(1, world.now)]


def test_what_was_ended_stays_so_whoever_uses_it(world):
    session, other = world.begin(), world.begin()
    world.now += NOTED_EVERY
    world.sessions.end(session.id.reveal())
    world.sessions.use(session.id.reveal())
    world.sessions.end(session.id.reveal())
    assert world.found(session) is None
    assert world.found(other) is not None


@pytest.mark.parametrize("change", [{"status": KeyStatus.INACTIVE}, {"digest": digest_of("another")}])
def test_a_key_that_is_changed_takes_its_sessions_along(world, change):
    session = world.begin()
    world.change_key(**change)
    assert world.found(session) is None


def test_a_key_that_expires_takes_its_sessions_along(world):
    session = world.begin()
    world.change_key(expires_at=NOON + timedelta(minutes=5))
    world.now += timedelta(minutes=5) - A_MOMENT
    assert world.found(session) is not None
    world.now += A_MOMENT
    assert world.found(session) is None


@pytest.mark.parametrize("table", ["api_keys", "users"])
def test_a_key_that_is_deleted_or_whose_user_is_takes_its_sessions_along_and_no_others(world, table):
    world.database.users.add(UserRecord("bob", NOON))
    other, _ = world.issuer.api_key("bob", NOON)
    session, others = world.begin(), world.begin(other)
    getattr(world.database, table).remove(world.key.key_id if table == "api_keys" else "ann")
    world.known.forget()
    assert world.found(session) is None
    assert world.found(others) is not None


def test_the_browser_that_was_used_longest_ago_makes_room_for_one_too_many(world):
    sessions = []
    for _ in range(MOST_OF_A_KEY):
        sessions.append(world.begin())
        world.now += NOTED_EVERY
    world.sessions.use(sessions[0].id.reveal())
    world.begin()
    assert world.found(sessions[0]) is not None
    assert world.found(sessions[1]) is None
    assert world.database.sessions.count(Query()) == MOST_OF_A_KEY


def test_sessions_that_have_ended_are_forgotten_by_the_next_that_begins(world):
    world.begin()
    world.now += 2 * LONGEST
    world.begin()
    assert world.database.sessions.count(Query()) == 1


@pytest.mark.parametrize("held", ["", "x", "x" * 43, "x" * 44, "\0" * 43, "é" * 43, "x" * 100_000])
def test_what_is_no_id_of_ours_is_nobodys(world, held):
    session = world.begin()
    world.sessions.use(held)
    world.sessions.end(held)
    assert world.sessions.find(held) is None
    assert world.sessions.find(digest_of(session.id.reveal())) is None  # what the database holds opens nothing


def test_tokens_of_forms_are_a_sessions_own(world):
    one, other = world.begin(), world.begin()
    assert one.has_token(one.token)
    assert world.found(one).has_token(one.token)
    for wrong in (other.token, "", one.id.reveal(), one.token[:-1], one.token + "0", one.token.upper(), "é"):
        assert not one.has_token(wrong)


def test_ids_are_random(world):
    ids = {world.begin().id.reveal() for _ in range(MOST_OF_A_KEY)}
    assert {len(one) for one in ids} == {43}
    assert len({one[:8] for one in ids}) == MOST_OF_A_KEY
