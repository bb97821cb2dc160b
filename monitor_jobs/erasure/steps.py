"""Steps of kept tensors that are an erased record's: a step is one answered request, and goes as a whole.

Each says itself whose it is, in its header. What cannot be read is left and named: nobody can tell whose it is. A step
may wait in an endpoint's memory while it is asked for, or be on its way to the store: what arrives is looked at too,
until nothing of that time can arrive any more.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import groupby
from pathlib import Path

from pydantic import ValidationError

from monitor_jobs.contract.capture import hour_folder
from monitor_jobs.contract.erasure import ILLEGIBLE_NAMED, Tombstone
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.tensor_files import STEPS_FOLDER, STORED_WITHIN, StepFacts, step_folder_of, step_of
from monitor_jobs.contract.window import Window, floor_hour, hours_of
from monitor_jobs.erasure.matching import Matcher
from monitor_jobs.erasure.variant import Variant
from monitor_jobs.object_store import ObjectMissing, S3Address, StoredObject

CLOCKS = timedelta(minutes=5)  # a store's clock may be so far from ours: what it has is looked at rather once more
STEPS_SETTLED = STORED_WITHIN + CLOCKS  # after it was asked for, no step of before is stored any more

Save = Callable[[Tombstone], object]


@dataclass(frozen=True, slots=True)
class _Step:
    address: S3Address
    load: str
    hour: datetime
    number: int
    modified_at: datetime

    @property
    def folder(self) -> str:
        return str(self.address).rpartition("/")[0]


class _Fate(Enum):
    STAYS = auto()
    GOES = auto()
    ILLEGIBLE = auto()


def erase_steps(variant: Variant, tombstone: Tombstone, matcher: Matcher, *, now: datetime, save: Save) -> Tombstone:
    """The tombstone once the steps of its id that are stored by now are erased; `save` hears of them before they go.

    Its `tensors` are empty once nothing can arrive any more. Raises StoreUnavailable; whatever was saved by then is
    gone on with. Checked in tests/integration/test_erasing_tensors.py.
    """
    for place in tombstone.unlooked:
        tombstone = _without(variant, tombstone, matcher, _all_steps(variant, place, tombstone), save)
        left = tuple(each for each in tombstone.unlooked if each != place)
        tombstone = tombstone.model_copy(update={"unlooked": left})
    if now < tombstone.requested_at + STEPS_SETTLED:
        return _without(variant, tombstone, matcher, _next_steps(variant, tombstone), save)
    for place in tombstone.tensors:
        tombstone = _without(variant, tombstone, matcher, _late_steps(variant, place, tombstone), save)
    return tombstone.model_copy(update={"tensors": (), "loads": {}})


def _all_steps(variant: Variant, place: str, tombstone: Tombstone) -> Iterator[_Step]:
    """Every step of before it was asked for."""
    last = floor_hour(tombstone.requested_at)
    return (step for step in _steps(variant.below(f"{place}/")) if step.hour <= last)


def _next_steps(variant: Variant, tombstone: Tombstone) -> Iterator[_Step]:
    """What was stored since: a load stores its steps in their order, so that only a few hours of it are listed."""
    for load, number in tombstone.loads.items():
        for hour in _arriving(tombstone):
            for step in _steps(variant.below(f"{load}/{STEPS_FOLDER}/{hour_folder(hour)}/")):
                if step.number > number:
                    yield step


def _late_steps(variant: Variant, place: str, tombstone: Tombstone) -> Iterator[_Step]:
    """The same once more in the end, of loads too that had stored no step before, and whatever came out of turn."""
    hours, since = _arriving(tombstone), tombstone.requested_at - CLOCKS
    listed = _steps(variant.below(f"{place}/"))
    return (step for step in listed if step.hour in hours and step.modified_at >= since)


def _arriving(tombstone: Tombstone) -> list[datetime]:
    """The hours in which a step was answered that may not have been stored when it was asked for."""
    asked = tombstone.requested_at
    return hours_of(Window(asked - STEPS_SETTLED, asked + timedelta(seconds=1)))


def _steps(entries: Iterable[StoredObject]) -> Iterator[_Step]:
    """Those that are steps by their key; whatever else lies among them is somebody else's."""
    for entry in entries:
        named, placed = step_of(entry.address.key), step_folder_of(str(entry.address))
        if named is not None and placed is not None:
            yield _Step(entry.address, *placed, named[0], entry.modified_at)


def _without(variant: Variant, tombstone: Tombstone, matcher: Matcher, steps: Iterable[_Step], save: Save) -> Tombstone:
    """The tombstone once those of these steps are gone that are the id's, an hour of a load at a time."""
    for folder, of_hour in groupby(steps, key=lambda step: step.folder):
        fates = [(step, _fate_of(variant, step, matcher)) for step in of_hour]
        going = [step for step, fate in fates if fate is _Fate.GOES]
        illegible = [step for step, fate in fates if fate is _Fate.ILLEGIBLE]
        tombstone = _noted(tombstone, [step for step, fate in fates if fate is not _Fate.ILLEGIBLE])
        if going or illegible:
            tombstone = _told(tombstone, folder, going, illegible)
            save(tombstone)  # first: who is broken off in between counts none twice, and forgets none
        for step in going:
            variant.store.delete(step.address)
    return tombstone


def _fate_of(variant: Variant, step: _Step, matcher: Matcher) -> _Fate:
    from monitor_jobs.tensor_header import facts_in_file  # Arrow takes long to import

    with tempfile.TemporaryDirectory(prefix="sextant-erase-") as folder:
        path = Path(folder, "step")
        try:
            variant.store.download(step.address, path)
            facts = StepFacts.model_validate_json(facts_in_file(path))
        except ObjectMissing:
            return _Fate.STAYS  # retention was quicker
        except (BadInput, ValidationError):
            return _Fate.ILLEGIBLE
    return _Fate.GOES if matcher.is_step_to_erase(facts) else _Fate.STAYS


def _noted(tombstone: Tombstone, looked_at: Iterable[_Step]) -> Tombstone:
    loads = dict(tombstone.loads)
    for step in looked_at:
        loads[step.load] = max(loads.get(step.load, 0), step.number)
    return tombstone.model_copy(update={"loads": loads})


def _told(tombstone: Tombstone, folder: str, going: Iterable[_Step], illegible: Iterable[_Step]) -> Tombstone:
    numbers = sorted({*tombstone.steps.get(folder, ()), *(step.number for step in going)})
    steps = {**tombstone.steps, folder: tuple(numbers)} if numbers else tombstone.steps
    named = dict.fromkeys([*tombstone.illegible, *(str(step.address) for step in illegible)])
    return tombstone.model_copy(update={"steps": steps, "illegible": tuple(named)[:ILLEGIBLE_NAMED]})
