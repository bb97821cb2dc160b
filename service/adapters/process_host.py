"""Endpoints as processes of this machine: one a variant, on a loopback port, in a session of its own.

An endpoint outlives the scheduler that started it: the next one finds it by its identity (child_process).
"""

import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from service.adapters import child_process
from service.core.deployment import EndpointSpec
from service.core.ports import Handle

STOP_PATIENCE_SECONDS = 30.0
PING_TIMEOUT_SECONDS = 2.0
LAST_WORDS_LINES = 5
LAST_WORDS_BYTES = 262_144  # a state_dict that does not fit is told in one line of many thousand names


class ProcessHost:
    """The port core.ports.EndpointHost. `environment` is what every endpoint process inherits."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, spec: EndpointSpec, *, folder: Path) -> Handle:
        """Start the process and return at once. The socket is made here, so its port is known and never raced for."""
        folder.mkdir(parents=True, exist_ok=True)
        spec_path, log_path = folder / "spec.json", folder / "log.jsonl"
        spec_path.write_text(spec.model_dump_json(indent=2))
        with socket.create_server(("127.0.0.1", 0)) as listener, log_path.open("ab") as log:
            port = listener.getsockname()[1]
            child = self._spawn(listener, spec_path, log=log.fileno(), environment=spec.environment)
        self._children[child.pid] = child
        return {**child_process.identity(child.pid), "address": f"http://127.0.0.1:{port}", "log": str(log_path)}

    def running(self, handle: Handle) -> bool:
        """True while the process lives; a child of ours that ended is reaped."""
        child = self._children.get(handle["pid"])
        if child is not None and child.poll() is not None:
            self._children.pop(child.pid, None)
        return child_process.lives(handle)

    def ready(self, handle: Handle) -> bool:
        """True when /ping answers 200 within 2 s."""
        try:
            # Not by way of the environment's proxy: that one cannot see this machine's loopback.
            answer = httpx.get(f"{handle['address']}/ping", timeout=PING_TIMEOUT_SECONDS, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    def stop(self, handle: Handle) -> None:
        """SIGTERM, 30 s to drain and flush, then SIGKILL; returns when the process and all that it forked are gone."""
        child_process.end_session(handle, patience_seconds=STOP_PATIENCE_SECONDS)
        self.running(handle)  # reaps it

    def last_words(self, handle: Handle) -> str:
        """Why the model did not load, where the process said so; else the last lines of its log."""
        text = child_process.tail(Path(handle["log"]), lines=LAST_WORDS_LINES, most_bytes=LAST_WORDS_BYTES)
        return next(filter(None, map(_load_error, reversed(text.splitlines()))), text)

    def _spawn(
        self, listener: socket.socket, spec: Path, *, log: int, environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "service", "serve-endpoint", str(spec), "--fd", str(listener.fileno())]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**self._environment, **environment},  # before the start: torch reads its thread count only once
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )


def _load_error(line: str) -> str | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    failed = isinstance(event, dict) and event.get("event") == "model_failed_to_load"
    return str(event.get("error")) if failed else None
