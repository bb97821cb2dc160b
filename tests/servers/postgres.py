"""A real PostgreSQL server on a loopback port.

What does not live here: what is asked of it (tests/contract/test_database.py), the servers' fixtures
(tests/conftest.py).
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.servers.processes import free_ports, processes
from tests.servers.programs import find_program
from tests.wait import wait_until

START_SECONDS = 60
# A linguistic order, as most installations have, in which "a" comes before "B".
INITDB_OPTIONS = (
    *("--username=sextant", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"),
    *("--locale-provider=icu", "--icu-locale=en-US", "--no-sync"),
)
SETTINGS = {"fsync": "off", "unix_socket_directories": "", "listen_addresses": "127.0.0.1", "max_connections": "60"}


@dataclass(frozen=True)
class PostgresServer:
    """A PostgreSQL server on loopback that trusts its one user."""

    port: int

    def new_database(self) -> str:
        """The SQLAlchemy URL of a database that was just made."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self._address(name).replace("postgresql", "postgresql+psycopg")

    def answers(self) -> bool:
        """Whether the server lets its user in."""
        try:
            psycopg.connect(self._address("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _address(self, database: str) -> str:
        return f"postgresql://sextant@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """A fresh server, its output in the folder; it has ended when the block is left."""
    (port,) = free_ports(1)
    server = PostgresServer(port)
    settings = [f"--{name}={value}" for name, value in {**SETTINGS, "port": str(port)}.items()]
    with processes(folder) as started, _folder_of_its_user() as data:
        started.run(*_as_its_user(), _program("initdb"), "-D", data, *INITDB_OPTIONS)
        started.start("postgres", *_as_its_user(), _program("postgres"), "-D", data, *settings)
        ready = lambda: started.serving(port) and server.answers()  # noqa: E731 -- one look at both
        wait_until(ready, timeout_seconds=START_SECONDS, what="PostgreSQL to let its user in")
        yield server
        started.stop()


def _as_its_user() -> tuple[str, ...]:
    # PostgreSQL refuses to run as root; the signal of a parent's death is forgotten where the user changes.
    if os.geteuid() != 0:
        return ()
    return ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig", "KILL", "--")


@contextmanager
def _folder_of_its_user() -> Iterator[Path]:
    # not below pytest's own folder, into which no other user can look
    with tempfile.TemporaryDirectory(prefix="sextant-postgres-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        yield Path(folder)


def _program(name: str) -> Path:
    program = find_program(name)
    assert program, "ask tests.servers.programs.absence first"
    return program
