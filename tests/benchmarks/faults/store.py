"""What endpoints do while their object store misbehaves in every way it knows, and once it has healed.

What lives here: endpoints under load on a store that fails for a while, and requests to two endpoints in turn of which
one has lost its store. What does not: the store (tests.servers.faulty_store), the endpoints and their callers
(tests.servers.capture_campaign). The control believes every 200 of a store that keeps half of what it is sent.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import psutil

from monitor_jobs.object_store import ObjectStore
from service.core.deployment import EndpointSpec
from service.endpoint.capture import start_capture
from service.endpoint.ports import CaptureSink
from service.endpoint.recovery import entries_in
from service.endpoint.segment import State
from tests.benchmarks.figures import SEED, Figure
from tests.endpoint_token import AUTHORIZED
from tests.integration.capture_spool import CAPTURES, spec_of, started
from tests.servers.capture_campaign import CALLERS, Acknowledged, Living, furnish, living_endpoint, load_on
from tests.servers.faulty_store import FaultyStore, Mode, Trusting, connected, faulty_store
from tests.servers.s3_server import S3Server
from tests.wait import wait_until

PATIENCE = 180
BODY = json.dumps([0.5] * 800).encode()
WARM_UP_PAIRS = 200
BLOCK_PAIRS = 100  # noise comes in bursts: neighbours are drawn together
RESAMPLES = 1000
EVERY_FAULT = tuple(mode for mode in Mode if mode is not Mode.OK)
SOME_FAULTS = (Mode.REFUSED, Mode.CORRUPTING, Mode.DROPPING)
OUTAGES = (Mode.REFUSED, Mode.HUNG)


@dataclass(frozen=True)
class Size:
    """How stores misbehave and how long, and how they and their endpoints are set meanwhile."""

    faults: tuple[Mode, ...]
    fault_seconds: float
    slow_seconds: float
    read_timeout_seconds: float
    flush_seconds: float


# As the product is set where nobody sets anything, and in a hurry.
FULL = Size(EVERY_FAULT, fault_seconds=90, slow_seconds=5, read_timeout_seconds=10, flush_seconds=60)
QUICK = Size(SOME_FAULTS, fault_seconds=1.2, slow_seconds=0.2, read_timeout_seconds=0.5, flush_seconds=1)
PAIRS = 60_000


@dataclass(frozen=True)
class Endured:
    """What became of one fault."""

    mode: Mode
    acked: int
    failed: int
    lost: int
    duplicates: int
    grown_mib: float
    resumed_seconds: float

    def __str__(self) -> str:
        return f"{self.mode} {self.acked}"


def verifying_capture(server: S3Server, size: Size, spec: EndpointSpec, _folder: Path) -> CaptureSink:
    """What endpoints capture with, to an S3 server."""
    return _captured_to(connected(server, read_timeout_seconds=size.read_timeout_seconds), size, spec)


def trusting_capture(server: S3Server, size: Size, spec: EndpointSpec, _folder: Path) -> CaptureSink:
    """The same, where the server's word is taken."""
    return _captured_to(Trusting(connected(server)), size, spec)


OpenOn = Callable[[S3Server, Size, EndpointSpec, Path], CaptureSink]


def endured(folder: Path, mode: Mode, size: Size, open_capture: OpenOn = verifying_capture) -> Endured:
    """One endpoint under load: its store behaves, misbehaves for a while, and is healed; then what the store holds."""
    acknowledged = Acknowledged()
    with serving(folder, size, open_capture) as (store, endpoint):
        truth = store.connected()
        with load_on(endpoint.port, mode, acknowledged):
            wait_until(partial(holds_captures, truth), timeout_seconds=PATIENCE, what="the first records in the store")
            store.switch(mode)
            resident_mib = resident_mib_of(endpoint)
            time.sleep(size.fault_seconds)
            grown_mib = peak_mib_of(endpoint) - resident_mib
            store.switch(Mode.OK)
            resumed_seconds = seconds_until_delivered(folder)
            wait_until(partial(all_call, acknowledged, len(acknowledged.ok)), timeout_seconds=PATIENCE, what="callers")
        endpoint.process.kill()
        drain(folder, truth)
        lost, twice = compared(acknowledged.ok, truth)
    return Endured(mode, len(acknowledged.ok), len(acknowledged.failed), lost, twice, grown_mib, resumed_seconds)


