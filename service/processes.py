"""The processes of `sextant up`: one parent that keeps control and scheduler alive, and what each of them does on its
own.

What lives here: starting, restarting, signals. What does not: what the processes are made of (wiring).
"""

import fcntl
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from monitor_jobs.contract.errors import Conflict
from service.audit import AuditLog
from service.core.audit import Entry
from service.garbage import collect_from_now_on
from service.logs import EventLog, configure
from service.memory import give_back
from service.parent_death import die_with
from service.running import Running, running_file, write_running
from service.settings import Settings, variable_of
from service.transport import require_safe, require_unguessable, tls_context, url_of

if TYPE_CHECKING:
    from service.first_key import Introduction

STOP_PATIENCE_SECONDS = 60.0  # endpoints drain for 25 s and flush before the scheduler ends
RESTART_PAUSE_SECONDS = 1.0
POLL_SECONDS = 0.2
DOOR_SECONDS = 20.0
OWN_DESCRIPTORS = 256  # of a process: database, spool, logs

log = EventLog("sextant.up")


class Door(Protocol):
    """Another program that opens the service to clients: adapters.s3_door."""

    @property
    def url(self) -> str: ...  # noqa: D102
    @property
    def command(self) -> list[str]: ...  # noqa: D102
    @property
    def environment(self) -> dict[str, str]: ...  # noqa: D102
    def answers(self) -> bool: ...  # noqa: D102


def run_all(
    settings: Settings,
    *,
    introduce: "Callable[[], Introduction]",
    open_door: "Callable[[Introduction], Door] | None",
    sdk_config: Path,
    announce: "Callable[[Running, Introduction], None]",
) -> None:
    """Control, scheduler and an S3 door, if any, as children, restarted when they die, until SIGTERM or SIGINT.

    Raises BadInput beyond loopback where that is not safe, Conflict where another `sextant up` uses the same data
    folder, or another program the port.
    """
    require_safe(settings)
    _configure_logs(settings)
    stop = stop_on_signals()
    with _only_one(settings.data), _listener(settings) as listener:
        audit, introduction = AuditLog(settings.data, _now), introduce()
        require_unguessable(settings, introduction.key.pair)
        if introduction.is_new:
            audit.record(_own_entry("sextant:FirstKey", AccessKeyId=introduction.key.pair.key_id))
        door = open_door(introduction) if open_door else None
        running = _running(settings, listener, door, sdk_config)
        control = _own("control", "--fd", str(listener.fileno()))
        told = {**os.environ, variable_of("behind_proxy"): str(settings.behind_proxy)}  # by an option, it may be
        children = [
            _Child("control", control, fds=[listener.fileno()], environment=told),
            _Child("scheduler", _own("scheduler")),
        ]
        if door is not None:
            children.append(_Child("s3", door.command, environment=door.environment))
        try:
            _wait_for_door(door, children, stop)
            announce(running, introduction)
            audit.record(_own_entry("sextant:Up"))
            write_running(settings.data, running)  # last: who finds it finds what was announced
            give_back()
            _keep(children, stop)
        finally:
            # The scheduler before control: while endpoints drain, clients can still ask control how they are.
            for child in reversed(children):
                child.stop()
            running_file(settings.data).unlink(missing_ok=True)
            audit.record(_own_entry("sextant:Stop"))


def run_control(settings: Settings, fd: int) -> None:
    """The control process, on a listening socket that it inherits. Raises BadInput where that is not safe."""
    import uvicorn

    from service.http_server import server_options
    from service.wiring import control_app

    _configure_logs(settings)
    _allow_descriptors(settings)
    listener = socket.socket(fileno=fd)
    settings = settings.model_copy(update={"host": listener.getsockname()[0]})
    require_safe(settings)
    tls = tls_context(settings)
    config = uvicorn.Config(
        control_app(settings),
        timeout_graceful_shutdown=5,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
        **server_options(settings.http_limits),
    )
    collect_from_now_on()
    give_back()
    uvicorn.Server(config).run(sockets=[listener])


