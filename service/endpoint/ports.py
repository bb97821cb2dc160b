"""The door between answering and capturing, and its shipped simple adapter."""

from typing import Protocol

from monitor_jobs.contract.errors import SextantError
from service.core.deployment import Exchange


class CaptureRefused(SextantError):
    """The capture of a request could not be kept, and the endpoint is to answer only what is captured."""


class CaptureSink(Protocol):
    """Takes answered exchanges. Whether one is captured is decided behind this door."""

    def require_room(self) -> None:
        """Return where one more request may be answered; called before the model runs. Raises CaptureRefused."""
        ...

    async def before_answer(self, exchange: Exchange) -> None:
        """Take the exchange; return once its answer may be sent. Raises CaptureRefused where it may not."""
        ...

    def close(self, timeout_seconds: float) -> None:
        """Make durable what was taken, within the time; called once, after the last answer."""
        ...


class NoCapture:
    """Captures nothing: the adapter of an endpoint without DataCaptureConfig."""

    def require_room(self) -> None:
        """Return at once: nothing needs room."""

    async def before_answer(self, exchange: Exchange) -> None:
        """Return at once: nothing is kept."""

    def close(self, timeout_seconds: float) -> None:
        """Return at once: nothing waits."""
