"""Times as clients send them, in the requests of every API.

What does not live here: times in answers, which each protocol writes in its own way.
"""

from datetime import UTC, datetime

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.window import parse_timestamp


def moment(value: object) -> datetime:
    """A time as clients send it: epoch seconds or ISO 8601. Raises BadInput for anything else."""
    try:
        if isinstance(value, str):
            return parse_timestamp(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:  # OSError: beyond the C library's calendar
        raise BadInput(f"{value!r} is no time between the years 1 and 9999") from error
    raise BadInput(f"{value!r} is no time: send epoch seconds or ISO 8601")
