"""Peers as processes: started on a free port, waited for, and ended with all that they started themselves.

What lives here: the life of their processes. What does not: their words (peers), load.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import psutil

from tests import plain_http
from tests.benchmarks.serving_peers.peers import ENGINE, Peer
from tests.benchmarks.serving_peers.running import Running
from tests.e2e.sdk_environment import ROOT
from tests.servers.processes import free_ports
from tests.wait import wait_until

MARK: Final = "SERVING_PEER"  # in the environment of all that a peer starts, which may leave its process group
START_SECONDS: Final = 120
QUIET: Final = {"DO_NOT_TRACK": "1", "BENTOML_DO_NOT_TRACK": "True", "OTEL_SDK_DISABLED": "true"}


class PeerAbsent(Exception):
    """A peer that cannot be had on this machine; says what is missing."""


@contextmanager
def started(peer: Peer, package: Path, folder: Path, *, threads: int) -> Iterator[Running]:
    """The peer serving a model package, ended in the end.

    Raises PeerAbsent where a program that it needs is not installed, AssertionError where it does not come up.
    """
    if peer.needs is not None and shutil.which(peer.needs.name) is None:
        raise PeerAbsent(f"{peer.name} needs {peer.needs.name}: install {peer.needs.package}")
    python, (port,), mark = peer.python(), free_ports(1), uuid.uuid4().hex
    folder.mkdir(parents=True, exist_ok=True)
    own = {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "TEMP": str(folder),
    }
    environment = {**own, **QUIET, MARK: mark, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
    command = [python, "-m", f"tests.benchmarks.serving_peers.{peer.program}", package, str(port), folder]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_until(lambda: _answers(process, port, peer, folder), timeout_seconds=START_SECONDS, what=peer.name)
        yield Running(peer.name, ENGINE, peer, port, lambda: list(_marked(mark)))
    finally:
        _end(process, mark)


def _answers(process: "subprocess.Popen[bytes]", port: int, peer: Peer, folder: Path) -> bool:
    said = (folder / "output").read_text(errors="replace")[-2000:]
    assert process.poll() is None, f"{peer.name} ended with {process.returncode}:\n{said}"
    try:
        return plain_http.get(f"http://127.0.0.1:{port}{peer.ready}").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _end(process: "subprocess.Popen[bytes]", mark: str) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for left in _marked(mark):
        with contextlib.suppress(psutil.Error):
            left.kill()
