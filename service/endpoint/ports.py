"""The door between answering and capturing, and its shipped simple adapter."""

from collections.abc import Callable
from typing import Protocol

from monitor_jobs.contract.errors import SextantError
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


class NoCapture:
    """Captures nothing: the adapter of an endpoint without DataCaptureConfig."""

    def require_room(self) -> None:
        """Return at once: nothing needs room."""

    def before_answer(self, exchange: Exchange, tell: Tell) -> None:  # noqa: ARG002 -- nothing is kept
        """Let every answer pass at once."""
        tell(None)

    def close(self, timeout_seconds: float) -> None:
        """Return at once: nothing waits."""
