"""One step for every row of a table, so that a row that cannot be dealt with keeps no other from its step."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

from monitor_jobs.contract.errors import Conflict
from service.logs import EventLog

log = EventLog(__name__)


def each(rows: Iterable[Any], step: Callable[[Any], object]) -> None:
    """Take the step for every row. One that fails is logged, and is tried again at the next tick."""
    for row in rows:
        try:
            step(row)
        except Conflict as error:
            log.info("row_changed_meanwhile", row=_key(row), error=str(error))
        except Exception as error:  # noqa: BLE001 -- logged with its traceback
            log.error("row_failed", row=_key(row), cause=error)


def _key(row: Any) -> object:  # noqa: ANN401 -- any record
    return getattr(row, fields(row)[0].name)
