"""Secrets lead a whole life, and nothing that anybody reads has them: logs, answers, errors, files, processes."""

import base64
import json
import subprocess
import sys
from urllib.parse import quote

import pytest

from tests.canaries import Canary, files_below, found, watched
from tests.secret_life import FIRST_SECRET, lived
from tests.wait import wait_until

CANARY = Canary("a secret", b"canary+secret/value with-space")


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    return lived(tmp_path_factory.mktemp("life"))


def test_no_secret_is_in_anything_that_is_shown_or_written(life):
    assert found(life.canaries, life.outputs) == []


def test_every_kind_of_place_was_looked_at(life):
    places = "\n".join(life.outputs)
    for place in (
        *("log of sextant up", "sextant.db", "logging in", "endpoints/", "spec-", "jobs/", "store/sextant/captures"),
        *("command line of", "environment of", "a model's answer", "GET /metrics", "repr of settings"),
        *("sextant settings", "sextant doctor", "refusal of a wrong secret", "answer to a wrong key"),
    ):
        assert place in places, place
    assert len(life.canaries) == 9


@pytest.mark.parametrize("process", ["serve-endpoint", "monitor_jobs"])
def test_what_runs_the_code_of_users_was_seen_with_its_environment(life, process):
    seen = [content for name, content in life.outputs.items() if "environment of" in name and process in name]
    assert seen
    assert all(b"PATH=" in content for content in seen)


def test_the_model_told_what_it_saw_so_that_there_was_something_to_find(life):
    told = next(content for name, content in life.outputs.items() if "a model's answer" in name)
    assert json.loads(told)["environment"]["SEXTANT_DATA"]


def test_what_is_planted_in_any_output_is_found(life):
    for name, content in life.outputs.items():
        planted = {name: content[: len(content) // 2] + FIRST_SECRET.encode() + content[len(content) // 2 :]}
        assert found(life.canaries, planted) == [f"the secret of the first key in {name}"]


@pytest.mark.parametrize(
    "written",
    [
        CANARY.content,
        b"key=" + quote(CANARY.content).encode(),
        b"0x" + CANARY.content.hex().encode(),
        base64.b64encode(CANARY.content),
        base64.b64encode(b"a" + CANARY.content + b"b"),
        base64.b64encode(b"{}" + CANARY.content),
        base64.urlsafe_b64encode(b'{"body":"' + CANARY.content + b'"}'),
    ],
)
def test_a_secret_is_found_in_whatever_form_it_was_written(written):
    assert found([CANARY], {"a log": b"before " + written + b" after", "another": b"before after"}) == [
        "a secret in a log"
    ]


def test_files_are_looked_through_but_those_that_are_for_secrets(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a").write_bytes(CANARY.content)
    (tmp_path / "kept").write_bytes(CANARY.content)
    assert found([CANARY], files_below(tmp_path, but=[tmp_path / "kept"])) == ["a secret in logs/a"]


@pytest.mark.parametrize("place", ["command line", "environment"])
def test_a_process_that_has_one_is_caught(place):
    argument = FIRST_SECRET if place == "command line" else "serve-endpoint"
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", argument]
    environment = {"LEAKED": FIRST_SECRET} if place == "environment" else {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process, watched(process.pid) as seen:
        caught = wait_until(
            lambda: found([Canary("it", FIRST_SECRET.encode())], dict(seen)), timeout_seconds=20, what="the leak"
        )
        process.stdin.close()
        process.wait()
    assert caught[0].startswith(f"it in {place} of")
