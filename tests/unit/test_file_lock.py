"""A lock that one process has at a time."""

import threading
from pathlib import Path

import pytest

from monitor_jobs.contract.errors import Conflict
from service.adapters.file_lock import locked


def test_whoever_comes_second_is_refused(tmp_path: Path) -> None:
    def come_second() -> None:
        with locked(tmp_path / "folder" / "lock"):
            pass

    with locked(tmp_path / "folder" / "lock"), pytest.raises(Conflict, match="another process has held"):
        come_second()


def test_whoever_comes_later_has_it(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path / "lock"):
            assert (tmp_path / "lock").exists()


def test_the_patient_have_it_once_it_is_free(tmp_path: Path) -> None:
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path / "lock"):
            held.set()
            go_on.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    go_on.set()
    with locked(tmp_path / "lock", patience_seconds=10):
        holder.join(10)
    assert not holder.is_alive()
