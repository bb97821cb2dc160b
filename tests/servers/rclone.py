"""rclone's S3 door on a folder.

What does not live here: Ceph (tests/servers/ceph.py), the servers' fixtures (tests/conftest.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.processes import free_ports, processes
from tests.servers.programs import find_program
from tests.servers.s3_server import S3Server
from tests.wait import wait_until

START_SECONDS = 30


@contextmanager
def rclone_s3(folder: Path) -> Iterator[S3Server]:
    """`rclone serve s3` on a new folder `served` below the one given; ended when the block is left."""
    (port,) = free_ports(1)
    served = folder / "served"
    served.mkdir()
    server = S3Server(f"http://127.0.0.1:{port}", "rclone-key", "rclone-secret")
    with processes(folder) as started:
        started.start("rclone", *_serve_command(server, served, folder / "cache"))
        wait_until(lambda: started.serving(port), timeout_seconds=START_SECONDS, what="rclone's port")
        yield server


def _serve_command(server: S3Server, served: Path, cache: Path) -> list[str | Path]:
    program = find_program("rclone")
    assert program, "ask tests.servers.programs.absence first"
    address = server.endpoint_url.removeprefix("http://")
    keys = f"{server.access_key},{server.secret_key}"
    return [
        *(program, "serve", "s3", served, "--addr", address, "--auth-key", keys, "--config", "/dev/null"),
        *("--vfs-cache-mode", "full", "--cache-dir", cache),
    ]
