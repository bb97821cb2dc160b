"""IAM's operations on the policies of a user: each a name for some grants."""

from dataclasses import replace
from typing import Final
from urllib.parse import quote

from monitor_jobs.contract.errors import BadInput, Conflict
from service.control.api import Json
from service.control.identity.context import (
    ConcurrentModification,
    IdentityContext,
    LimitExceeded,
    MalformedPolicyDocument,
    NoSuchEntity,
)
from service.core.access import Grant, Role
from service.core.policy_document import document_of, grants_of
from service.core.users import UserRecord

MOST_GRANTS: Final = 100  # of one user, of all policies together: each is looked at with each request


def put_user_policy(request: Json, context: IdentityContext) -> Json:
    """Nothing; the user has the grants of the policy, and no longer those that it had by that name."""
    try:
        grants = grants_of(str(request["PolicyDocument"]))
    except BadInput as error:
        raise MalformedPolicyDocument(str(error)) from error
    rows = [{"role": grant.role.value, "endpoints": grant.endpoints} for grant in grants]
    user = context.user(request)
    changed = replace(user, policies={**user.policies, str(request["PolicyName"]): rows})
    if len(changed.grants) > MOST_GRANTS:
        raise LimitExceeded(f"User {user.name} would have {len(changed.grants)} grants: {MOST_GRANTS} may be.")
    _save(changed, context)
    return {}


def get_user_policy(request: Json, context: IdentityContext) -> Json:
    """A policy, as what it grants."""
    user, name = context.user(request), str(request["PolicyName"])
    grants = [Grant(Role(row["role"]), row["endpoints"]) for row in _policy(user, name)]
    # IAM sends policies percent-encoded.
    return {"UserName": user.name, "PolicyName": name, "PolicyDocument": quote(document_of(grants))}


def list_user_policies(request: Json, context: IdentityContext) -> Json:
    """The names of a user's policies, all in one page."""
    return {"PolicyNames": sorted(context.user(request).policies), "IsTruncated": False}


def delete_user_policy(request: Json, context: IdentityContext) -> Json:
    """Nothing; the policy is gone, and what it granted."""
    user, name = context.user(request), str(request["PolicyName"])
    _policy(user, name)
    _save(replace(user, policies={other: rows for other, rows in user.policies.items() if other != name}), context)
    return {}


def _policy(user: UserRecord, name: str) -> list[dict[str, str]]:
    if name not in user.policies:
        raise NoSuchEntity(f"The user policy with name {name} cannot be found.")
    return user.policies[name]


def _save(user: UserRecord, context: IdentityContext) -> None:
    try:
        context.database.users.save(user)
    except Conflict as error:
        raise ConcurrentModification(f"User {user.name} is being changed by another request: try again.") from error
    context.changed()
