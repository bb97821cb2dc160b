"""The pages of metrics that the workers of one endpoint write for each other, and what the dead have left in them.

What lives here: files in a folder of the endpoint's own, one a worker, each replaced as a whole; a worker that is
killed leaves its last. The supervisor adds that to those of all who died before, so that no count ever goes back. What
does not: what a page says (pages).

A worker writes its page every half second, and before it shows anybody the sum: what was shown once is never forgotten.
"""

import json
import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from monitor_jobs.object_store.whole_file import whole_file
from service.endpoint.workers.pages import Page, exposition, from_json, lasting, merged, page_of, to_json
from service.endpoint.workers.seats import Seat

PUBLISH_SECONDS: Final = 0.5
ENDED: Final = "ended.json"
_PAGE_NAME = re.compile(r"page-(?P<number>\d+)-(?P<generation>\d+)\.json")


class Published:
    """The pages below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, seat: Seat, page: Page) -> None:
        """Put a worker's page in the place of its last one."""
        _replace(self._path_of(seat), to_json(page))

    def sum(self) -> Page:
        """The pages of all workers, the dead included."""
        # The living first: whoever is added to the dead meanwhile is in both, and told so by the later one.
        living = {seat: page for seat in self._seats() if (page := self._read(seat)) is not None}
        generations, ended = self._ended()
        alive = [page for seat, page in living.items() if seat.generation >= generations.get(seat.number, 0)]
        return merged([*alive, ended])

    def bury(self, seat: Seat) -> None:
        """Add the page of a worker that is no more to those of the dead. By the supervisor alone."""
        page = self._read(seat) or {}
        generations, ended = self._ended()
        told = [[number, after] for number, after in {**generations, seat.number: seat.generation + 1}.items()]
        _replace(self._folder / ENDED, json.dumps([told, to_json(merged([ended, lasting(page)]))]))
        self._path_of(seat).unlink(missing_ok=True)

    def _path_of(self, seat: Seat) -> Path:
        return self._folder / f"page-{seat.number}-{seat.generation}.json"

    def _seats(self) -> list[Seat]:
        matches = (_PAGE_NAME.fullmatch(path.name) for path in self._folder.iterdir())
        return sorted(
            (Seat(int(match["number"]), int(match["generation"])) for match in matches if match),
            key=lambda seat: (seat.number, seat.generation),
        )

    def _read(self, seat: Seat) -> Page | None:
        try:
            return from_json(self._path_of(seat).read_text())
        except FileNotFoundError:
            return None

    def _ended(self) -> tuple[dict[int, int], Page]:
        """From which generation on each seat's pages are no part of this one, and what all those before have left."""
        try:
            generations, page = json.loads((self._folder / ENDED).read_text())
        except FileNotFoundError:
            return {}, {}
        return dict(generations), from_json(page)


class SharedMetrics:
    """One worker's metrics, told to the others; `start` once, and `publish` a last time in the end."""

    def __init__(self, registry: CollectorRegistry, published: Published, seat: Seat) -> None:
        self._registry = registry
        self._published = published
        self._seat = seat
        self._turn = threading.Lock()  # or an older page could take the place of one that was shown

    def start(self) -> None:
        """Write the page every half second from now on."""
        threading.Thread(target=self._run, name="metrics", daemon=True).start()

    def publish(self) -> None:
        """Write the page as it is now."""
        with self._turn:
            self._published.write(self._seat, page_of(self._registry))

    def exposition(self) -> bytes:
        """The sum over all workers, of this one as it is now, as Prometheus scrapes it."""
        self.publish()
        return exposition(self._published.sum())

    def _run(self) -> None:
        paused = threading.Event()
        while not paused.wait(PUBLISH_SECONDS):
            with suppress(OSError):  # a full disk: the page that is there is older, and the next scrape fails aloud
                self.publish()


def _replace(path: Path, text: str) -> None:
    with whole_file(path) as file:
        file.write(text.encode())
