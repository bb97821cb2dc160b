"""The folder of a model goes with its process, however that ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.endpoint.model_folder import PREFIX, model_folder

REPOSITORY = Path(__file__).parents[2]
HOLDS = """
import sys, time
from pathlib import Path
from service.endpoint.model_folder import model_folder

with model_folder(Path(sys.argv[1])) as folder:
    (folder / "model.bin").write_bytes(b"weights")
    print(folder, flush=True)
    time.sleep(600)
"""


@contextmanager
def holder(parent: Path) -> "Iterator[tuple[subprocess.Popen[str], Path]]":
    """A process that has a folder, and which."""
    command = [sys.executable, "-c", HOLDS, str(parent)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_a_folder_is_its_owners_alone_and_gone_afterwards(tmp_path: Path) -> None:
    with model_folder(tmp_path) as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_when_the_next_begins_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    with holder(tmp_path) as (killed, left), holder(tmp_path) as (_, kept):
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (left / "model.bin").exists()
        with model_folder(tmp_path):
            assert not left.exists()
            assert (kept / "model.bin").exists()


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_of_ours_is_left_alone(tmp_path: Path, kind: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    strange = tmp_path / f"{PREFIX}strange"
    if kind == "file":
        strange.touch()
    else:
        strange.symlink_to(elsewhere)
    with model_folder(tmp_path):
        pass
    assert os.path.lexists(strange)
    assert (elsewhere / "precious").exists()


def test_many_that_begin_at_once_take_nothing_from_each_other(tmp_path: Path) -> None:
    def used(number: int) -> bool:
        with model_folder(tmp_path) as folder:
            (folder / "mine").write_text(str(number))
            return (folder / "mine").read_text() == str(number)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(used, range(400)))
    assert list(tmp_path.iterdir()) == []
