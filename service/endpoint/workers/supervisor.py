"""The process that stands before the workers of one endpoint: accepts connections, deals them out, replaces who dies.

What lives here: the life of the workers, from fork to burial. What does not: what a worker does
(service.endpoint.process hands it in), how a connection changes hands (dealing).

It has one thread and loads no model, so that it can fork at any time. Until all workers have been ready once, the end
of one is the endpoint's: whoever starts an endpoint wants to know that its model does not load.
"""

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from types import FrameType
from typing import Final

import numpy as np

from service.endpoint.workers.dealing import channel, deal
from service.endpoint.workers.published import Published
from service.endpoint.workers.seats import Seat, Seats, SeatState
from service.logs import EventLog
from service.parent_death import die_with

POLL_SECONDS: Final = 0.1
AT_ONCE: Final = 64  # connections that are accepted before the supervisor looks up
PATIENCE_SECONDS: Final = 29.5  # a worker ends within 29 s of SIGTERM, and this process is killed after 30
REMINDER_SECONDS: Final = 1.0  # a SIGTERM can come when its process has no ear for it
PAUSE_FLOOR_SECONDS: Final = 0.5
PAUSE_CEILING_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0  # who lived as long did not die of how it began
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

Work = Callable[[Seat, socket.socket], int]  # a worker's life, in its own process; its exit code

log = EventLog("sextant.endpoint")


def pause_seconds(deaths: int) -> float:
    """How long a seat stays empty after so many deaths in a row, 1 or more: 0.5 s, doubled each time, 30 s at most."""
    return min(PAUSE_CEILING_SECONDS, PAUSE_FLOOR_SECONDS * 2.0 ** (min(deaths, 16) - 1))


@dataclass(slots=True)
class _Worker:
    """Whoever has a seat now, and how many connections it was dealt."""

    seat: Seat
    pid: int
    dealer: socket.socket
    deaths_before: int
    started_at: float
    dealt: int = 0


@dataclass(frozen=True, slots=True)
class _Vacancy:
    """A seat that is to be taken again, at a time."""

    seat: Seat
    deaths: int
    due_at: float


