"""IAM's operations on service specific credentials, which are API keys here: one text that plain requests carry."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from monitor_jobs.contract.errors import BadInput
from service.control.api import Json
from service.control.identity.context import IdentityContext, NoSuchEntity, ServiceNotSupported, page, paged
from service.control.identity.key_rows import require_room, shown_status, updated
from service.control.identity.users import claim
from service.core.keys import digest_of, new_api_key
from service.core.records import Query
from service.core.users import ApiKeyRecord

SERVICE: Final = "sextant"


def create_service_specific_credential(request: Json, context: IdentityContext) -> Json:
    """A new API key of a user, good for so many days or until it is deleted; nothing shows it again."""
    _require_service(request)
    user = context.user(request)
    days = request.get("CredentialAgeDays")
    expires_at = None if days is None else context.now + timedelta(days=int(str(days)))
    with context.database.transaction():
        claim(user, context)
        require_room(context.database.api_keys.find(Query(equal={"user_name": user.name})), context.now)
        made, row = context.issuer.api_key(user.name, context.now, expires_at=expires_at)
    context.changed()
    return _with_secret(row, made.secret.reveal(), context)


def list_service_specific_credentials(request: Json, context: IdentityContext) -> Json:
    """API keys of a user, or of all users, in order of their ids, without the keys themselves."""
    if "ServiceName" in request:
        _require_service(request)
    query = page(request, by="id")
    if request.get("AllUsers") is not True:
        query = replace(query, equal={"user_name": context.user(request).name})
    elif "UserName" in request:
        raise BadInput("UserName and AllUsers exclude each other: send one of them")
    rows = [_described(row, context) for row in context.database.api_keys.find(query)]
    return paged(rows, "ServiceSpecificCredentials", query, marker="ServiceSpecificCredentialId")


def update_service_specific_credential(request: Json, context: IdentityContext) -> Json:
    """Nothing; the key is active or not from now on, and expires when `ExpirationDate`, a member of our own, says."""
    context.database.api_keys.save(updated(_row(request, context), request))
    context.changed()
    return {}


def reset_service_specific_credential(request: Json, context: IdentityContext) -> Json:
    """The same credential with another key; the one before is good for nothing from now on."""
    made = new_api_key(context.issuer.generator)
    row = replace(_row(request, context), digest=digest_of(made.secret.reveal()))
    saved = context.database.api_keys.save(row)
    context.changed()
    return _with_secret(saved, made.secret.reveal(), context)


def delete_service_specific_credential(request: Json, context: IdentityContext) -> Json:
    """Nothing; the key is good for nothing from now on."""
    context.database.api_keys.remove(_row(request, context).id)
    context.changed()
    return {}


def _require_service(request: Json) -> None:
    if request["ServiceName"] != SERVICE:
        raise ServiceNotSupported(f"Service {request['ServiceName']} is not supported: {SERVICE} is.")


def _row(request: Json, context: IdentityContext) -> ApiKeyRecord:
    key_id = str(request["ServiceSpecificCredentialId"])
    row = context.database.api_keys.get(key_id)
    if row is None or row.user_name != request.get("UserName", row.user_name):
        raise NoSuchEntity(f"No such credential {key_id} exists.")
    return row


def _with_secret(row: ApiKeyRecord, api_key: str, context: IdentityContext) -> Json:
    return {"ServiceSpecificCredential": {**_described(row, context), "ServiceCredentialSecret": api_key}}


def _described(row: ApiKeyRecord, context: IdentityContext) -> Json:
    return {
        "UserName": row.user_name,
        "ServiceSpecificCredentialId": row.id,
        "ServiceName": SERVICE,
        "Status": shown_status(row, context.now),
        "CreateDate": row.created_at,
        "ExpirationDate": row.expires_at,
    }
