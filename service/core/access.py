"""Who may do what: roles, what each allows, and for which endpoints.

What lives here: the words, and the decision. What does not: who a caller is (signatures and keys), which operation
needs which action on which names (control), HTTP.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

EVERY_NAME: Final = "*"


class Role(StrEnum):
    """What a user may be, each more than the one before but for the invoker, who only asks models."""

    INVOKER = "invoker"
    VIEWER = "viewer"
    OPERATOR = "operator"
    DEPLOYER = "deployer"
    ADMIN = "admin"


class Action(StrEnum):
    """What is done to a resource, from asking a model to deciding who may."""

    INVOKE = "invoke"
    READ = "read"
    OPERATE = "operate"  # schedules, alerts, tags, and jobs that run nobody's code but ours
    DEPLOY = "deploy"  # which is running code: models, endpoints, and jobs of the caller's own image or script
    ADMINISTER = "administer"


ALLOWED: Final[Mapping[Role, frozenset[Action]]] = {
    Role.INVOKER: frozenset({Action.INVOKE}),
    Role.VIEWER: frozenset({Action.READ}),
    Role.OPERATOR: frozenset({Action.READ, Action.OPERATE}),
    Role.DEPLOYER: frozenset({Action.READ, Action.OPERATE, Action.DEPLOY, Action.INVOKE}),
    Role.ADMIN: frozenset(Action),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, for the endpoints whose names fit a pattern in which `*` stands for any characters."""

    role: Role
    endpoints: str = EVERY_NAME


@dataclass(frozen=True, slots=True)
class Principal:
    """A user as whom a request was authenticated, and the id of the key that it was signed or sent with."""

    user: str
    key_id: str
    grants: tuple[Grant, ...]


def permitted(principal: Principal, action: Action, name: str | None) -> bool:
    """True where one of the principal's grants allows an action on a name, of an endpoint or what else has one.

    None is what no name stands for, the installation as a whole: only grants of every name reach it. Checked in
    tests/unit/test_access.py.
    """
    return any(
        pattern == EVERY_NAME if name is None else fits(pattern, name) for pattern in patterns(principal, action)
    )


def patterns(principal: Principal, action: Action) -> tuple[str, ...]:
    """The patterns of those names that the principal may do an action to; only `*` where that is among them."""
    found = dict.fromkeys(grant.endpoints for grant in principal.grants if action in ALLOWED[grant.role])
    return (EVERY_NAME,) if EVERY_NAME in found else tuple(found)


def fits(pattern: str, name: str) -> bool:
    """True where a name is the pattern with each `*` replaced by some characters, or none; case matters.

    Takes the first place where each part between two `*` is found and never looks back, so its time grows with the
    lengths and not with the number of `*`.
    """
    first, *rest = pattern.split(EVERY_NAME)
    if not rest:
        return pattern == name
    *middle, last = rest
    if not name.startswith(first) or not name.endswith(last) or len(name) < len(first) + len(last):
        return False
    end, at = len(name) - len(last), len(first)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
