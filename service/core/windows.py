"""Which data one slot of a schedule covers.

What lives here: ISO 8601 offsets, and the window of a slot. What does not: slots (cron.py), reading captures.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.window import Window
from service.core.cron import DAY, RunOnce, ScheduleExpression, previous_slot

MAX_OFFSET_CHARACTERS: Final = 15
MAX_OFFSET: Final = 366 * DAY
LONGEST_ANALYSIS: Final = DAY
_NONE: Final = timedelta(0)
# AWS's guide writes -PT2D for two days, so D may follow the T. Years and months have no fixed length and are refused.
_OFFSET: Final = re.compile(
    r"(?P<sign>[+-]?)P(?=[0-9T])(?:(?P<weeks>[0-9]{1,5})W)?(?:(?P<days>[0-9]{1,5})D)?"
    r"(?:T(?=[0-9])(?:(?P<late_days>[0-9]{1,5})D)?(?:(?P<hours>[0-9]{1,5})H)?"
    r"(?:(?P<minutes>[0-9]{1,5})M)?(?:(?P<seconds>[0-9]{1,5})S)?)?"
)


@dataclass(frozen=True, slots=True)
class WindowOffsets:
    """How far from its slot a window begins and ends; all None where it reaches from slot to slot.

    `analysis_*` are ScheduleConfig's DataAnalysisStartTime and DataAnalysisEndTime: both or neither, at most 24 h
    apart. `input_*` are EndpointInput's StartTimeOffset and EndTimeOffset, for labels that come late. Raises BadInput
    otherwise.
    """

    analysis_start: timedelta | None = None
    analysis_end: timedelta | None = None
    input_start: timedelta | None = None
    input_end: timedelta | None = None

    def __post_init__(self) -> None:
        if (self.analysis_start is None) != (self.analysis_end is None):
            raise BadInput("DataAnalysisStartTime and DataAnalysisEndTime belong together: give both or neither")
        _require_order("DataAnalysisStartTime", self.analysis_start, "DataAnalysisEndTime", self.analysis_end)
        _require_order("StartTimeOffset", self.input_start, "EndTimeOffset", self.input_end)
        if self.analysis_start is not None and self.analysis_end is not None:
            length = self.analysis_end - self.analysis_start
            if length > LONGEST_ANALYSIS:
                raise BadInput(f"the analysis window is {length} long: move its bounds to at most 24 hours apart")


def parse_offset(text: str) -> timedelta:
    """The signed time that an ISO 8601 duration states: `-PT1H`, `-PT0H`, `PT30M`, `-P8D`.

    At most 15 characters, as in AWS's pattern, and a year. Raises BadInput for anything else.
    """
    match = _OFFSET.fullmatch(text) if len(text) <= MAX_OFFSET_CHARACTERS else None
    if match is None:
        raise BadInput(f"{text[:40]!r} is no offset: write an ISO 8601 duration such as -PT1H, -PT30M or -P1D")
    parts = {unit: int(number or 0) for unit, number in match.groupdict().items() if unit != "sign"}
    days = parts.pop("days") + parts.pop("late_days")
    length = timedelta(days=days, **parts)
    if length > MAX_OFFSET:
        raise BadInput(f"the offset {text!r} is longer than {MAX_OFFSET.days} days: write a shorter one")
    return -length if match["sign"] == "-" else length


def parse_offsets(
    *,
    analysis_start: str | None = None,
    analysis_end: str | None = None,
    input_start: str | None = None,
    input_end: str | None = None,
) -> WindowOffsets:
    """The offsets of a schedule from their texts; None stays None. Raises BadInput as its parts do."""
    texts = (analysis_start, analysis_end, input_start, input_end)
    return WindowOffsets(*(None if text is None else parse_offset(text) for text in texts))


def window_of_slot(slot: datetime, *, previous: datetime, offsets: WindowOffsets) -> Window:
    """The half-open window that the execution at `slot` judges; `previous` is the slot before it.

    DataAnalysis offsets, counted from the slot, settle it; else EndpointInput's do, in the same way: AWS's guide gives
    -P8D and -P1D, at 2020-01-09T13:00, the data from 2020-01-01T13:00 to 2020-01-08T13:00. Else it is [previous, slot).
    Where only EndTimeOffset is given, both bounds move by it. Raises BadInput where the end is not after the start.
    """
    if offsets.analysis_start is not None and offsets.analysis_end is not None:
        return Window(slot + offsets.analysis_start, slot + offsets.analysis_end)
    shift = offsets.input_end or _NONE
    start = previous + shift if offsets.input_start is None else slot + offsets.input_start
    return Window(start, slot + shift)


def scheduled_window(expression: ScheduleExpression, slot: datetime, offsets: WindowOffsets) -> Window:
    """The window of a slot of this schedule; the first slot's begins at the slot that the cron gives before it.

    Raises BadInput for `NOW` without DataAnalysis offsets, which AWS demands, and for an expression without any slot:
    called at a schedule's creation, it refuses what could never run.
    """
    if isinstance(expression, RunOnce) and offsets.analysis_start is None:
        raise BadInput("NOW needs DataAnalysisStartTime and DataAnalysisEndTime: give them, such as -PT1H and -PT0H")
    previous = slot if isinstance(expression, RunOnce) else previous_slot(expression, slot)
    if previous is None:
        raise BadInput(f"{expression.text} never fires: write days that exist")
    return window_of_slot(slot, previous=previous, offsets=offsets)


def _require_order(start_name: str, start: timedelta | None, end_name: str, end: timedelta | None) -> None:
    if start is not None and not start < (end or _NONE):
        raise BadInput(f"{start_name} {start} is not before {end_name} {end or _NONE}: move it earlier")
