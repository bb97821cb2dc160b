"""What workers of one endpoint are told, what they make of each other's numbers, and how a connection changes hands."""

import math
import os
import socket
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from monitor_jobs.contract.errors import BadInput
from service.endpoint.workers.count import share_cores, workers_of
from service.endpoint.workers.dealing import channel, deal
from service.endpoint.workers.pages import Page, exposition, from_json, lasting, merged, page_of, to_json
from service.endpoint.workers.published import Published
from service.endpoint.workers.seats import Seat, Seats, SeatState
from service.endpoint.workers.supervisor import pause_seconds
from service.metrics import Metric, counter, gauge, histogram

VARIABLE = "SAGEMAKER_MODEL_SERVER_WORKERS"
SERVING = {"endpoint": "signs", "variant": "AllTraffic"}


@pytest.mark.parametrize(("environment", "workers"), [({}, 1), ({VARIABLE: "1"}, 1), ({VARIABLE: "64"}, 64)])
def test_a_model_says_how_many_workers_it_gets(environment: dict[str, str], workers: int) -> None:
    assert workers_of(environment) == workers


@pytest.mark.parametrize("asked_for", ["0", "65", "-1", "1.5", "two", "", " 2", "\u0662"])
def test_a_number_that_is_none_is_refused_with_its_value(asked_for: str) -> None:
    with pytest.raises(BadInput, match=f"{VARIABLE} is {asked_for!r}: it is a number from 1 to 64"):
        workers_of({VARIABLE: asked_for})


@pytest.mark.parametrize(("workers", "cores", "threads"), [(2, 8, "4"), (3, 8, "2"), (4, 2, "1")])
def test_each_worker_gets_its_share_of_the_cores_and_at_least_one(workers: int, cores: int, threads: str) -> None:
    environment: dict[str, str] = {}
    share_cores(environment, workers=workers, cores=cores)
    assert environment == {"OMP_NUM_THREADS": threads}


def test_who_says_how_many_threads_gets_them() -> None:
    environment = {"OMP_NUM_THREADS": "3"}
    share_cores(environment, workers=2, cores=64)
    assert environment == {"OMP_NUM_THREADS": "3"}


def test_a_seat_stays_empty_ever_longer_and_never_long() -> None:
    assert [pause_seconds(deaths) for deaths in (1, 2, 3, 6, 7, 1000)] == [0.5, 1.0, 2.0, 16.0, 30.0, 30.0]


@pytest.mark.parametrize(
    ("states", "ready"),
    [
        ([SeatState.READY, SeatState.READY], True),
        ([SeatState.READY, SeatState.REPLACED], True),
        ([SeatState.READY, SeatState.LOADING], False),
        ([SeatState.READY, SeatState.STUCK], False),
        ([SeatState.DRAINING, SeatState.READY], False),
    ],
)
def test_seats_are_ready_once_all_were_and_while_none_is_stuck_or_ends(states: list[SeatState], ready: bool) -> None:
    seats = Seats(2)
    for number, state in enumerate(states):
        seats.put_state(number, state)
    assert seats.ready is ready


def test_what_a_forked_process_tells_its_seat_the_other_sees() -> None:
    seats = Seats(2)
    pid = os.fork()
    if pid == 0:
        seats.put_state(1, SeatState.READY)
        seats.put_ended(1, 2**40)
        os._exit(0)
    os.waitpid(pid, 0)
    assert [(seats.state(number), seats.ended(number)) for number in (0, 1)] == [
        (SeatState.LOADING, 0),
        (SeatState.READY, 2**40),
    ]


def of_a_worker(*, answered: int, backlog: int = 0, age: float = 0) -> CollectorRegistry:
    """The metrics of a worker that has answered so often, and of whose captures so many wait."""
    registry = CollectorRegistry()
    counter(Metric.INVOCATIONS, registry).labels(**SERVING, code="200").inc(answered)
    counter(Metric.LEFT, registry).labels(**SERVING)
    seconds = histogram(Metric.INVOCATION_SECONDS, registry).labels(**SERVING)
    for _ in range(answered):
        seconds.observe(0.02)
    gauge(Metric.BACKLOG_RECORDS, registry).labels(**SERVING).set(backlog)
    gauge(Metric.BACKLOG_AGE, registry).labels(**SERVING).set(age)
    gauge(Metric.SPOOL_CAPACITY, registry).labels(**SERVING).set(100)
    return registry


def value(page: Page, name: str, **labels: str) -> float:
    """The one sample of that name, and of these labels among others."""
    (found,) = (
        number
        for values in page.values()
        for (sample, pairs), number in values.samples.items()
        if sample == name and labels.items() <= dict(pairs).items()
    )
    return found


