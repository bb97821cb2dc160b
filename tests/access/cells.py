"""The matrix of who may do what, cell by cell: every operation and route, every role, whose endpoint it is.

What lives here: the cells, and what each must come to, by a table of its own that knows nothing of the service's. What
does not: requests (asking), the house that they are sent to (house).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

ROLES: Final = ("invoker", "viewer", "operator", "deployer", "admin")
READERS: Final = frozenset({"viewer", "operator", "deployer", "admin"})
OPERATORS: Final = frozenset({"operator", "deployer", "admin"})
DEPLOYERS: Final = frozenset({"deployer", "admin"})
EVERYBODY: Final = frozenset(ROLES)
OWN_CODE: Final = " of one's own code"  # behind the name of an operation that can bring some
BY_SESSION: Final = " by session"  # behind the name of a page of the console, which takes a key as well

# The first pattern that fits decides.
ALLOWED: Final = (
    ("sts:GetCallerIdentity", EVERYBODY),
    ("iam:GetRole", EVERYBODY),
    ("POST /logout", EVERYBODY),
    ("sagemaker:InvokeEndpoint", frozenset({"invoker", "deployer", "admin"})),
    ("*:Describe*", READERS),
    ("*:List*", READERS),
    ("*:Get*", READERS),
    ("logs:Filter*", READERS),
    ("GET /*", READERS),
    ("iam:*", frozenset({"admin"})),
    ("*" + OWN_CODE, DEPLOYERS),
    ("sagemaker:*Model", DEPLOYERS),
    ("sagemaker:*EndpointConfig", DEPLOYERS),
    ("sagemaker:*Endpoint", DEPLOYERS),
    ("sagemaker:UpdateEndpointWeightsAndCapacities", DEPLOYERS),
    ("*", OPERATORS),
)
UNNAMED: Final = ("sts:GetCallerIdentity", "iam:GetRole", "POST /logout")
WHOLE: Final = ("iam:*", "GET /metrics", "GET /prometheus/targets")  # no endpoint's, so for grants of all alone
OVERVIEWS: Final = tuple(f"GET /{page}{by}" for page in ("", "index.json") for by in ("", BY_SESSION))
LISTS: Final = ("sagemaker:List*", "logs:DescribeLogGroups", "cloudwatch:List*", *OVERVIEWS)
NO_LISTS: Final = ("sagemaker:ListTags", "sagemaker:ListMonitoringAlerts")  # of one resource each


class Whose(StrEnum):
    """The endpoint that a request is about, or that what it is about belongs to."""

    OWN = "own"
    FOREIGN = "foreign"
    NOBODYS = "gone"  # there is none


class Reach(StrEnum):
    """The endpoints that the caller's one grant is for."""

    OWN = "own*"
    ALL = "*"


@dataclass(frozen=True)
class Cell:
    """One question."""

    operation: str
    role: str
    reach: Reach
    whose: Whose

    @property
    def is_allowed(self) -> bool:
        """The right answer."""
        roles = next(roles for pattern, roles in ALLOWED if fnmatchcase(self.operation, pattern))
        return self.role in roles and (self.reach is Reach.ALL or self._is_reached())

    def _is_reached(self) -> bool:
        if self.operation in UNNAMED:
            return True
        if any(fnmatchcase(self.operation, pattern) for pattern in WHOLE):
            return False
        lists = any(fnmatchcase(self.operation, pattern) for pattern in LISTS)
        return self.whose is Whose.OWN or (lists and self.operation not in NO_LISTS)


def cells(operations: frozenset[str]) -> Iterator[Cell]:
    """Every cell of these operations and routes."""
    for operation in sorted(operations):
        for role in ROLES:
            yield from (Cell(operation, role, reach, whose) for reach in Reach for whose in Whose)
