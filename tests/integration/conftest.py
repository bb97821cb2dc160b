"""The house that most integration tests of the scheduler begin with; a module adds to it by a fixture of that name."""

import pytest

from tests.integration.scheduling import House


@pytest.fixture
def house(tmp_path):
    """A house with one endpoint in service, closed in the end."""
    house = House(tmp_path)
    house.add_endpoint()
    yield house
    house.close()
