"""Which process answers an invocation: the endpoint's row, read not long ago, and a draw by weight.

What lives here: reading rows as seldom as core.handover allows, and the choice among variants. What does not: sending
(connections), writing rows.
"""

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool

from service.control.gateway.errors import ModelNotReadyException, ValidationError
from service.core.handover import ADDRESS_SECONDS
from service.core.ports import Database
from service.core.records import EndpointRecord
from service.core.states import SERVING
from service.core.variants import Variant, variants_of

READS: Final = 3  # of a row that each time took too long to be acted on; then the last one serves
AHEAD_SECONDS: Final = ADDRESS_SECONDS / 2  # a row of this age is read again while it still serves


@dataclass(frozen=True, slots=True)
class Route:
    """The variants that answer for an endpoint, as they were when the row was asked for."""

    endpoint: str
    asked_at: float
    variants: tuple[Variant, ...]

    @property
    def age_seconds(self) -> float:
        """How long ago the row was asked for."""
        return time.monotonic() - self.asked_at


class Routes:
    """Routes of all endpoints, none used for longer than ADDRESS_SECONDS after its row was asked for."""

    def __init__(self, database: Database, *, account: str) -> None:
        self._database = database
        self._account = account
        self._known: dict[str, Route] = {}
        self._reading: dict[str, asyncio.Task[Route]] = {}

    async def of(self, endpoint: str) -> Route:
        """The endpoint's route. Raises ValidationError in AWS's words where it is not there or does not serve."""
        known = self._known.get(endpoint)
        if known is None or known.age_seconds > ADDRESS_SECONDS:
            return await asyncio.shield(self._shared_read(endpoint))
        if known.age_seconds > AHEAD_SECONDS:
            self._shared_read(endpoint)
        return known

    async def read(self, endpoint: str) -> Route:
        """The same from a row that is asked for now, or later."""
        for _ in range(READS):
            asked_at = time.monotonic()
            record = await run_in_threadpool(self._database.endpoints.get, endpoint)
            self._known.pop(endpoint, None)  # what does not serve is never kept: it may at the next moment
            route = Route(endpoint, asked_at, self._serving(endpoint, record))
            if route.age_seconds <= ADDRESS_SECONDS:
                self._known[endpoint] = route
                break
        return route

    def _shared_read(self, endpoint: str) -> asyncio.Task[Route]:
        task = self._reading.get(endpoint)
        if task is None:
            task = self._reading[endpoint] = asyncio.create_task(self.read(endpoint))
            task.add_done_callback(lambda done: self._read_is_done(endpoint, done))
        return task

    def _read_is_done(self, endpoint: str, task: asyncio.Task[Route]) -> None:
        self._reading.pop(endpoint, None)
        if not task.cancelled():
            task.exception()  # whoever waits is told; one that was read ahead of need is asked for again

    def _serving(self, endpoint: str, record: EndpointRecord | None) -> tuple[Variant, ...]:
        if record is None:
            raise ValidationError(f"Endpoint {endpoint} of account {self._account} not found.")
        if record.status not in SERVING or not record.running:
            raise ValidationError(f"Endpoint {endpoint} is {record.status}, not InService.")
        return variants_of(record)


def drawn(route: Route, target: str | None, generator: random.Random) -> Variant:
    """The variant that answers: the one asked for by name, else one by weight; a weight of zero is never drawn.

    Raises ValidationError where there is none, ModelNotReadyException where its model is loaded again after a crash.
    """
    variant = _by_weight(route, generator) if target is None else _by_name(route, target)
    if variant.is_loading:
        raise ModelNotReadyException(
            f"Variant {variant.name} of endpoint {route.endpoint} was started again and loads its model. Try again."
        )
    return variant


def _by_name(route: Route, target: str) -> Variant:
    found = next((variant for variant in route.variants if variant.name == target), None)
    if found is None:
        served = ", ".join(variant.name for variant in route.variants)
        raise ValidationError(f"Variant {target} not found for endpoint {route.endpoint}: it has {served}.")
    return found


def _by_weight(route: Route, generator: random.Random) -> Variant:
    weighty = [variant for variant in route.variants if variant.weight > 0]
    if not weighty:
        raise ValidationError(f"No variant of endpoint {route.endpoint} has a weight: name one as TargetVariant.")
    if len(weighty) == 1:
        return weighty[0]
    return generator.choices(weighty, [variant.weight for variant in weighty])[0]
