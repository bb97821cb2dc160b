"""The door between answering and capturing, and its shipped simple adapter."""

from typing import Protocol

from service.core.deployment import Exchange


class CaptureSink(Protocol):
    """Takes answered exchanges. Whether one is captured is decided behind this door."""

    def offer(self, exchange: Exchange) -> None:
        """Take one exchange whose answer has been sent; returns at once and never raises."""
        ...

    def close(self, timeout_seconds: float) -> None:
        """Make durable what was taken, within the time; called once, after the last offer."""
        ...


class NoCapture:
    """Captures nothing: the adapter of an endpoint without DataCaptureConfig."""

    def offer(self, exchange: Exchange) -> None:
        """Forget the exchange."""

    def close(self, timeout_seconds: float) -> None:
        """Return at once: nothing waits."""
