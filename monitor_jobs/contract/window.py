"""Half-open spans of UTC time, and the hour folders that hold their captures."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitor_jobs.contract.errors import BadInput

HOUR = timedelta(hours=1)
TIMESTAMP_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Window:
    """The half-open span [start, end) of aware UTC time.

    Raises BadInput when a bound has no time zone or the end is not after the start.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise BadInput(f"window {self.start} to {self.end} has no time zone: give UTC times")
        if not self.start < self.end:
            raise BadInput(f"window ends at {self.end}, not after its start {self.start}: move the end later")

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def __str__(self) -> str:
        return f"{format_timestamp(self.start)} to {format_timestamp(self.end)}"

    @property
    def whole_hours(self) -> bool:
        """True where both bounds fall on the hour, so that whole hour folders hold exactly this window."""
        return self.start == floor_hour(self.start) and self.end == floor_hour(self.end)


def floor_hour(moment: datetime) -> datetime:
    """The full hour at or before a moment."""
    return moment.replace(minute=0, second=0, microsecond=0)


def hours_of(window: Window) -> list[datetime]:
    """Every full hour whose folder may hold a record of the window, ascending."""
    first = floor_hour(window.start)
    count = -((first - window.end) // HOUR)
    return [first + index * HOUR for index in range(count)]


def format_timestamp(moment: datetime) -> str:
    """A moment as SageMaker writes it in captures and container variables: whole UTC seconds and `Z`."""
    return moment.astimezone(UTC).strftime(TIMESTAMP_FORMAT)


def parse_timestamp(text: str) -> datetime:
    """The aware UTC moment of an ISO 8601 text; a text without a zone is taken as UTC.

    Raises BadInput where the text is no ISO 8601 time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no ISO 8601 time such as 2026-11-20T13:00:00Z") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
