"""Waiting for what a capture tells, in place of the endpoint that would answer then."""

import asyncio

from service.core.deployment import Exchange
from service.endpoint.ports import CaptureSink


async def captured(sink: CaptureSink, exchange: Exchange) -> None:
    """Return once the exchange may be answered; raise what it is refused with."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[Exception | None] = loop.create_future()
    sink.before_answer(exchange, lambda error: loop.call_soon_threadsafe(told.set_result, error))
    if (error := await told) is not None:
        raise error
