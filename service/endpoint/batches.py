"""Answers several requests by one call of the network, where that was seen to give the same answers.

Whoever waits is taken along: nothing waits for a batch to fill. What lives here: which requests go together, and the
proof that they may. What does not: the queue (worker), the package's functions (model_functions).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.model_functions.codecs import Answer, as_plain
from monitor_jobs.model_functions.functions import ModelRequest, ServedModel, Stages, as_answer, data_of
from service.logs import EventLog

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE: Final = 1e-4  # of an answer's largest number: kernels for other sizes add up in another order
KINDS_MAX: Final = 256  # callers choose them

Outcome: TypeAlias = Answer | Exception
Kind: TypeAlias = tuple[object, ...]
T = TypeVar("T")

log = EventLog("sextant.endpoint")


@dataclass(frozen=True, slots=True)
class _Read:
    """One request whose body input_fn has read."""

    position: int
    request: ModelRequest
    data: object


class Batches:
    """The answers of one model; for the model's thread alone.

    A network may mix what it is given at once. So the first requests of a kind, a shape and a type, that come together
    are answered each alone, and asked once more together with rows that are unlike them. From then on requests of that
    kind share a call, if the answers were the same.
    """

    def __init__(self, served: ServedModel) -> None:
        self._served = served
        self._shared: dict[Kind, bool] = {}

    @property
    def largest(self) -> int:
        """How many requests may be answered at once."""
        return self._served.batch_size if self._served.stages else 1

    def answers(self, requests: Sequence[ModelRequest]) -> Iterator[tuple[int, Outcome]]:
        """Each request's position and its answer, or what ServedModel.answer raises for it, as they come.

        A call that fails for several is made again for each: what one caller sends costs no other an answer.
        Checked in tests/unit/test_batches.py.
        """
        stages = self._served.stages
        if stages is None or len(requests) == 1:
            for position, request in enumerate(requests):
                yield position, _tried(partial(self._served.answer, request))
            return
        kinds: dict[Kind, list[_Read]] = {}
        for position, request in enumerate(requests):
            data = _tried(partial(_read, stages, request))
            if isinstance(data, Exception):
                yield position, data
            else:
                kinds.setdefault(_kind(data) or (position,), []).append(_Read(position, request, data))
        for kind, members in kinds.items():
            predictions = self._predictions(stages, kind, [member.data for member in members])
            for member, prediction in zip(members, predictions, strict=True):
                yield member.position, self._written(stages, member.request, prediction)

    def _predictions(self, stages: Stages, kind: Kind, data: list[Any]) -> list[object]:
        """The network's answer to each, or the exception that it raised."""
        if len(data) > 1 and self._shared.get(kind):
            together = _tried(partial(self._together, stages, data))
            if not isinstance(together, Exception):
                # once for all: each call of torch lets go of Python, and has to wait for it again
                whole = as_plain(together) if stages.writes_by_default else together
                return _by_rows(whole, data)
        alone = [_tried(partial(stages.predict_fn, each, self._served.model)) for each in data]
        failed = any(isinstance(each, Exception) for each in alone)
        if len(data) > 1 and not failed and kind not in self._shared and len(self._shared) < KINDS_MAX:
            self._shared[kind] = self._answers_by_rows(stages, data, alone)
        return alone

    def _answers_by_rows(self, stages: Stages, data: list["Tensor"], alone: list[object]) -> bool:
        unlike = [_unlike(each) for each in data]
        together = _tried(partial(self._together, stages, [*data, *unlike]))
        found = not isinstance(together, Exception) and all(map(_same, alone, _by_rows(together, data)))
        if not found:
            log.info("requests_not_batched", shape=str(tuple(data[0].shape[1:])), dtype=str(data[0].dtype))
        return found

    def _together(self, stages: Stages, data: list["Tensor"]) -> "Tensor":
        import torch

        prediction = stages.predict_fn(torch.cat(data), self._served.model)
        rows = sum(map(len, data))
        if not isinstance(prediction, torch.Tensor) or prediction.ndim == 0 or len(prediction) != rows:
            raise ModelUnsuitable("the network does not answer by rows")
        return prediction

    def _written(self, stages: Stages, request: ModelRequest, prediction: object) -> Outcome:
        if isinstance(prediction, Exception):
            return prediction
        accept = self._served.accept_of(request)
        return _tried(lambda: as_answer(stages.output_fn(prediction, accept), accept))


def _read(stages: Stages, request: ModelRequest) -> object:
    return stages.input_fn(data_of(request), request.content_type)


def _kind(data: object) -> Kind | None:
    """What must be alike for two to go together; None where they cannot: torch is not asked for by other frameworks."""
    if not type(data).__module__.startswith("torch"):
        return None
    import torch

    if not isinstance(data, torch.Tensor) or data.ndim < 2 or data.layout != torch.strided:
        return None
    return data.shape[1:], data.dtype, data.device


def _by_rows(whole: Any, data: Sequence["Tensor"]) -> list[Any]:  # noqa: ANN401  # a tensor or an array
    """The part of a common answer that belongs to each."""
    ends = list(accumulate(map(len, data)))
    return [whole[start:end] for start, end in pairwise([0, *ends])]


def _unlike(data: "Tensor") -> "Tensor":
    """Rows of the same numbers in another order, and by half where that gives such numbers: one may be sent again."""
    turned = data.flip(tuple(range(1, data.ndim)))
    return turned / 2 if data.is_floating_point() else turned


def _same(alone: object, together: "Tensor") -> bool:
    import torch

    if not isinstance(alone, torch.Tensor) or alone.shape != together.shape or alone.dtype != together.dtype:
        return False
    if not alone.is_floating_point():
        return torch.equal(alone, together)
    finite = alone[alone.isfinite()]
    allowed = TOLERANCE * float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(alone, together, rtol=0.0, atol=allowed, equal_nan=True)


def _tried(work: Callable[[], T]) -> T | Exception:
    try:
        return work()
    except Exception as error:  # noqa: BLE001  # whoever asked gets it
        return error
