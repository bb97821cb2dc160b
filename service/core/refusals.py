"""Refusals counted, so that whoever is refused without end cannot fill a disk with lines about it.

What lives here: which refusal becomes an entry of the audit log at once, and which is counted until its time is over.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from service.core.audit import Entry

WINDOW: Final = timedelta(minutes=10)
MOST_KINDS: Final = 20  # told apart in one window; all others are one kind
OTHERS: Final = "audit:OtherRefusals"

Kind = tuple[str | None, str | None, str, str, str | None]


@dataclass(slots=True)
class Refusals:
    """The refusals of one window: of each kind the first is an entry at once, and the rest one entry in the end.

    A kind is who, with which key, from where, what, and the error's code. So there are at most 41 entries in ten
    minutes, whatever comes. Proven by tests/unit/test_refusals.py.
    """

    _until: datetime | None = None
    _first: dict[Kind, Entry] = field(default_factory=dict)
    _more: dict[Kind, int] = field(default_factory=dict)
    _others: Entry | None = None

    def due(self, refusal: Entry) -> list[Entry]:
        """What is to be recorded now that this came."""
        due = self.over(refusal.at)
        self._until = self._until or refusal.at + WINDOW
        kind = (refusal.user, refusal.key_id, refusal.address, refusal.operation, refusal.error)
        if kind in self._first:
            self._more[kind] = self._more.get(kind, 0) + 1
        elif len(self._first) < MOST_KINDS:
            self._first[kind] = refusal
            due.append(refusal)
        elif self._others is None:
            self._others = Entry(refusal.at, OTHERS, refusal.status)
        else:
            self._others = replace(self._others, at=refusal.at, count=self._others.count + 1)
        return due

    def over(self, now: datetime) -> list[Entry]:
        """What was counted in a window that is over by now; nothing while it lasts."""
        return [] if self._until is None or now < self._until else self.rest(now)

    def rest(self, now: datetime) -> list[Entry]:
        """What was counted and is not told yet; a new window begins with the next refusal."""
        counted = [replace(self._first[kind], at=now, count=count, request_id="") for kind, count in self._more.items()]
        others = [] if self._others is None else [replace(self._others, at=now)]
        self._until, self._first, self._more, self._others = None, {}, {}, None
        return [*counted, *others]
