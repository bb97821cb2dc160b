"""Reads what one load of a model left: smdebug's Trial, over a store or a folder.

Whatever is in the store is there at once: each call looks again. What lives here: the calls. What does not: errors
(unavailable), the objects (step_file, contract.tensor_files).
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from monitor_jobs.contract.debug_hook import Collection
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.tensor_files import (
    END_FILE,
    HOOK_FILE,
    NAMES_FOLDER,
    PARAMETERS_FOLDER,
    STEPS_FOLDER,
    LoadFacts,
    ModeKeys,
    StepFacts,
    step_of,
)
from monitor_jobs.object_store import ObjectMissing, ObjectStore
from monitor_jobs.tensors.source import Source, open_source
from monitor_jobs.tensors.step_file import unpacked
from monitor_jobs.tensors.unavailable import (
    NoMoreData,
    StepNotYetAvailable,
    StepUnavailable,
    TensorUnavailable,
    TensorUnavailableForStep,
)

Array = NDArray[Any]

POLL_SECONDS: Final = 0.5
STEPS_HELD: Final = 4
WORKER: Final = "worker_0"
SEEN_IN: Final = frozenset({ModeKeys.GLOBAL, ModeKeys.PREDICT})
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
    """What the newest load at or below an s3:// address, or a folder, left.

    Raises NotFound where there is none, BadInput where the path is neither. Checked in tests/unit/test_trial.py.
    """
    found = list(load_sources(open_source(path, store)))
    if not found:
        raise ObjectMissing(f"{path} holds no {HOOK_FILE}: no model that keeps tensors was loaded there")
    return Trial(found[-1])


def load_sources(source: Source) -> Iterator[Source]:
    """Every load at or below a source, older ones first."""
    found = (path.rpartition("/") for path in source.paths(""))
    folders = (folder for folder, _, name in found if name == HOOK_FILE)
    in_turn = sorted(folders, key=lambda folder: folder.rpartition("/")[2])
    return (source.at(folder) if folder else source for folder in in_turn)


class Trial:
    """One load's steps and tensors. A step is one answered request; modes and steps are smdebug's."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._names_of = lru_cache(maxsize=None)(self._read_names)
        self._step = lru_cache(maxsize=STEPS_HELD)(self._read_step)
        self._constant: dict[str, Array] | None = None
        try:
            self.facts = LoadFacts.model_validate_json(source.read(HOOK_FILE))
        except ValidationError as error:
            raise BadInput(f"{HOOK_FILE} in {source} is none: {error.errors(include_url=False)[0]['msg']}") from error

    def steps(self, mode: ModeKeys = ModeKeys.GLOBAL, **_show_incomplete_steps: object) -> list[int]:
        """The steps that were kept, in order; all of them are of mode PREDICT, and none is ever incomplete."""
        return sorted(self._paths()) if mode in SEEN_IN else []

    def steps_with(self, name: str) -> list[int]:
        """The steps that have a tensor of that name, in order."""
        paths = self._paths()
        everywhere = name in self.parameters()
        return sorted(step for step, (_, digest) in paths.items() if everywhere or name in self._names_of(digest))

    def modes(self) -> set[ModeKeys]:
        """The modes that have steps."""
        return {ModeKeys.PREDICT} if self._paths() else set()

    def workers(self) -> list[str]:
        """The one process that an endpoint's variant has."""
        return [WORKER]

    def collections(self) -> dict[str, Collection]:
        """The collections that were asked for, by name."""
        return {collection.name: collection for collection in self.facts.collections}

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
        named = self._named(step) if mode in SEEN_IN else set()
        if collection is not None:
            return sorted(filter(self._collection(collection).has, named))
        patterns = None if regex is None else [regex] if isinstance(regex, str) else list(regex)
        return sorted(
            name for name in named if patterns is None or any(re.search(pattern, name) for pattern in patterns)
        )

    def has_tensor(self, name: str) -> bool:
        """Whether any step has a tensor of that name."""
        return name in self._named(None)

    def tensor(self, name: str) -> "TensorSeries":
        """The tensor over the steps. Raises TensorUnavailable."""
        if not self.has_tensor(name):
            raise TensorUnavailable(f"no step has a tensor {name!r}: see tensor_names()")
        return TensorSeries(self, name)

    @property
    def loaded_all_steps(self) -> bool:
        """Whether the load has ended, and no step will come."""
        return any(path == END_FILE for path in self._source.paths(END_FILE))

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
        """What was said of the request that the step is. Raises StepUnavailable, StepNotYetAvailable."""
        return self._step(self._path(step))[1]

    def arrays(self, step: int) -> dict[str, Array]:
        """Every tensor of a step by name, without those of the model's version. Raises as `facts_of` does."""
        held, facts = self._step(self._path(step))
        return held | {name: held[holder] for name, holder in facts.same_as.items() if holder in held}

    def parameters(self) -> dict[str, Array]:
        """The tensors of the model's version, which are the same at every step."""
        if self._constant is None:
            name = self.facts.parameters
            self._constant = unpacked(self._source.parent().at(PARAMETERS_FOLDER).read(name))[0] if name else {}
        return self._constant

    def _paths(self) -> dict[int, tuple[str, str]]:
        found = ((path, step_of(path)) for path in self._source.paths(f"{STEPS_FOLDER}/"))
        return {told[0]: (path, told[1]) for path, told in found if told is not None}

    def _path(self, step: int) -> str:
        found = self._paths().get(step)
        if found is not None:
            return found[0]
        if self.has_passed_step(step) is StepState.NOT_YET_AVAILABLE:
            raise StepNotYetAvailable(f"step {step} has not come yet")
        raise StepUnavailable(f"step {step} was not kept: see steps()")

    def _named(self, step: int | None) -> set[str]:
        paths = self._paths()
        if step is not None:
            self._path(step)
            paths = {step: paths[step]}
        constant = set(self.parameters()) if paths else set()
        return constant.union(*(self._names_of(digest) for digest in {digest for _, digest in paths.values()}))

    def _read_names(self, digest: str) -> frozenset[str]:
        return frozenset(json.loads(self._source.read(f"{NAMES_FOLDER}/{digest}.json")))

    def _read_step(self, path: str) -> tuple[dict[str, Array], StepFacts]:
        held, facts = unpacked(self._source.read(path))
        try:
            return held, StepFacts.model_validate_json(facts)
        except ValidationError as error:
            raise BadInput(f"{path} does not say what it is: {error.errors(include_url=False)[0]['msg']}") from error

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
        return self._trial.steps_with(self.name) if mode in SEEN_IN else []

    def value(self, step: int, mode: ModeKeys = ModeKeys.GLOBAL, worker: str | None = None) -> Array:
        """Its array at a step. Raises StepUnavailable, StepNotYetAvailable, TensorUnavailableForStep."""
        if mode not in SEEN_IN or worker not in (None, WORKER):
            raise StepUnavailable(f"there is no step {step} of mode {mode.name} and worker {worker}")
        found = self._trial.arrays(step).get(self.name)
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