@contextmanager
def serving(folder: Path, size: Size, open_capture: OpenOn) -> Iterator[tuple[FaultyStore, Living]]:
    """A store, and an endpoint that captures to it."""
    folder.mkdir(parents=True)
    furnish(folder)
    with (
        faulty_store(slow_seconds=size.slow_seconds) as store,
        living_endpoint(folder, partial(open_capture, store.server, size)) as endpoint,
    ):
        yield store, endpoint


def seconds_until_delivered(folder: Path) -> float:
    """How long until a segment that waits now is in the store, and so gone from the spool; 0 where none waits."""
    healed_at = time.monotonic()
    waiting = [entry.path for entry in entries_in(folder / "spool") if entry.state is State.SEALED]
    wait_until(
        lambda: not all(path.exists() for path in waiting) or not waiting, timeout_seconds=PATIENCE, what="delivery"
    )
    return time.monotonic() - healed_at


def resident_mib_of(endpoint: Living) -> float:
    """What the endpoint holds in memory now."""
    return psutil.Process(endpoint.process.pid).memory_info().rss / 2**20


def peak_mib_of(endpoint: Living) -> float:
    """The most that the endpoint ever held in memory."""
    lines = Path(f"/proc/{endpoint.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM"))


def holds_captures(store: ObjectStore) -> bool:
    """Whether a first segment has arrived."""
    return any(True for _ in store.list(CAPTURES))


def all_call(acknowledged: Acknowledged, since: int) -> bool:
    """Whether every caller was answered again: none has lost its connection."""
    return len({inference_id.rpartition("-")[0] for inference_id in acknowledged.ok[since:]}) == CALLERS


def drain(folder: Path, store: ObjectStore) -> None:
    """Let the next start deliver what is still in the spool."""
    capture = started(spec_of(folder), store)
    wait_until(lambda: not entries_in(folder / "spool"), timeout_seconds=PATIENCE, what="an empty spool")
    capture.close()


def compared(acked: Iterable[str], store: ObjectStore) -> tuple[int, int]:
    """How many acknowledged records the store does not hold, and how many it holds too often."""
    lines = (line for found in store.list(CAPTURES) for line in store.get(found.address).splitlines())
    metadata = [record["eventMetadata"] for record in map(_record, lines) if record]
    stored = Counter(each["inferenceId"] for each in metadata)
    events = Counter(each["eventId"] for each in metadata)
    twice = max(sum(times - 1 for times in counted.values()) for counted in (stored, events))
    return len(set(acked) - stored.keys()), twice


