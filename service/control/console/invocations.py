"""How many requests each variant has answered, asked of its process as Prometheus asks it.

What lives here: asking, in little time and with little patience. What does not: what is counted (service.metrics).
"""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from monitor_jobs.contract.errors import SextantError
from service.control.gateway.connections import Answer, Connections
from service.core.records import EndpointRecord
from service.core.variants import Variant, variants_of
from service.metrics import Metric

PATIENCE_SECONDS: Final = 1.0  # for all processes together: a page without a number is better than none
MOST_BYTES: Final = 2 * 2**20
SAMPLE: Final = re.compile(
    rb"^" + Metric.INVOCATIONS.encode() + rb'\{[^}]*code="(\d{3})"[^}]*\} (\d{1,18}(?:\.\d+)?(?:e\+\d\d)?)$',
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Answered:
    """Requests that one process has answered since its start, and those of them with an error."""

    requests: int
    errors: int


Counts = dict[tuple[str, str], Answered]


class InvocationCounts:
    """Asks endpoint processes."""

    def __init__(self, endpoint_token: str) -> None:
        self._connections = Connections()
        self._authorization = b"authorization: Bearer " + endpoint_token.encode()

    def close(self) -> None:
        """End the connections to processes."""
        self._connections.close()

    async def of(self, endpoints: Iterable[EndpointRecord]) -> Counts:
        """Counts by endpoint and variant; of processes that do not answer in time there are none."""
        asked = {
            (endpoint.name, variant.name): asyncio.create_task(self._asked(variant))
            for endpoint in endpoints
            for variant in variants_of(endpoint)
        }
        if not asked:
            return {}
        _, late = await asyncio.wait(asked.values(), timeout=PATIENCE_SECONDS)
        for task in late:
            task.cancel()
        answers = {key: task.result() for key, task in asked.items() if task not in late}
        return {key: counted for key, counted in answers.items() if counted is not None}

    async def _asked(self, variant: Variant) -> Answered | None:
        host = variant.address.removeprefix("http://").encode()
        request = b"\r\n".join([b"GET /metrics HTTP/1.1", b"host: " + host, self._authorization, b"", b""])
        try:
            async with self._connections.to(variant.address) as connection:
                answer = connection.ask([request], within_seconds=PATIENCE_SECONDS)
                await answer.head()
                return counted(await _begin(answer)) if answer.status == 200 else None
        except SextantError:
            return None


def counted(exported: bytes) -> Answered:
    """The invocations in what a process exports; it says nothing of any before the first."""
    samples = [(int(code), int(float(value))) for code, value in SAMPLE.findall(exported)]
    errors = sum(count for code, count in samples if code >= 400)
    return Answered(sum(count for _, count in samples), errors)


async def _begin(answer: Answer) -> bytes:
    parts, size = [], 0
    async for part in answer.parts():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            break
    return b"".join(parts)
