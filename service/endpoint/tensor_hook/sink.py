"""Capture with tensors beside it: the port CaptureSink, around another one.

What lives here: one request's way into the keeper. What does not: the network's hooks (watch), reasons (selection).
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from monitor_jobs.contract.debug_hook import Collection, DebugHook, TensorKind
from monitor_jobs.contract.errors import ModelUnsuitable, SextantError
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.model_functions.functions import ServedModel
from monitor_jobs.model_functions.network import network_of
from monitor_jobs.object_store import ObjectStore
from monitor_jobs.saliency.decomposing import logits_of
from monitor_jobs.tensors.kinds import twin_of
from service.core.deployment import EndpointSpec, Exchange
from service.core.sampling import is_sampled
from service.endpoint.ports import CaptureSink, Tell
from service.endpoint.tensor_hook.keeper import Count, Keeper, Step
from service.endpoint.tensor_hook.load import any_of, new_load
from service.endpoint.tensor_hook.selection import is_wanted
from service.endpoint.tensor_hook.watch import NetworkCall, NetworkWatch
from service.logs import EventLog

UNIQUE_BITS: Final = 32
CLOSE_SHARE: Final = 0.25  # of the time to end, at most; captures have the rest

log = EventLog(__name__)


@dataclass(slots=True)
class _Watched:
    served: ServedModel
    watch: NetworkWatch
    keeper: Keeper


@dataclass(slots=True)
class _Turn:
    """The step that comes next, and what is kept of it, decided before the network is called."""

    number: int = 0
    collections: tuple[Collection, ...] = field(default=())


class TensorHook:
    """Passes every exchange on, and keeps tensors of those that are wanted; `watch` once, before the first."""

    def __init__(
        self,
        hook: DebugHook,
        spec: EndpointSpec,
        inner: CaptureSink,
        store: ObjectStore,
        *,
        generator: random.Random,
        clock: Callable[[], datetime],
        count: Count,
    ) -> None:
        self._hook = hook
        self._spec = spec
        self._inner = inner
        self._store = store
        self._generator = generator
        self._clock = clock
        self._count = count
        self._turn = _Turn()
        self._watched: _Watched | None = None
        self._said: set[str] = set()

    def watch(self, served: ServedModel, model_sha256: str) -> ServedModel:
        """The model, whose network is watched from now on.

        Raises ModelUnsuitable where it shows no network, or one that cannot be copied while gradients are asked for.
        """
        network = network_of(served.model)
        load = new_load(
            self._spec,
            self._hook,
            network,
            served.card,
            model_sha256=model_sha256,
            started_at=self._clock(),
            unique=f"{self._generator.getrandbits(UNIQUE_BITS):08x}",
        )
        twin = network
        if self._hook.kind is not TensorKind.REPLAY:
            try:
                twin = twin_of(network, any_of(self._hook.collections))
            except Exception as error:  # a module may hold anything
                raise ModelUnsuitable(
                    f"the network cannot be copied to take gradients: {type(error).__name__}: {error}; "
                    f"use kind {TensorKind.REPLAY}"
                ) from error
        watch = NetworkWatch(network, self._is_due)
        self._watched = _Watched(served, watch, Keeper(load, twin, self._store, self._count, clock=self._clock))
        return watch.around(served)

    def require_room(self) -> None:
        """See CaptureSink."""
        self._inner.require_room()

    def before_answer(self, exchange: Exchange, tell: Tell) -> None:
        """See CaptureSink; on the model's thread, after the answer was passed on."""
        self._inner.before_answer(exchange, tell)
        turn = self._turn
        self._turn = _Turn(turn.number + 1)
        if self._watched is not None and turn.collections:
            try:
                self._offer(self._watched, turn, exchange)
            except SextantError as error:
                self._count("failed")
                self._say(error)

    def close(self, timeout_seconds: float) -> None:
        """See CaptureSink."""
        started = time.monotonic()
        if self._watched is not None:
            self._watched.keeper.finish(timeout_seconds * CLOSE_SHARE)
        self._inner.close(timeout_seconds - (time.monotonic() - started))

    def _is_due(self) -> bool:
        """Asked once before each request; one that fails leaves the step to the next."""
        collections = self._hook.collections_at(self._turn.number)
        sampled = is_sampled(self._hook.parameters.sampling_percentage, self._generator.random())
        self._turn.collections = collections if sampled else ()
        return bool(self._turn.collections)

    def _offer(self, watched: _Watched, turn: _Turn, exchange: Exchange) -> None:
        call = watched.watch.call()
        if self._is_wanted(watched.served.card, call, exchange.inference_id):
            facts = (exchange.event_id, exchange.inference_id, exchange.answered_at)
            watched.keeper.put(Step(turn.number, call.inputs, call.answer, turn.collections, *facts))

    def _is_wanted(self, card: ModelCard, call: NetworkCall, inference_id: str | None) -> bool:
        """Looks at the answer only where a reason is one of it: the next request waits meanwhile."""
        parameters = self._hook.parameters
        targets: list[int] = []
        confidences: list[float] = []
        if parameters.classes or parameters.below_confidence is not None:
            scores = logits_of(call.answer, len(call.inputs)).double()
            targets, confidences = scores.argmax(1).tolist(), scores.softmax(1).amax(1).tolist()
        return is_wanted(parameters, card, targets=targets, confidences=confidences, inference_id=inference_id)

    def _say(self, error: SextantError) -> None:
        # the same fault of every request is one line of the log
        if str(error) not in self._said and len(self._said) < 10:
            self._said.add(str(error))
            log.warning("tensors_not_kept", error=str(error))
