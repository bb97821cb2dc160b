"""Endpoints as processes of this machine: each on a loopback port, in a session of its own.

An endpoint outlives the scheduler that started it: the next one finds it by its identity (child_process). Processes of
one variant share a folder: each has a spec of its own there, named by its port, and all write one log.
"""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from service.adapters import child_process
from service.core.deployment import EndpointSpec
from service.core.ports import Handle

STOP_PATIENCE_SECONDS = 30.0
PING_TIMEOUT_SECONDS = 2.0
LAST_WORDS_LINES = 5
TAIL_LINES = 1000  # among which those of one process are looked for
COMMAND = "serve-endpoint"
LAST_WORDS_BYTES = 262_144  # a state_dict that does not fit is told in one line of many thousand names
OWN_PREFIX = "SEXTANT_"
OWN_SETTINGS = ("SEXTANT_DATA", "SEXTANT_LOG_LEVEL", "SEXTANT_REGION", "SEXTANT_STORE_ENDPOINT_URL")
STORE_PREFIX = "AWS_"
STEERS_THE_STORE = re.compile(r"(SEXTANT|AWS)_.*|.*_PROXY", re.IGNORECASE | re.DOTALL)
PASSWORDS = ("PGPASSWORD", "PGPASSFILE")  # of the database, which no endpoint opens


def inherited_by_endpoints(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of this service's environment that its endpoints may see, in whose processes models run their code.

    Of its own settings those that an endpoint reads, which are no secrets; the S3 store's keys only where there is one.
    """
    kept_back = PASSWORDS if environment.get("SEXTANT_STORE_ENDPOINT_URL") else (*PASSWORDS, STORE_PREFIX)
    others = (name for name in environment if not name.startswith((OWN_PREFIX, *kept_back)))
    return {name: environment[name] for name in (*others, *OWN_SETTINGS) if name in environment}


class ProcessHost:
    """The port core.ports.EndpointHost.

    `environment` is what every endpoint process inherits, `token_sha256` the hash of what its callers present.
    """

    def __init__(self, environment: dict[str, str], *, token_sha256: str) -> None:
        self._environment = environment
        self._token_sha256 = token_sha256
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, spec: EndpointSpec, *, folder: Path) -> Handle:
        """Start the process and return at once. The socket is made here, so its port is known and never raced for."""
        folder.mkdir(parents=True, exist_ok=True)
        log_path = folder / "log.jsonl"
        with socket.create_server(("127.0.0.1", 0)) as listener, log_path.open("ab") as log:
            port = listener.getsockname()[1]
            spec_path = folder / f"spec-{port}.json"  # whoever had this port before is dead
            told = spec.model_copy(update={"token_sha256": self._token_sha256})
            spec_path.write_text(told.model_dump_json(indent=2))
            child = self._spawn(listener, spec_path, log=log.fileno(), environment=spec.environment)
        self._children[child.pid] = child
        files = {"log": str(log_path), "spec": str(spec_path)}
        return {**child_process.identity(child.pid), "address": f"http://127.0.0.1:{port}", **files}

    def running(self, handle: Handle) -> bool:
        """True while the process lives; a child of ours that ended is reaped."""
        child = self._children.get(handle["pid"])
        if child is not None and child.poll() is not None:
            self._children.pop(child.pid, None)
        return child_process.lives(handle)

    def ready(self, handle: Handle) -> bool:
        """True when /ping answers 200 within 2 s."""
        # Not httpx, which would take a sixth of the scheduler's memory for this; nor the environment's proxy, which
        # cannot see this machine's loopback.
        connection = HTTPConnection(urlsplit(handle["address"]).netloc, timeout=PING_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def stop(self, handle: Handle) -> None:
        """SIGTERM, 30 s to drain and flush, then SIGKILL; returns when the process and all that it forked are gone."""
        child_process.end_session(handle, patience_seconds=STOP_PATIENCE_SECONDS)
        self.running(handle)  # reaps it
        if "spec" in handle:
            Path(handle["spec"]).unlink(missing_ok=True)

    def last_words(self, handle: Handle) -> str:
        """Why the model did not load, where the process said so; else its last lines in the log."""
        text = child_process.tail(Path(handle["log"]), lines=TAIL_LINES, most_bytes=LAST_WORDS_BYTES)
        lines = [line for line in text.splitlines() if _may_be_of(handle, line)][-LAST_WORDS_LINES:]
        return next(filter(None, map(_load_error, reversed(lines))), "\n".join(lines))

    def strays(self, folder: Path) -> list[Handle]:
        """Living leaders of a session that serve a spec below the folder, and are no children of this process."""
        return [leader for leader in child_process.leaders_of_others() if _serves_below(leader["pid"], folder)]

    def _spawn(
        self, listener: socket.socket, spec: Path, *, log: int, environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "service", COMMAND, str(spec), "--fd", str(listener.fileno())]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**self._environment, **at_start(environment)},
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )


def at_start(environment: dict[str, str]) -> dict[str, str]:
    """The part of a model's environment that its process starts with: torch, for one, reads its thread count only once.

    Not where the store is, and who asks it: that is the service's own to say. The package's code sees all of it later.
    """
    return {name: value for name, value in environment.items() if not STEERS_THE_STORE.fullmatch(name)}


def _serves_below(pid: int, folder: Path) -> bool:
    arguments = child_process.command_line(pid)
    return COMMAND in arguments and any(Path(argument).is_relative_to(folder) for argument in arguments)


def _may_be_of(handle: Handle, line: str) -> bool:
    # what a process wrote before it could log, or its model printed, names no process
    return _event(line).get("pid") in (None, handle["pid"])


def _load_error(line: str) -> str | None:
    event = _event(line)
    return str(event.get("error")) if event.get("event") == "model_failed_to_load" else None


def _event(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
