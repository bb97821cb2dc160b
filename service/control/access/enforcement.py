"""What one caller may do here, by the table of rules: asked once for each request, and for each list.

What lives here: the decision's way from a request to AWS's sentence. What does not: the table (rules), who the caller
is (authentication).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from service.control.access.resources import Installation, Json, Target
from service.control.access.rules import RULES, Open
from service.control.api import ApiError
from service.core.access import Action, Principal, patterns, permitted


class AccessDenied(ApiError):
    """What no grant of the caller's allows, whether it is there or not."""

    code, query_code, query_status = "AccessDeniedException", "AccessDenied", 403


@dataclass(frozen=True, slots=True)
class Access:
    """A caller, and the installation that its requests reach."""

    principal: Principal
    here: Installation

    @property
    def readable(self) -> tuple[str, ...]:
        """Patterns of the names that the caller may read."""
        return patterns(self.principal, Action.READ)

    def may_read(self, name: str | None) -> bool:
        """True where the caller may read what goes by a name; None goes by none."""
        return permitted(self.principal, Action.READ, name)

    def require(self, operation: str, request: Json) -> None:
        """Return where the caller may do an operation, as in `sagemaker:DescribeEndpoint`. Raises AccessDenied.

        The request fits its shape; what it names need not be there, and nothing tells whether it is.
        """
        rule = RULES.get(operation)
        if rule is None:
            raise self._denied(operation, "*")
        if isinstance(rule.action, Open):
            return
        action = Action.DEPLOY if rule.brings_code is not None and rule.brings_code(request) else rule.action
        concerned = tuple(rule.concerns.find(request, self.here))
        if not concerned and not patterns(self.principal, action):
            raise self._denied(operation, "*")
        self._require_all(operation, action, concerned)
        if rule.refers_to is not None:
            self._require_all(operation, Action.READ, rule.refers_to.find(request, self.here))

    def _require_all(self, operation: str, action: Action, targets: Iterable[Target]) -> None:
        for target in targets:
            if not permitted(self.principal, action, target.name):
                raise self._denied(operation, target.arn)

    def _denied(self, operation: str, resource: str) -> AccessDenied:
        user = f"arn:aws:iam::{self.here.account}:user/{self.principal.user}"
        return AccessDenied(
            f"User: {user} is not authorized to perform: {operation} on resource: {resource} "
            f"because no identity-based policy allows the {operation} action"
        )
