"""What SageMaker Debugger's own hook left: an event file and an index for each step, and its collections.

What lives here: its layout. What does not: records of event files (event_records).
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor_jobs.contract.debug_hook import Collection, SaveSteps
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.tensor_files import ModeKeys
from monitor_jobs.tensors.event_records import tensor_in_record
from monitor_jobs.tensors.load import StepPlace
from monitor_jobs.tensors.source import Source

Array = NDArray[Any]

INDEX_FOLDER: Final = "index"
COLLECTIONS_FOLDER: Final = "collections"
END_FILE: Final = "training_job_end.ts"
INDEX_FILE: Final = re.compile(r"(?P<root>(.*/)?)index/[0-9]{9}/(?P<step>[0-9]{12})_(?P<worker>worker_[0-9]+)\.json")
STEPS_HELD: Final = 4


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Meta(_File):
    mode: str
    mode_step: int
    event_file_name: str = Field(pattern=r"^events/[0-9]+/[0-9]+_worker_[0-9]+\.tfevents$")


class _Location(_File):
    tensorname: str
    start_idx: int = Field(ge=0)
    length: int = Field(ge=0)


class _Index(_File):
    meta: _Meta
    tensor_payload: tuple[_Location, ...] = ()


class DebuggerLoad:
    """What one run of smdebug's hook left; of several workers the first one's tensors are read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._index_of = lru_cache(maxsize=None)(self._read_index)
        self._arrays_of = lru_cache(maxsize=STEPS_HELD)(self._read_arrays)

    def steps(self) -> dict[int, StepPlace]:
        """See Load."""
        found: dict[int, StepPlace] = {}
        for path, match in self._indexes():
            meta = self._index_of(path).meta
            found.setdefault(int(match["step"]), StepPlace(_mode(meta.mode, path), meta.mode_step, path))
        return found

    def names(self, place: StepPlace) -> frozenset[str]:
        """See Load."""
        return frozenset(location.tensorname for location in self._index_of(place.path).tensor_payload)

    def arrays(self, place: StepPlace) -> dict[str, Array]:
        """See Load."""
        return self._arrays_of(place.path)

    def parameters(self) -> dict[str, Array]:
        """See Load: smdebug writes them again at each step."""
        return {}

    def collections(self) -> dict[str, Collection]:
        """See Load; of collections without a regex only the names are known."""
        found: dict[str, Collection] = {}
        for path in self._source.paths(f"{COLLECTIONS_FOLDER}/"):
            told = _json(self._source.read(path), path).get("collections", {})
            for name, one in told.items():
                named = tuple(f"^{re.escape(tensor)}$" for tensor in one.get("tensor_names", ()))
                patterns = (*one.get("include_regex", ()), *named) or ("(?!)",)  # matches nothing
                found[name] = Collection(name=name, patterns=patterns, steps=SaveSteps())
        return found

    def workers(self) -> list[str]:
        """See Load."""
        return sorted({match["worker"] for _, match in self._indexes()})

    def ended(self) -> bool:
        """See Load."""
        return any(path == END_FILE for path in self._source.paths(END_FILE))

    def _indexes(self) -> Iterator[tuple[str, re.Match[str]]]:
        found = ((path, INDEX_FILE.fullmatch(path)) for path in self._source.paths(f"{INDEX_FOLDER}/"))
        return ((path, match) for path, match in found if match is not None)

    def _read_index(self, path: str) -> _Index:
        try:
            return _Index.model_validate_json(self._source.read(path))
        except ValidationError as error:
            raise BadInput(f"{path} is no index: {error.errors(include_url=False)[0]['msg']}") from error

    def _read_arrays(self, path: str) -> dict[str, Array]:
        index = self._index_of(path)
        events = self._source.read(index.meta.event_file_name)
        return {
            one.tensorname: np.asarray(tensor_in_record(events[one.start_idx : one.start_idx + one.length]))
            for one in index.tensor_payload
        }


def _mode(name: str, path: str) -> ModeKeys:
    try:
        return ModeKeys[name]
    except KeyError as error:
        raise BadInput(f"{path} is of mode {name!r}: there are {', '.join(ModeKeys.__members__)}") from error


def _json(body: bytes, path: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise BadInput(f"{path} is no JSON: {error}") from error
    return found if isinstance(found, dict) else {}
