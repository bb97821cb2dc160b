"""When chores are done: as often as they say, one at a time, in their own threads."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from service.scheduler.chores import Chore, Chores
from service.scheduler.places import Places
from tests.integration.scheduling import NOON, Clock
from tests.wait import wait_until

MINUTE = timedelta(minutes=1)


@pytest.fixture
def executor():
    with ThreadPoolExecutor(1) as executor:
        yield executor


def done_after(chores, clock, *seconds):
    for passed in seconds:
        clock.go(seconds=passed)
        chores.attend()
        wait_until(lambda: chores._places.free, timeout_seconds=10, what="the chore's end")


def test_a_chore_is_done_at_once_and_then_as_often_as_it_says(executor):
    clock, times = Clock(), []
    chores = Chores([Chore("sweep", MINUTE, lambda: times.append(clock()))], Places(executor, 1), clock)
    done_after(chores, clock, 0, 59, 1, 61, 1)
    assert [moment - NOON for moment in times] == [timedelta(0), MINUTE, timedelta(seconds=121)]


def test_a_clock_that_was_set_back_holds_no_chore_up(executor):
    clock, times = Clock(), []
    chores = Chores([Chore("sweep", MINUTE, lambda: times.append(1))], Places(executor, 1), clock)
    done_after(chores, clock, 0, -3600)
    assert len(times) == 2


def test_chores_take_turns(executor):
    clock, order = Clock(), []
    each = [Chore(name, MINUTE, lambda name=name: order.append(name)) for name in ("first", "second")]
    done_after(Chores(each, Places(executor, 1), clock), clock, 0, 0, 60, 0)
    assert order == ["first", "second", "first", "second"]


def test_a_chore_that_goes_on_is_not_begun_again_and_holds_up_no_tick(executor):
    clock, go_on, times = Clock(), threading.Event(), []
    chores = Chores([Chore("long", MINUTE, lambda: times.append(go_on.wait(10)))], Places(executor, 1), clock)
    chores.attend()
    clock.go(minutes=5)
    chores.attend()
    go_on.set()
    executor.shutdown()
    assert times == [True]


def test_a_chore_that_fails_is_done_again(executor):
    clock, times = Clock(), []

    def fail() -> None:
        times.append(1)
        raise OSError("no store")

    done_after(Chores([Chore("fail", MINUTE, fail)], Places(executor, 1), clock), clock, 0, 60)
    assert len(times) == 2
