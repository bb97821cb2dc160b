"""Reads what one load of a model left: smdebug's Trial, over a store or a folder.

Whatever is in the store is there at once: each call looks again. What lives here: the calls that users know. What does
not: errors (unavailable), what our endpoints leave (load), what SageMaker Debugger left (debugger_load).
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from monitor_jobs.contract.debug_hook import Collection
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.tensor_files import HOOK_FILE, LoadFacts, ModeKeys, StepFacts
from monitor_jobs.object_store import ObjectMissing, ObjectStore
from monitor_jobs.tensors.debugger_load import INDEX_FILE, DebuggerLoad
from monitor_jobs.tensors.load import KeptLoad, Load, StepPlace
from monitor_jobs.tensors.source import Source, open_source
from monitor_jobs.tensors.unavailable import (
    NoMoreData,
    StepNotYetAvailable,
    StepUnavailable,
    TensorUnavailable,
    TensorUnavailableForStep,
)

Array = NDArray[Any]

POLL_SECONDS: Final = 0.5
REDUCTIONS: Final[dict[str, Callable[[Array], Any]]] = {
    "min": np.min,
    "max": np.max,
    "mean": np.mean,
    "std": np.std,
    "variance": np.var,
    "sum": np.sum,
    "prod": np.prod,
    "l1": lambda values: np.abs(values).sum(),
    "l2": lambda values: np.sqrt(np.square(values).sum()),
}


class StepState(Enum):
    """Whether a step can be read."""

    UNAVAILABLE = 0
    AVAILABLE = 1
    NOT_YET_AVAILABLE = 2


def create_trial(path: str | Path, store: ObjectStore | None = None) -> "Trial":
    """What the newest load at or below an s3:// address, or a folder, left; also what SageMaker Debugger left there.

    Raises NotFound where there is none, BadInput where the path is neither. Checked in tests/unit/test_trial.py and
    tests/unit/test_debugger_trial.py.
    """
    found = list(loads(open_source(path, store)))
    if not found:
        raise ObjectMissing(f"{path} holds no {HOOK_FILE}, nor an index of Debugger's: nothing keeps tensors there")
    return Trial(found[-1])


def loads(source: Source) -> Iterator[Load]:
    """Every load at or below a source, older ones first; our own behind those of Debugger."""
    paths = list(source.paths(""))
    theirs = {match["root"].rstrip("/") for match in map(INDEX_FILE.fullmatch, paths) if match}
    ours = [path.rpartition("/")[0] for path in paths if path.rpartition("/")[2] == HOOK_FILE]
    for folder in sorted(theirs):
        yield DebuggerLoad(source.at(folder) if folder else source)
    for folder in sorted(ours, key=lambda folder: folder.rpartition("/")[2]):
        yield KeptLoad(source.at(folder) if folder else source)


class Trial:
    """One load's steps and tensors: of an endpoint a step is one answered request. Modes and steps are smdebug's."""

    def __init__(self, load: Load) -> None:
        self._load = load

    @property
    def facts(self) -> LoadFacts:
        """What was said of the load. Raises BadInput of one that Debugger's hook left, which says nothing."""
        return self._kept().facts

    @property
    def says_of_requests(self) -> bool:
        """Whether an endpoint of ours left the load, so that it has facts."""
        return isinstance(self._load, KeptLoad)

    def steps(self, mode: ModeKeys = ModeKeys.GLOBAL, **_show_incomplete_steps: object) -> list[int]:
        """The steps that were kept, in order, by their number in the mode; none is ever incomplete."""
        return sorted(self._places(mode))

    def steps_with(self, name: str, mode: ModeKeys = ModeKeys.GLOBAL) -> list[int]:
        """The steps that have a tensor of that name, in order."""
        everywhere = name in self._load.parameters()
        places = self._places(mode).items()
        return sorted(step for step, place in places if everywhere or name in self._load.names(place))

    def modes(self) -> set[ModeKeys]:
        """The modes that have steps."""
        return {place.mode for place in self._load.steps().values()}

    def workers(self) -> list[str]:
        """The processes that wrote: an endpoint's variant is one."""
        return self._load.workers()

    def collections(self) -> Mapping[str, Collection]:
        """The collections that were asked for, by name."""
        return self._load.collections()

    def tensor_names(
        self,
        *,
        step: int | None = None,
        mode: ModeKeys = ModeKeys.GLOBAL,
        regex: str | Iterable[str] | None = None,
        collection: str | Collection | None = None,
    ) -> list[str]:
        """Names of tensors, sorted: of all steps or one, that match a regex anywhere, or are in a collection.

        Raises BadInput for a regex beside a collection, or a collection that there is none of.
        """
        if regex is not None and collection is not None:
            raise BadInput("name a regex or a collection, not both")
        named = self._named(step, mode)
        if collection is not None:
            return sorted(filter(self._collection(collection).has, named))
        patterns = None if regex is None else [regex] if isinstance(regex, str) else list(regex)
        return sorted(
            name for name in named if patterns is None or any(re.search(pattern, name) for pattern in patterns)
        )

    def has_tensor(self, name: str) -> bool:
        """Whether any step has a tensor of that name."""
        return name in self._named(None, ModeKeys.GLOBAL)

    def tensor(self, name: str) -> "TensorSeries":
        """The tensor over the steps. Raises TensorUnavailable."""
        if not self.has_tensor(name):
            raise TensorUnavailable(f"no step has a tensor {name!r}: see tensor_names()")
        return TensorSeries(self, name)

    @property
    def loaded_all_steps(self) -> bool:
        """Whether the load has ended, and no step will come."""
        return self._load.ended()

    def has_passed_step(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> StepState:
        """Whether the step can be read, may still come, or never will."""
        kept = self.steps(mode)
        if step in kept:
            return StepState.AVAILABLE
        passed = bool(kept) and kept[-1] > step
        return StepState.UNAVAILABLE if passed or self.loaded_all_steps else StepState.NOT_YET_AVAILABLE

    def wait_for_steps(
        self,
        required_steps: Iterable[int],
        mode: ModeKeys = ModeKeys.GLOBAL,
        *,
        timeout_seconds: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Return once all of them can be read.

        Raises StepUnavailable where one was passed over, NoMoreData where the load has ended before it,
        StepNotYetAvailable after the time. smdebug waits for ever, as this does where no time is given.
        """
        waited = 0.0
        for step in required_steps:
            while (state := self.has_passed_step(step, mode)) is not StepState.AVAILABLE:
                kept = self.steps(mode)
                if state is StepState.UNAVAILABLE and kept and kept[-1] > step:
                    raise StepUnavailable(f"step {step} was not kept: the next that was is {_next(kept, step)}")
                if state is StepState.UNAVAILABLE:
                    raise NoMoreData(f"the load has ended before step {step}: its last is {kept[-1] if kept else None}")
                if timeout_seconds is not None and waited >= timeout_seconds:
                    raise StepNotYetAvailable(f"step {step} has not come within {timeout_seconds:g} s")
                sleep(POLL_SECONDS)
                waited += POLL_SECONDS

    def facts_of(self, step: int) -> StepFacts:
        """What was said of the request that the step is. Raises StepUnavailable, StepNotYetAvailable, as `facts`."""
        return self._kept().facts_of(self._place(step, ModeKeys.GLOBAL))

    def arrays(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> Mapping[str, Array]:
        """Every tensor of a step by name, without those of the model's version. Raises as `facts_of` does."""
        return self._load.arrays(self._place(step, mode))

    def parameters(self) -> Mapping[str, Array]:
        """The tensors of the model's version, which are the same at every step."""
        return self._load.parameters()

    def _kept(self) -> KeptLoad:
        if not isinstance(self._load, KeptLoad):
            raise BadInput("SageMaker Debugger's hook left this, which says nothing of requests and layers")
        return self._load

    def _places(self, mode: ModeKeys) -> dict[int, StepPlace]:
        found = self._load.steps()
        if mode is ModeKeys.GLOBAL:
            return dict(found)
        return {place.mode_step: place for place in found.values() if place.mode is mode}

    def _place(self, step: int, mode: ModeKeys) -> StepPlace:
        found = self._places(mode).get(step)
        if found is not None:
            return found
        if self.has_passed_step(step, mode) is StepState.NOT_YET_AVAILABLE and self._places(mode):
            raise StepNotYetAvailable(f"step {step} of mode {mode.name} has not come yet")
        raise StepUnavailable(f"step {step} of mode {mode.name} was not kept: see steps()")

    def _named(self, step: int | None, mode: ModeKeys) -> set[str]:
        places = self._places(mode).values() if step is None else [self._place(step, mode)]
        constant = set(self._load.parameters()) if places else set()
        return constant.union(*map(self._load.names, places))

    def _collection(self, named: str | Collection) -> Collection:
        if isinstance(named, Collection):
            return named
        known = self.collections()
        if named not in known:
            raise BadInput(f"there is no collection {named!r}: there are {', '.join(known) or 'none'}")
        return known[named]


class TensorSeries:
    """One tensor over a trial's steps; smdebug's Tensor."""

    def __init__(self, trial: Trial, name: str) -> None:
        self._trial = trial
        self.name = name

    def steps(self, mode: ModeKeys = ModeKeys.GLOBAL) -> list[int]:
        """The steps that have it."""
        return self._trial.steps_with(self.name, mode)

    def value(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None) -> Array:
        """Its array at a step. Raises StepUnavailable, StepNotYetAvailable, TensorUnavailableForStep."""
        if worker is not None and worker not in self._trial.workers():
            raise StepUnavailable(f"there is no worker {worker!r}: there are {', '.join(self._trial.workers())}")
        found = self._trial.arrays(step, mode).get(self.name)
        if found is None:
            found = self._trial.parameters().get(self.name)
        if found is None:
            raise TensorUnavailableForStep(f"step {step} has no tensor {self.name!r}")
        return found

    def values(self, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None) -> dict[int, Array]:
        """Its arrays by step."""
        return {step: self.value(step, mode, worker) for step in self.steps(mode)}

    def shape(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL) -> tuple[int, ...]:
        """The shape of its array at a step."""
        return self.value(step, mode).shape

    def reduction_value(self, step: int, reduction_name: str, mode: ModeKeys = ModeKeys.GLOBAL) -> float:
        """One number of its array at a step, by smdebug's names. Raises BadInput for another name."""
        if reduction_name not in REDUCTIONS:
            raise BadInput(f"there is no reduction {reduction_name!r}: there are {', '.join(REDUCTIONS)}")
        return float(REDUCTIONS[reduction_name](self.value(step, mode)))

    def prev_steps(self, step: int, n: int | None = None, mode: ModeKeys = ModeKeys.GLOBAL) -> list[int]:
        """The last n steps up to this one that have it, in order; all of them where no n is given."""
        before = [each for each in self.steps(mode) if each <= step]
        return before[-n:] if n else before


def _next(kept: list[int], step: int) -> int:
    return next(each for each in kept if each > step)
