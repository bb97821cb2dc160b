"""The doors between answering and what is kept of it, and the shipped simple adapter."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from monitor_jobs.contract.errors import SextantError
from monitor_jobs.model_functions.functions import ServedModel
from service.core.deployment import Exchange


class CaptureRefused(SextantError):
    """The capture of a request could not be kept, and the endpoint is to answer only what is captured."""


Tell = Callable[[Exception | None], None]  # None: the answer may be sent; else what is to be raised in its place


class CaptureSink(Protocol):
    """Takes answered exchanges. Whether one is captured is decided behind this door."""

    def require_room(self) -> None:
        """Return where one more request may be answered; called before the model runs. Raises CaptureRefused."""
        ...

    def before_answer(self, exchange: Exchange, tell: Tell) -> None:
        """Take the exchange, on any thread, and return at once.

        `tell` is called once, now or later and from any thread: with None when the answer may be sent, with a
        CaptureRefused where it may not.
        """
        ...

    def close(self, timeout_seconds: float) -> None:
        """Make durable what was taken, within the time; called once, after the last answer."""
        ...


Watch = Callable[[ServedModel, str], ServedModel]  # a model and its archive's SHA-256 to the model that is served


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept of requests: where exchanges go, and who else watches the model; None watches nothing."""

    sink: CaptureSink
    watch: Watch | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """What an endpoint says of itself: whether it is ready, and its metrics as Prometheus scrapes them."""

    is_ready: Callable[[], bool]
    metrics: Callable[[], bytes]


class NoCapture:
    """Captures nothing: the adapter of an endpoint without DataCaptureConfig."""

    def require_room(self) -> None:
        """Return at once: nothing needs room."""

    def before_answer(self, exchange: Exchange, tell: Tell) -> None:  # noqa: ARG002 -- nothing is kept
        """Let every answer pass at once."""
        tell(None)

    def close(self, timeout_seconds: float) -> None:
        """Return at once: nothing waits."""
