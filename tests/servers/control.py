"""A real control process on a loopback port.

What does not live here: what it keeps (tests.sagemaker_requests.Installation opens the same folder).
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests import plain_http
from tests.aws_clients import ENVIRONMENT
from tests.wait import wait_until

START_SECONDS = 60


@contextmanager
def control_process(data: Path, **variables: str) -> Iterator[str]:
    """The URL of a control process over a data folder, with these variables; it has ended when the block is left."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("SEXTANT_")}
    with socket.create_server(("127.0.0.1", 0)) as listener, (data / "control.log").open("ab") as log:
        command = [sys.executable, "-m", "service", "control", "--fd", str(listener.fileno())]
        environment = {**others, **ENVIRONMENT, "SEXTANT_DATA": str(data), **variables}
        child = subprocess.Popen(command, pass_fds=[listener.fileno()], stderr=log, env=environment)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        wait_until(lambda: _answers(child, url, data), timeout_seconds=START_SECONDS, what="control's first answer")
        yield url
    finally:
        child.terminate()
        child.wait()


def _answers(child: "subprocess.Popen[bytes]", url: str, data: Path) -> bool:
    assert child.poll() is None, (data / "control.log").read_text()
    try:
        return plain_http.get(f"{url}/ping").is_success
    except httpx.TransportError:
        return False
