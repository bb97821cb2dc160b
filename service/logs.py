"""Logs: one JSON object a line, `ts`, `level` and `event` first.

What lives here: the format, and the one way in which roles log. What does not: what is worth logging (the roles),
files and rotation (whoever runs the process keeps its standard error).
"""

import json
import logging
import math
import traceback
from datetime import UTC, datetime
from typing import Final, TextIO

from service.core.keys import without_api_keys

TRACEBACK_FRAMES: Final = 8
_FIELDS: Final = "sextant_fields"


class EventLog:
    """Logs events of one part of the service: past tense in snake_case, units in the keys of their fields."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def info(self, event: str, **fields: object) -> None:
        """Something expected happened."""
        self._logger.info(event, extra={_FIELDS: fields})

    def warning(self, event: str, **fields: object) -> None:
        """Something went wrong that the service deals with."""
        self._logger.warning(event, extra={_FIELDS: fields})

    def error(self, event: str, *, cause: BaseException | None = None, **fields: object) -> None:
        """Something failed; the last frames of the cause are logged with it."""
        self._logger.error(event, exc_info=cause, extra={_FIELDS: fields})

    def fault(self, event: str, *, cause: BaseException, **fields: object) -> None:
        """The same of a failure over what a caller sent: its kinds and frames, for its texts may quote that."""
        self._logger.error(event, extra={_FIELDS: {**fields, "traceback": traceback_without_texts(cause)}})


def configure(stream: TextIO, *, level: int = logging.INFO) -> None:
    """Send every log record of this process to the stream, as JSON lines; replaces what was configured before."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object; records of other libraries become `event` texts."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, without its newline."""
        line = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "event": record.getMessage(),
            "logger": record.name,
            "pid": record.process,  # processes of one endpoint share a log
            **{key: _finite(value) for key, value in getattr(record, _FIELDS, {}).items()},
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["traceback"] = traceback_tail(record.exc_info[1])
        return without_api_keys(json.dumps(line, default=str))


def traceback_tail(error: BaseException) -> str:
    """The last frames of an exception and of its causes, as Python prints them."""
    return "".join(traceback.format_exception(error, limit=-TRACEBACK_FRAMES))


def traceback_without_texts(error: BaseException) -> str:
    """The last frames of an exception and of its causes, and their types alone."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = traceback_without_texts(cause) if cause is not None else ""
    frames = "".join(traceback.format_tb(error.__traceback__, limit=-TRACEBACK_FRAMES))
    return f"{before}{frames}{type(error).__qualname__}\n"


def _finite(value: object) -> object:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