class Supervisor:
    """`run` once, in the main thread of a process that has no other."""

    def __init__(self, listener: socket.socket, seats: Seats, published: Published, work: Work) -> None:
        self._listener = listener
        self._seats = seats
        self._published = published
        self._work = work
        self._workers: list[_Worker] = []
        self._vacancies: list[_Vacancy] = []
        self._unburied: list[Seat] = []
        self._undealt: socket.socket | None = None
        self._was_ready = False
        self._stopping = False
        self._turn = 0  # whose it is among workers that have equally many connections
        self._looked_at = 0.0

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT: 0 then. Else the exit code of a worker that ended before all were ready."""
        for number in SIGNALS:
            signal.signal(number, self._stop)
        self._listener.settimeout(0)
        for place in range(self._seats.count):
            self._start(Seat(place, 0), deaths=0)
        failed: int | None = None
        while not self._stopping and failed is None:
            self._deal_what_comes()
            if time.monotonic() - self._looked_at >= POLL_SECONDS:
                failed = self._look_after_workers()
        self._end()
        return failed or 0

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _deal_what_comes(self) -> None:
        """Accept and deal connections, or return after a while without any."""
        if self._undealt is not None:
            if not self._deal(self._undealt):
                time.sleep(POLL_SECONDS / 10)  # those behind it wait in the kernel
                return
            self._undealt = None
        if not select.select([self._listener], [], [], POLL_SECONDS)[0]:
            return
        for _ in range(AT_ONCE):
            connection = self._accepted()
            if connection is None:
                return
            if not self._deal(connection):
                self._undealt = connection
                return

    def _accepted(self) -> socket.socket | None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return None
        except OSError:  # the caller has left; or no descriptors are free, and one will be
            time.sleep(POLL_SECONDS / 10)
            return None
        connection.settimeout(0)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _deal(self, connection: socket.socket) -> bool:
        """Give it to the worker that has the fewest, of those that are ready where any is."""
        for worker in sorted(self._workers, key=self._reluctance):
            if deal(worker.dealer, connection):
                worker.dealt += 1
                self._turn = worker.seat.number + 1
                return True
        return False

    def _reluctance(self, worker: _Worker) -> tuple[bool, int, int]:
        number = worker.seat.number
        has = worker.dealt - self._seats.ended(number)
        return self._seats.state(number) is not SeatState.READY, has, (number - self._turn) % self._seats.count

    def _look_after_workers(self) -> int | None:
        """Bury the dead and fill their seats; the exit code of one that died before all were ready."""
        self._looked_at = now = time.monotonic()
        self._was_ready = self._was_ready or self._seats.ready
        for worker, code in self._reaped():
            if not self._was_ready:
                log.error("worker_died", worker_pid=worker.pid, exit_code=code)
                return _as_exit_code(code)
            deaths = 1 if now - worker.started_at > STEADY_SECONDS else worker.deaths_before + 1
            pause = pause_seconds(deaths)
            log.warning("worker_died", worker_pid=worker.pid, exit_code=code, replaced_in_seconds=pause)
            self._seats.put_state(worker.seat.number, SeatState.REPLACED)
            following = Seat(worker.seat.number, worker.seat.generation + 1)
            self._vacancies.append(_Vacancy(following, deaths, now + pause))
        for vacancy in [each for each in self._vacancies if each.due_at <= now]:
            self._vacancies.remove(vacancy)
            self._fill(vacancy)
        self._bury()
        return None

    def _fill(self, vacancy: _Vacancy) -> None:
        try:
            self._start(vacancy.seat, deaths=vacancy.deaths)
        except OSError as error:  # the machine has no process or no memory to give; the others live
            log.error("worker_not_started", cause=error)
            self._vacancies.append(replace(vacancy, due_at=time.monotonic() + PAUSE_CEILING_SECONDS))

    def _bury(self) -> None:
        """Keep what the dead have counted; until the disk takes it, their last pages stand for it."""
        while self._unburied:
            try:
                self._published.bury(self._unburied[0])
            except OSError:  # a full disk, say; until then what they left shows as their backlog
                return
            self._unburied.pop(0)

    def _reaped(self) -> list[tuple[_Worker, int]]:
        """The workers that have ended since the last time, each with its exit code, or the negative of a signal."""
        ended = [(worker, status) for worker in self._workers for pid, status in [_status_of(worker)] if pid]
        for worker, _ in ended:
            self._workers.remove(worker)
            worker.dealer.close()
            self._unburied.append(worker.seat)
        return [(worker, os.waitstatus_to_exitcode(status)) for worker, status in ended]

    def _start(self, seat: Seat, *, deaths: int) -> None:
        dealer, end = channel()
        self._seats.put_ended(seat.number, 0)
        supervisor = os.getpid()
        sys.stdout.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                dealer.close()
                self._become(seat, end, supervisor)
        except OSError:
            dealer.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            end.close()
        self._workers.append(_Worker(seat, pid, dealer, deaths, time.monotonic()))

    def _become(self, seat: Seat, end: socket.socket, supervisor: int) -> None:
        """In the new process: be a worker, and never return."""
        code = 1
        try:
            die_with(supervisor)
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            self._listener.close()  # or the port would stay open as long as this process lives
            for worker in self._workers:
                worker.dealer.close()
            np.random.seed()  # packages may draw from it, and all workers would draw alike
            code = self._work(seat, end)
        except BaseException:  # noqa: BLE001 -- told as Python tells what nobody catches
            sys.excepthook(*sys.exc_info())
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            os._exit(code)

    def _end(self) -> None:
        """SIGTERM to all workers, their time to drain, SIGKILL."""
        self._listener.close()
        if self._undealt is not None:
            self._undealt.close()
        until = time.monotonic() + PATIENCE_SECONDS
        remind_at = 0.0
        while self._workers and (now := time.monotonic()) < until:
            if now >= remind_at:
                remind_at = now + REMINDER_SECONDS
                self._signal(signal.SIGTERM)
            self._reaped()  # nobody scrapes any more: what they have counted is of no use
            time.sleep(POLL_SECONDS / 5)
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for worker in self._workers:
            os.kill(worker.pid, number)  # a child that is not reaped yet keeps its pid


def _status_of(worker: _Worker) -> tuple[int, int]:
    return os.waitpid(worker.pid, os.WNOHANG)


def _as_exit_code(code: int) -> int:
    """What a shell says of a process that was killed; never 0, which would say that it was asked to end."""
    return 128 - code if code < 0 else code or 1
