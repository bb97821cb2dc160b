"""The runners that the contract tests of jobs are run by, each for real."""

import os

import pytest

from tests.contract.running_jobs import Jobs
from tests.integration.scheduling import House

PODMAN, DOCKER = pytest.mark.server("podman"), pytest.mark.server("docker")
ENGINES = [pytest.param("podman", marks=PODMAN), pytest.param("docker", marks=[PODMAN, DOCKER])]


@pytest.fixture
def house(tmp_path):
    """A house with one endpoint in service, closed in the end."""
    house = House(tmp_path)
    house.add_endpoint()
    yield house
    house.close()


@pytest.fixture(params=["process", *ENGINES])
def jobs(request, house):
    """Jobs by every runner in turn."""
    engine = None if request.param == "process" else request.getfixturevalue(request.param)
    return Jobs(house, engine, os.environ)


@pytest.fixture(params=ENGINES)
def containers(request, house):
    """Jobs by every container engine in turn."""
    return Jobs(house, request.getfixturevalue(request.param), os.environ)


@pytest.fixture
def processes(house):
    """Jobs as processes."""
    return Jobs(house, None, os.environ)
