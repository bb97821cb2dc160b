"""What keeps house beside the monitors: erasures that are not over, and objects that were kept long enough.

What lives here: when each is attended to, one after the other in a thread of their own, so that neither holds up a
tick. What does not: erasing (erasures), retention (retention).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.scheduler.places import Places


@dataclass
class Chore:
    """One thing to do, and how long after its start it is to be done again."""

    name: str
    every: timedelta
    do: Callable[[], None]
    begun_at: datetime | None = field(default=None, init=False)

    def is_due(self, now: datetime) -> bool:
        """True where it was never begun, or long enough ago; a clock that was set back makes it due too."""
        return self.begun_at is None or not timedelta(0) <= now - self.begun_at < self.every


class Chores:
    """Used by the thread that ticks; `places` are those of chores alone."""

    def __init__(self, chores: Sequence[Chore], places: Places, clock: Callable[[], datetime]) -> None:
        self._chores = tuple(chores)
        self._places = places
        self._clock = clock

    def attend(self) -> None:
        """Begin what is due, the longest waiting first, as far as there is a place."""
        now = self._clock()
        due = [chore for chore in self._chores if chore.is_due(now) and chore.name not in self._places]
        for chore in sorted(due, key=lambda each: (each.begun_at is not None, each.begun_at)):
            if not self._places.free:
                return
            chore.begun_at = now
            self._places.start(chore.name, chore.do)
