"""IAM's operations on access keys, the pairs that requests are signed with."""

from service.control.api import Json
from service.control.identity.context import IdentityContext, NoSuchEntity
from service.control.identity.key_rows import require_room, shown_status, updated
from service.control.identity.users import claim
from service.core.records import Query
from service.core.users import AccessKeyRecord, UserRecord


def create_access_key(request: Json, context: IdentityContext) -> Json:
    """A new access key of a user; nothing shows its secret again."""
    user = context.user(request)
    with context.database.transaction():
        claim(user, context)
        require_room(_keys_of(user, context), context.now)
        pair, row = context.issuer.key_pair(user.name, context.now)
    context.changed()
    return {"AccessKey": {**_described(row, context), "SecretAccessKey": pair.secret.reveal()}}


def list_access_keys(request: Json, context: IdentityContext) -> Json:
    """A user's access keys, all in one page, without their secrets."""
    rows = _keys_of(context.user(request), context)
    return {"AccessKeyMetadata": [_described(row, context) for row in rows], "IsTruncated": False}


def update_access_key(request: Json, context: IdentityContext) -> Json:
    """Nothing; the key is active or not from now on, and expires when `ExpirationDate`, a member of our own, says."""
    context.database.access_keys.save(updated(_key(request, context), request))
    context.changed()
    return {}


def delete_access_key(request: Json, context: IdentityContext) -> Json:
    """Nothing; no request is signed with the key any more."""
    context.database.access_keys.remove(_key(request, context).id)
    context.changed()
    return {}


def _key(request: Json, context: IdentityContext) -> AccessKeyRecord:
    key_id = str(request["AccessKeyId"])
    row = context.database.access_keys.get(key_id)
    if row is None or row.user_name != request.get("UserName", row.user_name):
        raise NoSuchEntity(f"The Access Key with id {key_id} cannot be found.")
    return row


def _described(row: AccessKeyRecord, context: IdentityContext) -> Json:
    return {
        "UserName": row.user_name,
        "AccessKeyId": row.id,
        "Status": shown_status(row, context.now),
        "CreateDate": row.created_at,
        "ExpirationDate": row.expires_at,
    }


def _keys_of(user: UserRecord, context: IdentityContext) -> list[AccessKeyRecord]:
    return context.database.access_keys.find(Query(equal={"user_name": user.name}))
