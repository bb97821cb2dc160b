"""The first user and its key, made by whoever opens an empty database first.

What lives here: when a first key is made, taken up again, or replaced. What does not: its file (first_key).
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from monitor_jobs.contract.errors import Conflict
from service.control.access.issuing import Issuer
from service.core.access import Role
from service.core.keys import KeyPair, KeyStatus, new_api_key, new_key_pair
from service.core.records import Query
from service.core.users import UserRecord
from service.first_key import FirstKey, Introduction, read_first_key, secrets_folder, write_first_key
from service.private_files import only_one, private_folder

FIRST_USER: Final = "admin"
POLICY: Final = "first-key"
ADMINISTRATION: Final = [{"role": Role.ADMIN.value, "endpoints": "*"}]


def introduce(data: Path, issuer: Issuer, *, given: KeyPair | None, now: datetime) -> Introduction:
    """The first key of a data folder; two processes that ask at once get the same.

    It is made where its file is missing, also later: whoever can delete that file can read the database and the key
    that opens it, so nothing is given away, and a lost key is no lost installation. It is taken up by a database that
    has no user yet. A `given` pair takes the place of another. A key that was revoked while its file stands stays so.
    Raises Conflict where the id of the given pair is another user's key. Proven by tests/unit/test_introduction.py.
    """
    with only_one(private_folder(secrets_folder(data))):
        kept = read_first_key(data)
        wanted = _wanted(kept, issuer, given)
        if wanted == kept and issuer.database.users.count(Query()) > 0:
            return Introduction(wanted, is_new=False, is_active=_is_active(wanted, issuer))
        _keep(wanted, kept, issuer, now)
        write_first_key(data, wanted)
        return Introduction(wanted, is_new=wanted != kept, is_active=True)


def _is_active(key: FirstKey, issuer: Issuer) -> bool:
    row = issuer.database.access_keys.get(key.pair.key_id)
    return row is not None and row.status is KeyStatus.ACTIVE


def _wanted(kept: FirstKey | None, issuer: Issuer, given: KeyPair | None) -> FirstKey:
    if kept is None:
        pair = given or new_key_pair(issuer.generator)
        return FirstKey(FIRST_USER, pair, new_api_key(issuer.generator), is_given=given is not None)
    return kept if given is None else replace(kept, pair=given, is_given=True)


def _keep(wanted: FirstKey, kept: FirstKey | None, issuer: Issuer, now: datetime) -> None:
    database = issuer.database
    _require_free(wanted.pair.key_id, issuer)
    with database.transaction():
        _keep_user(issuer, now)
        for key_id in {wanted.pair.key_id, kept.pair.key_id if kept else wanted.pair.key_id}:
            database.access_keys.remove(key_id)
        issuer.keep_pair(wanted.pair, FIRST_USER, now)
        if kept is None or database.api_keys.get(wanted.api_key.key_id) is None:
            issuer.keep_api_key(wanted.api_key, FIRST_USER, now)


def _require_free(key_id: str, issuer: Issuer) -> None:
    row = issuer.database.access_keys.get(key_id)
    if row is not None and row.user_name != FIRST_USER:
        raise Conflict(
            f"SEXTANT_ACCESS_KEY_ID={key_id} is a key of user {row.user_name}: give the first user, {FIRST_USER}, "
            "another, or delete that one"
        )


def _keep_user(issuer: Issuer, now: datetime) -> None:
    users = issuer.database.users
    with suppress(Conflict):  # there, or made this moment by another machine that shares the database
        users.add(UserRecord(FIRST_USER, now, {POLICY: ADMINISTRATION}))
    found = users.get(FIRST_USER)
    if found is not None and found.policies.get(POLICY) != ADMINISTRATION:
        users.save(replace(found, policies={**found.policies, POLICY: ADMINISTRATION}))
