"""Who may do what: roles, what each allows, and for which endpoints.

What lives here: the words, and the decision. What does not: who a caller is (signatures and keys), which operation
needs which action on which names (control), HTTP.
"""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a user may be, each more than the one before but for the invoker, who only asks models."""

    INVOKER = "invoker"
    VIEWER = "viewer"
    OPERATOR = "operator"
    DEPLOYER = "deployer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, for the endpoints whose names fit a pattern in which `*` stands for any characters."""

    role: Role
    endpoints: str = "*"


@dataclass(frozen=True, slots=True)
class Principal:
    """A user as whom a request was authenticated, and the id of the key that it was signed or sent with."""

    user: str
    key_id: str
    grants: tuple[Grant, ...]
