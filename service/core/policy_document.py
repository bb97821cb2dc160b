"""Policy documents in the one form that is kept: which roles, for the endpoints of which names.

{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sextant:viewer",
 "Resource": "arn:aws:sagemaker:*:*:endpoint/signs-*"}]}
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from monitor_jobs.contract.errors import BadInput
from service.core.access import Grant, Role

VERSION: Final = "2012-10-17"
RESOURCE: Final = "arn:aws:sagemaker:*:*:endpoint/"
ACTION: Final = "sextant:"
MEMBERS: Final = {"Version", "Statement", "Id"}
STATEMENT_MEMBERS: Final = {"Sid", "Effect", "Action", "Resource"}
PATTERN: Final = re.compile(r"[A-Za-z0-9*-]{1,63}")


def grants_of(document: str) -> list[Grant]:
    """The grants that a policy document stands for, each once, in its order.

    Raises BadInput, which says what to write, for everything that this service could not keep to.
    """
    policy = _parsed(document)
    _require_members(policy, MEMBERS, "the policy")
    if policy.get("Version") != VERSION:
        raise _refused(f"Version {policy.get('Version')!r}", f"write {VERSION}")
    found = [grant for statement in _listed(policy, "Statement", dict) for grant in _granted(statement)]
    return list(dict.fromkeys(found))


def document_of(grants: Iterable[Grant]) -> str:
    """The policy document that stands for grants, a statement each."""
    statements = [
        {"Effect": "Allow", "Action": ACTION + grant.role.value, "Resource": RESOURCE + grant.endpoints}
        for grant in grants
    ]
    return json.dumps({"Version": VERSION, "Statement": statements})


def _parsed(document: str) -> dict[str, Any]:
    try:
        policy = json.loads(document, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The policy is no JSON: {error}") from error
    if not isinstance(policy, dict):
        raise _refused("a policy that is no object", "write one with Version and Statement")
    return policy


def _without_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # Of two members of one name readers take one or the other: who may do what must not hang on which.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is there twice")
    return found


def _granted(statement: Mapping[str, Any]) -> Iterator[Grant]:
    _require_members(statement, STATEMENT_MEMBERS, "a statement")
    if statement.get("Effect") != "Allow":
        raise _refused(f"Effect {statement.get('Effect')!r}", "write Allow: what is not allowed is denied")
    resources = _listed(statement, "Resource", str)
    for action in _listed(statement, "Action", str):
        for resource in resources:
            yield Grant(_role(action), _endpoints(resource))


def _role(action: str) -> Role:
    name = action.removeprefix(ACTION)
    if name == action or name not in tuple(Role):
        raise _refused(f"Action {action[:80]!r}", f"write {ACTION}ROLE, with one of {', '.join(Role)}")
    return Role(name)


def _endpoints(resource: str) -> str:
    pattern = "*" if resource == "*" else resource.removeprefix(RESOURCE)
    if (pattern == resource and resource != "*") or not PATTERN.fullmatch(pattern):
        raise _refused(
            f"Resource {resource[:80]!r}",
            f"write {RESOURCE}PATTERN, with 1 to 63 letters, digits and hyphens of endpoints' names, and * for any",
        )
    return pattern


def _listed(holder: Mapping[str, Any], member: str, kind: type) -> list[Any]:
    value = holder.get(member)
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(each, kind) for each in values):
        raise _refused(f"{member} {str(value)[:80]!r}", "write one, or a list of them")
    return values


def _require_members(holder: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(holder.keys() - known)
    if unknown:
        raise _refused(f"{unknown[0][:40]!r} in {where}", f"use {', '.join(sorted(known))} only")


def _refused(what: str, instead: str) -> BadInput:
    return BadInput(f"{what} is not kept to here: {instead}")
