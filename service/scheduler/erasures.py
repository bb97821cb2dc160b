"""Erasures that are not over: lines of that time may still be in a spool, or an index in a process.

What lives here: for which endpoints, and going on with each. What does not: erasing (monitor_jobs.erasure).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime

from monitor_jobs.contract.errors import Conflict, SextantError
from monitor_jobs.erasure import Variant, pending, resume
from monitor_jobs.object_store import ObjectStore
from service.core.deployment import EndpointSpec
from service.core.erasures import told_at
from service.core.ports import Database
from service.core.records import Query
from service.logs import EventLog

log = EventLog(__name__)


class Erasures:
    """Those of one installation; `alone` keeps others from erasing meanwhile, and raises Conflict where one does."""

    def __init__(
        self,
        *,
        database: Database,
        store: ObjectStore,
        key: Callable[[], bytes],
        alone: Callable[[], AbstractContextManager[None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._store = store
        self._key = key
        self._alone = alone
        self._clock = clock

    def go_on(self) -> None:
        """Go on with all of them; one that fails is logged, and gone on with the next time."""
        try:
            with self._alone():
                for variant in set(self._variants()):
                    self._go_on_with(variant)
        except Conflict:
            return  # a person is at it

    def _go_on_with(self, variant: Variant) -> None:
        try:
            for tombstone in pending(variant):
                told = resume(variant, tombstone, key=self._key(), now=self._clock())
                if told.done:
                    log.info(
                        "erasure_done",
                        endpoint=variant.endpoint,
                        tombstone=told.name,
                        lines=told.lines,
                        steps=told.tensor_steps,
                    )
        except SextantError as error:
            log.warning("erasure_waits", endpoint=variant.endpoint, error=str(error))

    def _variants(self) -> Iterator[Variant]:
        for record in self._database.endpoints.find(Query()):
            for process in record.processes:
                spec = EndpointSpec.model_validate(process["spec"])
                capture = spec.data_capture
                destination = told_at(capture.destination_s3_uri if capture else None, spec.environment)
                if destination is not None:
                    yield Variant(self._store, destination, spec.endpoint, spec.variant)
