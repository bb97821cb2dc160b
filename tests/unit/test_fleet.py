"""Mapping over items, here and in worker processes."""

import multiprocessing
import os
import signal
import time
from itertools import count, islice

import pytest

from monitor_jobs.contract.errors import BadInput, SextantError
from monitor_jobs.fleet import LocalFleet

FLEETS = pytest.mark.parametrize("fleet", [LocalFleet(1), LocalFleet(2)], ids=["here", "processes"])


def square(number: int) -> int:
    return number * number


def process_of(_: int) -> int:
    return os.getpid()


def process_of_slow_work(number: int) -> int:
    deadline = time.monotonic() + 0.05
    while time.monotonic() < deadline:
        pass
    return process_of(number)


def slow_at_first(number: int) -> int:
    if number == 0:
        process_of_slow_work(number)
    return number


def refuse_three(number: int) -> int:
    if number == 3:
        raise BadInput("three is refused: give another number")
    return number


def die_elsewhere(number: int) -> int:
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@FLEETS
def test_results_come_in_the_order_of_the_items(fleet):
    assert list(fleet.map(square, range(20))) == [number * number for number in range(20)]


@FLEETS
def test_no_items_give_no_results(fleet):
    assert list(fleet.map(square, [])) == []


@FLEETS
def test_an_error_keeps_its_class_and_names_its_item(fleet):
    with pytest.raises(BadInput, match="three is refused") as caught:
        list(fleet.map(refuse_three, range(6)))
    assert caught.value.__notes__ == ["while working on 3"]


@FLEETS
def test_results_before_an_error_are_handed_over(fleet):
    results = fleet.map(refuse_three, range(6))
    assert [next(results), next(results), next(results)] == [0, 1, 2]
    with pytest.raises(BadInput):
        next(results)


@FLEETS
def test_items_are_taken_as_results_are(fleet):
    assert list(islice(fleet.map(square, count()), 5)) == [0, 1, 4, 9, 16]


def test_one_worker_is_this_process():
    assert list(LocalFleet(1).map(process_of, [0])) == [os.getpid()]


def test_two_workers_are_this_process_and_another():
    workers = set(LocalFleet(2).map(process_of_slow_work, range(60)))
    assert (os.getpid() in workers, len(workers)) == (True, 2)


def test_this_process_does_not_run_far_ahead_of_a_slow_item():
    taken = []
    results = LocalFleet(2).map(slow_at_first, (taken.append(item) or item for item in range(1000)))
    assert (next(results), len(taken) < 20) == (0, True)


def test_a_killed_worker_is_an_error_and_not_a_silence():
    with pytest.raises(SextantError, match="one of 2 workers was killed"):
        list(LocalFleet(2).map(die_elsewhere, range(6)))