def test_pages_add_up_and_what_workers_have_in_common_is_taken_once() -> None:
    both = merged(
        page_of(of_a_worker(answered=answered, backlog=backlog, age=age))
        for answered, backlog, age in ((3, 2, 7.5), (4, 1, 0.5))
    )
    assert value(both, "sextant_invocations_total") == 7
    assert value(both, "sextant_invocation_duration_seconds_count") == 7
    assert value(both, "sextant_invocation_duration_seconds_bucket", le="0.01") == 0
    assert value(both, "sextant_invocation_duration_seconds_bucket", le="+Inf") == 7
    assert value(both, "sextant_capture_backlog_records") == 3
    assert value(both, "sextant_capture_oldest_backlog_age_seconds") == 7.5
    assert value(both, "sextant_capture_spool_capacity_bytes") == 100


def test_a_label_that_one_worker_alone_has_is_kept() -> None:
    one, other = (CollectorRegistry() for _ in range(2))
    counter(Metric.INVOCATIONS, one).labels(**SERVING, code="200").inc(3)
    counter(Metric.INVOCATIONS, other).labels(**SERVING, code="503").inc(2)
    both = merged(map(page_of, (one, other)))
    found = [value(both, "sextant_invocations_total", code=code) for code in ("200", "503")]
    assert found == [3, 2]


def test_a_page_is_shown_as_prometheus_client_shows_its_registry() -> None:
    registry = of_a_worker(answered=3, backlog=2)
    assert exposition(from_json(to_json(page_of(registry)))) == generate_latest(registry)


def test_numbers_that_json_does_not_know_are_kept() -> None:
    registry = CollectorRegistry()
    histogram(Metric.CONFIDENCE, registry).labels(**SERVING).observe(math.inf)
    gauge(Metric.BACKLOG_AGE, registry).labels(**SERVING).set(math.nan)
    page = from_json(to_json(page_of(registry)))
    assert value(page, "sextant_prediction_confidence_ratio_sum") == math.inf
    assert math.isnan(value(page, "sextant_capture_oldest_backlog_age_seconds"))


def test_of_the_dead_counts_stay_and_what_they_had_not_delivered_is_left_to_others() -> None:
    page = lasting(page_of(of_a_worker(answered=3, backlog=2, age=7)))
    assert value(page, "sextant_invocations_total") == 3
    assert value(page, "sextant_capture_left_records_total") == 2
    assert not [values for values in page.values() if values.kind == "gauge"]


def test_a_worker_without_captures_leaves_none() -> None:
    registry = CollectorRegistry()
    counter(Metric.INVOCATIONS, registry).labels(**SERVING, code="200").inc()
    assert lasting(page_of(registry)) == page_of(registry)


def test_counts_of_all_who_ever_had_a_seat_are_in_the_sum(tmp_path: Path) -> None:
    published = Published(tmp_path)
    for generation in range(3):
        published.write(Seat(0, generation), page_of(of_a_worker(answered=10, backlog=1)))
        published.bury(Seat(0, generation))
    published.write(Seat(0, 3), page_of(of_a_worker(answered=1, backlog=5)))
    published.write(Seat(1, 0), page_of(of_a_worker(answered=2)))
    whole = published.sum()
    assert value(whole, "sextant_invocations_total") == 33
    assert value(whole, "sextant_capture_backlog_records") == 5
    assert value(whole, "sextant_capture_left_records_total") == 3


def test_who_is_buried_while_the_sum_is_made_counts_once(tmp_path: Path) -> None:
    published = Published(tmp_path)
    page = page_of(of_a_worker(answered=10))
    published.write(Seat(0, 0), page)
    published.bury(Seat(0, 0))
    published.write(Seat(0, 0), page)  # as whoever read it before sees it
    assert value(published.sum(), "sextant_invocations_total") == 10


def test_who_dies_before_it_wrote_a_page_has_nothing_to_leave(tmp_path: Path) -> None:
    published = Published(tmp_path)
    published.write(Seat(1, 0), page_of(of_a_worker(answered=2)))
    published.bury(Seat(0, 0))
    assert value(published.sum(), "sextant_invocations_total") == 2


def test_a_connection_that_is_dealt_answers_in_the_name_of_who_accepted_it() -> None:
    caller, accepted = socket.socketpair()
    dealer, worker = channel()
    with closing(caller), closing(dealer), closing(worker):
        assert deal(dealer, accepted)
        assert accepted.fileno() == -1
        _, (descriptor,), _, _ = socket.recv_fds(worker, 1, 1)
        with socket.socket(fileno=descriptor) as dealt:
            dealt.sendall(b"here")
        assert caller.recv(10) == b"here"


def test_a_worker_that_takes_nothing_is_dealt_no_more() -> None:
    dealer, worker = channel()
    with ExitStack() as until_the_end:
        for one in (dealer, worker):
            until_the_end.enter_context(closing(one))
        dealt = 0
        while dealt < 10_000:
            _caller, accepted = (until_the_end.enter_context(closing(one)) for one in socket.socketpair())
            if not deal(dealer, accepted):
                break
            dealt += 1
        assert 100 < dealt < 10_000
        assert accepted.fileno() != -1  # it is still here, for another one
