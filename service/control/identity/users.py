"""IAM's operations on users."""

from typing import Final

from monitor_jobs.contract.errors import BadInput, Conflict
from service.control.api import Json
from service.control.identity.context import (
    ConcurrentModification,
    DeleteConflict,
    EntityAlreadyExists,
    IdentityContext,
    page,
    paged,
)
from service.core.records import Query
from service.core.users import UserRecord

PATH: Final = "/"
NOT_KEPT: Final = ("Tags", "PermissionsBoundary")


def create_user(request: Json, context: IdentityContext) -> Json:
    """A new user, who has no key and may do nothing."""
    for member in NOT_KEPT:
        if member in request:
            raise BadInput(f"{member} of users is not kept here: leave it out")
    if request.get("Path", PATH) != PATH:
        raise BadInput(f"users have the path {PATH} here: leave out Path")
    user = UserRecord(str(request["UserName"]), context.now)
    try:
        context.database.users.add(user)
    except Conflict as error:
        raise EntityAlreadyExists(f"User with name {user.name} already exists.") from error
    return {"User": _described(user, context)}


def get_user(request: Json, context: IdentityContext) -> Json:
    """A user, the caller where none is named."""
    return {"User": _described(context.user(request), context)}


def list_users(request: Json, context: IdentityContext) -> Json:
    """Users in order of their names, 100 a page unless asked otherwise."""
    if not PATH.startswith(str(request.get("PathPrefix", PATH))):
        return {"Users": [], "IsTruncated": False}
    query = page(request, by="name")
    rows = [_described(user, context) for user in context.database.users.find(query)]
    return paged(rows, "Users", query, marker="UserName")


def delete_user(request: Json, context: IdentityContext) -> Json:
    """Nothing; the user is gone, who must have no key and no policy."""
    user = context.user(request)
    with context.database.transaction():
        claim(user, context)
        left = {
            "policies": len(user.policies),
            "access keys": context.database.access_keys.count(Query(equal={"user_name": user.name})),
            "service specific credentials": context.database.api_keys.count(Query(equal={"user_name": user.name})),
        }
        if any(left.values()):
            found = ", ".join(f"{count} {what}" for what, count in left.items() if count)
            raise DeleteConflict(f"Cannot delete entity, user {user.name} has {found}: delete them first.")
        context.database.users.remove(user.name)
    context.changed()
    return {}


def claim(user: UserRecord, context: IdentityContext) -> None:
    """Make the rest of this transaction the only one that changes the user or its keys.

    A key that was made while its user was deleted would else wait for the next user of that name. Raises
    ConcurrentModification.
    """
    try:
        context.database.users.save(user)
    except Conflict as error:
        raise ConcurrentModification(f"User {user.name} is being changed by another request: try again.") from error


def _described(user: UserRecord, context: IdentityContext) -> Json:
    return {
        "Path": PATH,
        "UserName": user.name,
        "UserId": context.unique_id("AIDA", "user", user.name, user.created_at.isoformat()),
        "Arn": context.arn(f"user/{user.name}"),
        "CreateDate": user.created_at,
    }
