"""Real servers and reference data for the tests, and the rule for what is absent.

A test that needs a program or data that this machine lacks is skipped, and the reason names what to install. Where
SEXTANT_TEST_SERVERS=install is set, everything is expected to be there, and one skipped test fails the whole run.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.servers.ceph import ceph_gateway
from tests.servers.container_engines import Engine, docker_engine, podman_engine
from tests.servers.faulty_store import faulty_store
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.programs import absence
from tests.servers.rclone import rclone_s3
from tests.servers.s3_server import S3Server

# How long an example takes on a busy machine says nothing of the code: time is for benchmarks.
settings.register_profile("timeless", deadline=None)
settings.load_profile("timeless")


@pytest.fixture(scope="session")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A Ceph object gateway; needs `@pytest.mark.server("radosgw")`."""
    with ceph_gateway(tmp_path_factory.mktemp("ceph")) as server:
        yield server


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """rclone's S3 door on a folder; needs `@pytest.mark.server("rclone")`."""
    with rclone_s3(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture(scope="session")
def memory() -> Iterator[S3Server]:
    """An S3 server in memory, which behaves."""
    with faulty_store() as store:
        yield store.server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server; needs `@pytest.mark.server("postgres")`."""
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """podman with the tests' image; needs `@pytest.mark.server("podman")`."""
    with podman_engine(tmp_path_factory.mktemp("podman")) as engine:
        yield engine


@pytest.fixture(scope="session")
def docker(podman: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The docker client on podman's Docker API; needs the markers of both."""
    with docker_engine(podman, tmp_path_factory.mktemp("docker")) as engine:
        yield engine


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder of reference data sets and models."""
    if folder := os.environ.get("SEXTANT_TEST_DATA"):
        return Path(folder)
    pytest.skip("no reference data here: set SEXTANT_TEST_DATA to its folder")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, by name, the tests whose server's program is absent."""
    for item in items:
        for marker in item.iter_markers("server"):
            if reason := absence(marker.args[0]):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which skipped tests fail the run."""
    for report in _unwelcome_skips(terminalreporter.config):
        terminalreporter.write_line(f"SKIPPED although SEXTANT_TEST_SERVERS=install: {report.nodeid}", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where a test was skipped that should have run."""
    if session.exitstatus == pytest.ExitCode.OK and _unwelcome_skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _unwelcome_skips(config: pytest.Config) -> list[pytest.TestReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("SEXTANT_TEST_SERVERS") != "install":
        return []
    return list(reporter.stats.get("skipped", ()))
