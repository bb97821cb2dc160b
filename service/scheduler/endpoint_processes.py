"""The processes of endpoints, as rows keep them: variant, handle, spec.

What lives here: starting them, looking at them, and seeing to their end without waiting for it. What does not: which
of them an endpoint should have (endpoints), how a process is run (behind ports.EndpointHost).
"""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from pathlib import Path

from service.core.deployment import EndpointSpec
from service.core.ports import EndpointHost
from service.core.records import Json
from service.logs import EventLog

log = EventLog(__name__)


class EndpointProcesses:
    """One scheduler's hold on the processes of all endpoints; `executor` waits for those that end."""

    def __init__(self, host: EndpointHost, folder: Path, executor: Executor) -> None:
        self._host = host
        self._folder = folder
        self._executor = executor
        self._ending: dict[str, Future[None]] = {}

    def start(self, spec: EndpointSpec) -> Json:
        """A process that was started a moment ago; no row knows of it yet."""
        handle = self._host.start(spec, folder=self._folder / spec.endpoint / spec.variant)
        log.info("endpoint_started", endpoint=spec.endpoint, address=handle["address"])
        return {"variant": spec.variant, "handle": handle, "spec": spec.model_dump(mode="json")}

    def lives(self, process: Json) -> bool:
        """True while it lives."""
        return self._host.running(process["handle"])

    def is_ready(self, process: Json) -> bool:
        """True when its /ping answers 200."""
        return self._host.ready(process["handle"])

    def are_ready(self, processes: list[Json]) -> bool:
        """True when all of them are."""
        return all(map(self.is_ready, processes))

    def why_one_ended(self, processes: list[Json]) -> str | None:
        """Why one of them ended, with its variant's name where there are several; None while all live."""
        ended = next((process for process in processes if not self.lives(process)), None)
        if ended is None:
            return None
        words = self.last_words(ended)
        return words if len(processes) == 1 else f"variant {ended['variant']}: {words}"

    def last_words(self, process: Json) -> str:
        """Why it ended, where it said so."""
        return self._host.last_words(process["handle"]) or "its process ended without a word: see the scheduler's log"

    def stop(self, process: Json) -> None:
        """Drain, flush and end it, with all that it forked, and wait for that."""
        self._host.stop(process["handle"])

    def stop_all(self, processes: Iterable[Json]) -> None:
        """The same for many at once."""
        for stopped in [self._executor.submit(self.stop, process) for process in processes]:
            stopped.result()

    def end(self, process: Json) -> None:
        """The same for one that may take its time; nobody waits."""
        self._executor.submit(self.stop, process)

    def is_gone(self, process: Json) -> bool:
        """See to its end, at the first call, and tell whether it has come. Raises what kept it from ending."""
        key = json.dumps(process["handle"], sort_keys=True)
        ending = self._ending.get(key)
        if ending is None:
            self._ending[key] = self._executor.submit(self.stop, process)
            return False
        if not ending.done():
            return False
        del self._ending[key]
        ending.result()
        return True

    def end_strays(self, known: Callable[[], Iterable[Json]]) -> None:
        """End what a scheduler that was killed had started and could not note any more."""
        strays = self._host.strays(self._folder)
        noted = [process["handle"] for process in known()]  # asked for once nothing can be added to the strays
        for stray in strays:
            if not any(stray.items() <= handle.items() for handle in noted):
                log.warning("endpoint_process_unknown", pid=stray["pid"])
                self._executor.submit(self._host.stop, stray)
