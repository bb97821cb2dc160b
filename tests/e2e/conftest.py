"""Whole installations for the end-to-end tests: one a module that stays up, and one a test that may be killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service_under_test import Service


@pytest.fixture(scope="module")
def running_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running `sextant up` that all tests of a module share."""
    service = Service(tmp_path_factory.mktemp("service"))
    service.start()
    yield service
    service.clear()


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[Service]:
    """An installation of this test's own, not yet started."""
    service = Service(tmp_path)
    yield service
    service.clear()
