"""What a network is given and answers while the package's functions answer a request.

What lives here: two hooks on the served network. What does not: which request matters (sink).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.model_functions.functions import ServedModel


@dataclass(frozen=True, slots=True)
class NetworkCall:
    """One call: a copy of its only tensor, taken before the network could change it, and the answer."""

    inputs: Tensor
    answer: object


class NetworkWatch:
    """The calls of one network during the last request that was due; for the model's thread alone."""

    def __init__(self, network: nn.Module, is_due: Callable[[], bool]) -> None:
        self._is_due = is_due
        self._noting = False
        self._given: list[list[Tensor]] = []
        self._answers: list[object] = []
        network.register_forward_pre_hook(self._before, with_kwargs=True)
        network.register_forward_hook(self._after)

    def around(self, served: ServedModel) -> ServedModel:
        """The model, each of whose requests begins with nothing noted, and shares no call of the network."""
        transform = served.transform

        def watched(*arguments: object) -> object:
            self._given, self._answers = [], []
            self._noting = self._is_due()
            try:
                return transform(*arguments)
            finally:
                self._noting = False

        return replace(served, transform=watched, stages=None)

    def call(self) -> NetworkCall:
        """The one call. Raises ModelUnsuitable where there was none, or several, or it was given something else."""
        given, answers = self._given, self._answers
        self._given, self._answers = [], []
        if len(given) != 1 or len(answers) != 1:
            raise ModelUnsuitable(f"the network was called {len(given)} times for one request: one call can be kept")
        tensors = given[0]
        if len(tensors) != 1 or not tensors[0].is_floating_point():
            shapes = ", ".join(f"{value.dtype} {list(value.shape)}" for value in tensors) or "no tensor"
            raise ModelUnsuitable(f"the network was given {shapes}: one tensor of floats can be kept")
        return NetworkCall(tensors[0], answers[0])

    def _before(self, _network: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        if self._noting:
            values = (*positional, *named.values())
            self._given.append([value.detach().clone() for value in values if isinstance(value, Tensor)])

    def _after(self, _network: nn.Module, _inputs: object, answer: object) -> None:
        if self._noting:
            self._answers.append(answer.detach().clone() if isinstance(answer, Tensor) else answer)
