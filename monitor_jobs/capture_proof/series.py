"""One producer's numbered objects of one kind: finding the few that concern a window among all it ever wrote.

What lives here: a binary search by single requests, without a listing. What does not: what is searched for (evidence).
"""

from bisect import bisect_left
from collections.abc import Callable
from enum import Enum
from typing import Generic

from monitor_jobs.capture_proof.trail import Stretch, ToldT
from monitor_jobs.contract.manifest import FIRST_SEQUENCE, numbered
from monitor_jobs.object_store import ObjectMissing, ObjectStore, S3Address


class _Lost(Enum):
    MISSING = 1
    DAMAGED = 2


class Series(Generic[ToldT]):
    """Numbers from `first` to `last`, and those that follow it without a hole; each is asked for once, if looked at.

    `parse` makes what an object tells of its number and bytes, and raises ValueError where it is not what it should be.
    """

    def __init__(
        self,
        store: ObjectStore,
        folder: str,
        last: int,
        parse: Callable[[int, bytes], ToldT],
        *,
        first: int = FIRST_SEQUENCE,
    ) -> None:
        self._store = store
        self._folder = S3Address.parse(folder)
        self._begin = first
        self._last = last
        self._parse = parse
        self._asked: dict[int, ToldT | _Lost] = {}

    def stretch(self, begun: Callable[[ToldT], bool], over: Callable[[ToldT], bool]) -> Stretch[ToldT]:
        """All from the first that has `begun` to before the first that is `over`; neither turns false again.

        What is missing or damaged beside them may belong to them, and counts as theirs.
        """
        first = self._first(begun, self._begin)
        end = self._first(over, first)
        while end <= self._last and isinstance(self._at(end), _Lost):
            end += 1
        while end > self._last and not self._ends(self._at(end), over):
            end += 1
        found = {number: self._at(number) for number in range(first, end)}
        return Stretch(
            self._folder.key,
            {number: told for number, told in found.items() if not isinstance(told, _Lost)},
            missing=tuple(number for number, told in found.items() if told is _Lost.MISSING),
            damaged=tuple(number for number, told in found.items() if told is _Lost.DAMAGED),
        )

    def _first(self, holds: Callable[[ToldT], bool], low: int) -> int:
        numbers = range(low, self._last + 1)
        return low + bisect_left(numbers, True, key=lambda number: self._holds_from(number, holds))  # noqa: FBT003

    def _holds_from(self, number: int, holds: Callable[[ToldT], bool]) -> bool:
        """What holds of the first readable one from this number on."""
        answers = (self._at(each) for each in range(number, self._last + 1))
        return next((holds(told) for told in answers if not isinstance(told, _Lost)), True)

    def _ends(self, told: ToldT | _Lost, over: Callable[[ToldT], bool]) -> bool:
        return told is _Lost.MISSING or (not isinstance(told, _Lost) and over(told))

    def _at(self, number: int) -> ToldT | _Lost:
        if number not in self._asked:
            self._asked[number] = self._ask(number)
        return self._asked[number]

    def _ask(self, number: int) -> ToldT | _Lost:
        address = S3Address(self._folder.bucket, numbered(self._folder.key, number))
        try:
            return self._parse(number, self._store.get(address))
        except ObjectMissing:
            return _Lost.MISSING
        except ValueError:
            return _Lost.DAMAGED