@dataclass(frozen=True)
class Slowdown:
    """Milliseconds of pairs of requests: to the endpoint whose store is down, and to the one whose store answers."""

    down_ms: np.ndarray
    up_ms: np.ndarray
    grown_mib: float  # of the endpoint whose store is down

    @property
    def ratio(self) -> float:
        """p99 over p99."""
        return p99_ratio(self.down_ms, self.up_ms)

    @property
    def at_most(self) -> float:
        """The upper end of the 95 % bootstrap interval of the ratio; blocks of neighbouring pairs drawn together."""
        blocks = np.arange(len(self.down_ms) // BLOCK_PAIRS * BLOCK_PAIRS).reshape(-1, BLOCK_PAIRS)
        generator = np.random.default_rng(SEED)
        draws = (generator.choice(blocks, len(blocks)).ravel() for _ in range(RESAMPLES))
        return float(np.quantile([p99_ratio(self.down_ms[draw], self.up_ms[draw]) for draw in draws], 0.975))

    def __str__(self) -> str:
        p99 = f"p99 {np.quantile(self.down_ms, 0.99):.2f} over {np.quantile(self.up_ms, 0.99):.2f} ms"
        return f"{p99} = {self.ratio:.3f}, at most {self.at_most:.3f}"


def p99_ratio(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The 99th percentile of the one over that of the other."""
    return float(np.quantile(ours, 0.99) / np.quantile(theirs, 0.99))


def slowdown(folder: Path, mode: Mode, pairs: int) -> Slowdown:
    """Two endpoints alive at once, asked one by one in random order; before that both stores had answered."""
    size = replace(FULL, flush_seconds=QUICK.flush_seconds)
    with (
        serving(folder / "down", size, verifying_capture) as (store, down),
        serving(folder / "up", size, verifying_capture) as (_, up),
    ):
        ask_both = [caller(down.port), caller(up.port)]
        in_turn(ask_both, WARM_UP_PAIRS)
        store.switch(mode)
        resident_mib = resident_mib_of(down)
        milliseconds = in_turn(ask_both, pairs)
        grown_mib = peak_mib_of(down) - resident_mib
        assert down.process.is_alive()
        assert "capture_not_uploaded" in (folder / "down/log").read_text(), "the store was not missed"
    return Slowdown(milliseconds[:, 0], milliseconds[:, 1], grown_mib)


def in_turn(asks: list[Callable[[], None]], rounds: int) -> np.ndarray:
    """Milliseconds [rounds, asks]; who goes first is drawn anew each round."""
    milliseconds = np.empty((rounds, len(asks)))
    for taken in milliseconds:
        for number in random.sample(range(len(asks)), len(asks)):
            began = time.perf_counter()
            asks[number]()
            taken[number] = (time.perf_counter() - began) * 1e3
    return milliseconds


def caller(port: int) -> Callable[[], None]:
    """One request on a kept connection; raises AssertionError where it is not answered with 200."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def ask() -> None:
        connection.request("POST", "/invoke", BODY, {**AUTHORIZED, "Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        assert response.status == HTTPStatus.OK, response.status

    return ask


def measure(folder: Path, *, quick: bool) -> dict[str, Figure]:
    """Every figure; all kinds of fault are tried at once. The ratio has no short form: its tail needs the requests."""
    size = QUICK if quick else FULL
    control = partial(endured, folder / "control", Mode.TRUNCATED, size, trusting_capture)
    with ThreadPoolExecutor() as at_once:
        believed = at_once.submit(control)
        tried = list(at_once.map(lambda mode: endured(folder / mode, mode, size), size.faults))
    pairs = {} if quick else {mode: slowdown(folder / f"pair-{mode}", mode, PAIRS) for mode in OUTAGES}
    figures = figures_of(tried, believed.result(), size) | {"store_down_rss_mb": memory_of(tried, pairs)}
    return figures | ({"store_down_p99_ratio": ratio_of(pairs)} if pairs else {})


def figures_of(tried: list[Endured], control: Endured, size: Size) -> dict[str, Figure]:
    """The figures of the faults; the worst kind where they are not counted together."""
    acked = f"acknowledged, each kind {size.fault_seconds:g} s: {', '.join(map(str, tried))}"
    slowest = max(tried, key=lambda one: one.resumed_seconds)
    taken = f"every 200 believed, {control.lost} of {control.acked} acknowledged"
    return {
        "store_down_failed_inferences": Figure(sum(one.failed for one in tried), "requests", "<= 0", acked),
        "store_resumed_seconds": Figure(
            slowest.resumed_seconds, "s", "<= 30", f"after healing, worst of all kinds: {slowest.mode}"
        ),
        "store_faults_lost": Figure(sum(one.lost for one in tried), "records", "<= 0", acked),
        "store_faults_duplicates": Figure(sum(one.duplicates for one in tried), "records", "<= 0", acked),
        "store_control_lost": Figure(control.lost, "records", ">= 1", taken),
    }


def memory_of(tried: list[Endured], slowdowns: dict[Mode, Slowdown]) -> Figure:
    """The most that any endpoint's memory grew while its store misbehaved."""
    grown = [(one.grown_mib, f"{one.mode}, small records") for one in tried]
    grown += [(pair.grown_mib, f"{mode}, {PAIRS} records of {len(BODY)} bytes") for mode, pair in slowdowns.items()]
    most, where = max(grown)
    return Figure(most, "MiB", "<= 64", f"peak over what it was before, worst of all: {where}")


def ratio_of(slowdowns: dict[Mode, Slowdown]) -> Figure:
    """The end of the 95 % interval that is worse for us, of the worse kind of outage."""
    worst = max(pair.at_most for pair in slowdowns.values())
    told = "; ".join(f"{mode}: {pair}" for mode, pair in slowdowns.items())
    return Figure(worst, "times", "<= 1.10", f"95 % upper bound, {PAIRS} interleaved pairs of each; {told}")


def _captured_to(store: ObjectStore, size: Size, spec: EndpointSpec) -> CaptureSink:
    unhurried = spec.model_copy(update={"flush_interval_seconds": size.flush_seconds})
    return start_capture(unhurried, store, clock=lambda: datetime.now(UTC), generator=random.SystemRandom())


def _record(line: bytes) -> dict | None:
    try:
        return json.loads(line)
    except ValueError:
        return None  # half of one
