"""What keys of both kinds have in common: how many there may be, their status, their end."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from monitor_jobs.contract.errors import BadInput
from service.control.api import Json
from service.control.identity.context import LimitExceeded
from service.control.moments import moment
from service.core.keys import KeyStatus, status_at
from service.core.users import AccessKeyRecord, ApiKeyRecord

MOST_KEYS: Final = 10  # of one user and kind, those that have expired aside
Row = TypeVar("Row", AccessKeyRecord, ApiKeyRecord)


def require_room(rows: Sequence[Row], now: datetime) -> None:
    """Return where one more key may be. Raises LimitExceeded."""
    if sum(shown_status(row, now) is not KeyStatus.EXPIRED for row in rows) >= MOST_KEYS:
        raise LimitExceeded(f"A user may have {MOST_KEYS} keys of a kind: delete one that is not in use.")


def shown_status(row: Row, now: datetime) -> KeyStatus:
    """The status of a key, in IAM's words."""
    return status_at(now, status=row.status, expires_at=row.expires_at)


def updated(row: Row, request: Json) -> Row:
    """A key with the status that a request gives it, and the time of its end where it names one. Raises BadInput."""
    status = KeyStatus(str(request["Status"]))
    if status is KeyStatus.EXPIRED:
        raise BadInput("Status Expired is a key's whose time has come: send Inactive, or an ExpirationDate")
    expires_at = moment(request["ExpirationDate"]) if "ExpirationDate" in request else row.expires_at
    return replace(row, status=status, expires_at=expires_at)
