"""The thread that keeps steps: gradients, packing, and the object store, one after another.

Nobody waits for it, and it comes after everything that somebody waits for. What it has no room for is dropped and
counted, as is what the store does not take: tensors are samples for people to look at, captures are the record.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from queue import Full, Queue
from typing import Final, Literal, get_args

import torch
from torch import Tensor, nn

from monitor_jobs.contract.debug_hook import Collection, TensorKind
from monitor_jobs.contract.errors import ModelUnsuitable, SextantError, StoreUnavailable
from monitor_jobs.contract.tensor_files import END_FILE, STORED_WITHIN, StepFacts
from monitor_jobs.object_store import ObjectStore, S3Address
from monitor_jobs.saliency.decomposing import logits_of
from monitor_jobs.tensors.kinds import kept
from service.endpoint.spool import yield_to_answers
from service.endpoint.tensor_hook.load import Load, any_of
from service.logs import EventLog

STEPS_WAITING: Final = 64
BYTES_WAITING: Final = 64 * 2**20
TRIES: Final = 5
RETRY_SECONDS: Final = 0.5

Outcome = Literal["kept", "dropped", "failed"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
Count = Callable[[Outcome], None]

log = EventLog(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """A request that is to be kept: what the network was given and answered, and what is known of it."""

    number: int
    inputs: Tensor
    answer: object
    collections: tuple[Collection, ...]
    event_id: str
    inference_id: str | None
    answered_at: datetime

    @property
    def size_bytes(self) -> int:
        """What it holds of memory while it waits."""
        return self.inputs.numel() * self.inputs.element_size()


class Keeper:
    """One thread over a network's twin; `count` is told what became of each step: kept, dropped or failed.

    A step that could not be stored within STORED_WITHIN of its answer is dropped, so that an erasure knows when no
    step of before can arrive any more.
    """

    def __init__(
        self, load: Load, twin: nn.Module, store: ObjectStore, count: Count, *, clock: Callable[[], datetime]
    ) -> None:
        self._load = load
        self._twin = twin
        self._store = store
        self._count = count
        self._clock = clock
        self._waiting: Queue[Step | None] = Queue(STEPS_WAITING)
        self._bytes = 0
        self._lock = threading.Lock()
        self._known: dict[S3Address, date] = {}
        self._said: set[str] = set()
        self._give_up_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="tensor-keeper", daemon=True)
        self._thread.start()

    def put(self, step: Step) -> None:
        """Take a step, or count it as dropped where too much waits already. Returns at once."""
        with self._lock:
            fits = self._bytes + step.size_bytes <= BYTES_WAITING or self._bytes == 0
            if fits:
                self._bytes += step.size_bytes
        if not fits or not self._placed(step):
            self._count("dropped")

    def finish(self, timeout_seconds: float) -> None:
        """Keep what waits, within the time, and say that no step follows."""
        self._give_up_at = time.monotonic() + timeout_seconds
        try:
            self._waiting.put(None, timeout=timeout_seconds)
        except Full:
            return
        self._thread.join(timeout_seconds)

    def _placed(self, step: Step) -> bool:
        try:
            self._waiting.put_nowait(step)
        except Full:
            self._left(step)
            return False
        return True

    def _run(self) -> None:
        yield_to_answers()
        while (step := self._waiting.get()) is not None:
            outcome: Outcome = "dropped" if self._ends or self._is_late(step) else self._outcome(step)
            self._left(step)
            self._count(outcome)
        try:
            self._put(self._load.address.joined(END_FILE), b"{}")
        except SextantError as error:
            self._say("tensors_not_ended", error)

    @property
    def _ends(self) -> bool:
        return self._give_up_at is not None and time.monotonic() > self._give_up_at

    def _is_late(self, step: Step) -> bool:
        return self._clock() - step.answered_at > STORED_WITHIN

    def _left(self, step: Step) -> None:
        with self._lock:
            self._bytes -= step.size_bytes

    def _outcome(self, step: Step) -> Outcome:
        try:
            self._keep(step)
        except StoreUnavailable as error:
            self._say("tensors_not_stored", error)
            return "dropped"
        except Exception as error:  # noqa: BLE001  # a network may raise anything, and the next step may be kept
            self._say("tensors_not_kept", error)
            return "failed"
        return "kept"

    def _keep(self, step: Step) -> None:
        scores = self._scores(step)
        targets = scores.argmax(1) if scores.numel() else torch.zeros(0, dtype=torch.int64)
        found = kept(self._load.facts.kind, self._twin, step.inputs, targets, any_of(step.collections))
        facts = StepFacts(
            event_id=step.event_id,
            inference_id=step.inference_id,
            answered_at=step.answered_at,
            scores=tuple(map(tuple, scores.tolist())),
            targets=tuple(targets.tolist()),
            size=(step.inputs.shape[2], step.inputs.shape[3]) if step.inputs.ndim == 4 else None,
            layers=found.layers,
            same_as=found.same_as,
        )
        for address, body in [*self._load.objects.items(), self._load.names_object(found)]:
            self._put_daily(address, body, step.answered_at.date())
        self._put(*self._load.step(step.number, found, facts), of=step)

    def _scores(self, step: Step) -> Tensor:
        """Its logits [N, classes]; none of a network with another answer, whose inputs can be kept all the same."""
        try:
            return logits_of(step.answer, len(step.inputs)).float().cpu()
        except ModelUnsuitable:
            if self._load.facts.kind is not TensorKind.REPLAY:
                raise
            return torch.zeros(0, 0)

    def _put_daily(self, address: S3Address, body: bytes, day: date) -> None:
        # what all steps need must not look older than they do to whoever removes what is old
        if self._known.get(address) != day:
            self._put(address, body)
            self._known[address] = day

    def _put(self, address: S3Address, body: bytes, *, of: Step | None = None) -> None:
        for remaining in reversed(range(TRIES)):
            if of is not None and self._is_late(of):
                raise StoreUnavailable(f"step {of.number} could not be stored within {STORED_WITHIN} of its answer")
            try:
                self._store.put(address, body)
            except StoreUnavailable:
                if not remaining or self._ends:
                    raise
                time.sleep(RETRY_SECONDS)
            else:
                return

    def _say(self, event: str, error: Exception) -> None:
        # the same fault of every step is one line of the log
        if f"{event} {type(error).__name__}" not in self._said:
            self._said.add(f"{event} {type(error).__name__}")
            log.warning(event, error=f"{type(error).__name__}: {error}")