def run_scheduler(settings: Settings) -> None:
    """The scheduler process, until SIGTERM or SIGINT."""
    from service import wiring

    _configure_logs(settings)
    wiring.run_scheduler(settings, stop=stop_on_signals())


def run_endpoint(settings: Settings, spec: Path, fd: int) -> int:
    """One endpoint process, on a listening socket that it inherits; its exit code."""
    from service.wiring import serve_endpoint

    _configure_logs(settings)
    _allow_descriptors(settings)
    return serve_endpoint(spec, listener=socket.socket(fileno=fd), settings=settings)


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    return stop


class _Child:
    """One child process of `sextant up`, in a session of its own so that Ctrl-C reaches only the parent."""

    def __init__(
        self, role: str, command: list[str], *, fds: Sequence[int] = (), environment: dict[str, str] | None = None
    ) -> None:
        self.role = role
        self._command = command
        self._fds = fds
        self._environment = environment
        self._process = self._spawn()
        self._started = time.monotonic()

    def revive(self) -> None:
        """Start the child again where it has died, at most once a second."""
        code = self._process.poll()
        if code is None or time.monotonic() - self._started < RESTART_PAUSE_SECONDS:
            return
        log.error("process_died", role=self.role, exit_code=code)
        self._started = time.monotonic()
        self._process = self._spawn()

    def stop(self) -> None:
        """SIGTERM, its time to finish, SIGKILL."""
        self._process.terminate()
        try:
            self._process.wait(STOP_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            log.error("process_killed", role=self.role, patience_seconds=STOP_PATIENCE_SECONDS)
            self._process.kill()
            self._process.wait()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            pass_fds=self._fds,
            env=self._environment,
            start_new_session=True,
            # None may linger beside those of the next `sextant up`.
            # Endpoints and jobs are the scheduler's children, and outlive it.
            preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509 -- this process has one thread
        )


def _own_entry(operation: str, **named: str) -> Entry:
    resource = {"ProcessId": str(os.getpid()), **named}
    return Entry(_now(), operation, 200, user=f"uid:{os.getuid()}", resource=resource)


def _now() -> datetime:
    return datetime.now(UTC)


def _own(role: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "service", role, *arguments]


def _keep(children: list[_Child], stop: threading.Event) -> None:
    while not stop.wait(POLL_SECONDS):
        for child in children:
            child.revive()


def _wait_for_door(door: Door | None, children: list[_Child], stop: threading.Event) -> None:
    """Return once it answers, or is to be given up. Raises Conflict where it does not come up."""
    deadline = time.monotonic() + DOOR_SECONDS
    while door is not None and not door.answers() and not stop.wait(POLL_SECONDS / 4):
        for child in children:
            child.revive()
        if time.monotonic() >= deadline:
            raise Conflict(f"the S3 door at {door.url} does not answer after {DOOR_SECONDS:.0f} s: its log says why")


def _running(settings: Settings, listener: socket.socket, door: Door | None, sdk_config: Path) -> Running:
    return Running(
        url=url_of(settings, listener.getsockname()[1]),
        certificate=settings.tls_certificate.absolute() if settings.tls_certificate else None,
        pid=os.getpid(),
        region=settings.region,
        account=settings.account,
        bucket=settings.bucket,
        sdk_config=sdk_config.absolute(),
        s3_url=door.url if door else None,
        store_url=settings.store_endpoint_url,
    )


def _configure_logs(settings: Settings) -> None:
    configure(sys.stderr, level=logging.getLevelNamesMapping()[settings.log_level])


def _allow_descriptors(settings: Settings) -> None:
    # A connection of control's may need one more to an endpoint; where the system gives fewer, accepting waits.
    wanted = 2 * settings.connections + OWN_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _listener(settings: Settings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise Conflict(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): end what does, or set SEXTANT_PORT"
        ) from error


@contextmanager
def _only_one(data: Path) -> Iterator[None]:
    data.mkdir(parents=True, exist_ok=True)
    with (data / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                f"another `sextant up` uses {data}: stop it, or set SEXTANT_DATA to another folder"
            ) from error
        yield
