"""What a trial reads: steps and tensors of one load, whoever wrote them.

What lives here: the port, and what our own endpoints leave. What does not: what SageMaker Debugger's hook left
(debugger_load), the calls that users know (trial).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

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
from monitor_jobs.tensors.source import Source
from monitor_jobs.tensors.step_file import unpacked

Array = NDArray[Any]

STEPS_HELD: Final = 4
WORKER: Final = "worker_0"


@dataclass(frozen=True, slots=True)
class StepPlace:
    """One step: its mode, its number in that mode, and where it lies."""

    mode: ModeKeys
    mode_step: int
    path: str


class Load(Protocol):
    """Steps by their number over all modes. Whatever is stored is there at once: each call looks again."""

    def steps(self) -> Mapping[int, StepPlace]:
        """Every step that can be read."""
        ...

    def names(self, place: StepPlace) -> frozenset[str]:
        """The names of a step's tensors, without those of the model's version."""
        ...

    def arrays(self, place: StepPlace) -> Mapping[str, Array]:
        """A step's tensors by name. Raises BadInput where they are damaged."""
        ...

    def parameters(self) -> Mapping[str, Array]:
        """The tensors that every step has."""
        ...

    def collections(self) -> Mapping[str, Collection]:
        """The collections that were asked for."""
        ...

    def workers(self) -> list[str]:
        """The processes that wrote."""
        ...

    def ended(self) -> bool:
        """Whether no step will come."""
        ...


class KeptLoad:
    """What an endpoint of ours left. Raises BadInput where its hook's file is none."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._names_of = lru_cache(maxsize=None)(self._read_names)
        self._step = lru_cache(maxsize=STEPS_HELD)(self._read_step)
        self._constant: dict[str, Array] | None = None
        try:
            self.facts = LoadFacts.model_validate_json(source.read(HOOK_FILE))
        except ValidationError as error:
            raise BadInput(f"{HOOK_FILE} in {source} is none: {error.errors(include_url=False)[0]['msg']}") from error

    def steps(self) -> dict[int, StepPlace]:
        """See Load."""
        found = ((path, step_of(path)) for path in self._source.paths(f"{STEPS_FOLDER}/"))
        return {told[0]: StepPlace(ModeKeys.PREDICT, told[0], path) for path, told in found if told is not None}

    def names(self, place: StepPlace) -> frozenset[str]:
        """See Load."""
        told = step_of(place.path)
        return self._names_of(told[1]) if told else frozenset()

    def arrays(self, place: StepPlace) -> dict[str, Array]:
        """See Load."""
        held, facts = self._step(place.path)
        return held | {name: held[holder] for name, holder in facts.same_as.items() if holder in held}

    def facts_of(self, place: StepPlace) -> StepFacts:
        """What was said of the request that the step is."""
        return self._step(place.path)[1]

    def parameters(self) -> dict[str, Array]:
        """See Load: those of the model's version."""
        if self._constant is None:
            name = self.facts.parameters
            self._constant = unpacked(self._source.parent().at(PARAMETERS_FOLDER).read(name))[0] if name else {}
        return self._constant

    def collections(self) -> dict[str, Collection]:
        """See Load."""
        return {collection.name: collection for collection in self.facts.collections}

    def workers(self) -> list[str]:
        """See Load: an endpoint's variant is one process."""
        return [WORKER]

    def ended(self) -> bool:
        """See Load."""
        return any(path == END_FILE for path in self._source.paths(END_FILE))

    def _read_names(self, digest: str) -> frozenset[str]:
        return frozenset(json.loads(self._source.read(f"{NAMES_FOLDER}/{digest}.json")))

    def _read_step(self, path: str) -> tuple[dict[str, Array], StepFacts]:
        held, facts = unpacked(self._source.read(path))
        try:
            return held, StepFacts.model_validate_json(facts)
        except ValidationError as error:
            raise BadInput(f"{path} does not say what it is: {error.errors(include_url=False)[0]['msg']}") from error
