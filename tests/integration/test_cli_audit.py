"""`sextant audit`: what one `sextant up` leaves to be listed, and a log that was tampered with."""

import json

import pytest
from botocore.config import Config

from service.audit import FOLDER, AuditLog
from service.core.audit import Entry
from tests import sagemaker_requests as requests
from tests.aws_clients import client
from tests.integration.sextant_command import Sextant, sextant_up
from tests.sagemaker_requests import NOON


@pytest.fixture
def sextant(tmp_path):
    """The command beside a log of three lines."""
    log = AuditLog(tmp_path, lambda: NOON)
    for user in ("ada", "eve", "ada"):
        log.record(Entry(NOON, "sagemaker:CreateModel", 200, user=user, resource={"ModelName": f"of-{user}"}))
    return Sextant(tmp_path)


def changed(sextant, before, after):
    path = sextant.folder / FOLDER / "2026-11.jsonl"
    path.write_bytes(path.read_bytes().replace(before, after))


def test_what_a_service_did_from_start_to_stop_is_listed_and_whole(tmp_path):
    with sextant_up(tmp_path) as up:
        client("sagemaker", up.url, config=Config()).create_model(**requests.model("signs"))
        assert up.json("audit", "verify")["lines"] == 3
    done = [(line["operation"], line["user"]) for line in up.json("audit", "list")]
    operations = ["sextant:FirstKey", "sextant:Up", "sagemaker:CreateModel", "sextant:Stop"]
    assert [operation for operation, _ in done] == operations
    assert done[0][1].startswith("uid:")
    verdict = up.json("audit", "verify")
    assert (verdict["whole"], verdict["lines"], verdict["broken"]) == (True, 4, None)
    assert verdict["head"].startswith("4:")


def test_lines_are_found_by_user_operation_and_time(sextant):
    assert len(sextant.json("audit", "list", "--user", "ada")) == 2
    assert len(sextant.json("audit", "list", "--operation", "CreateModel", "--since", "2026-11-20")) == 3
    assert sextant.json("audit", "list", "--since", "2026-11-20T12:00:01Z") == []
    assert "ModelName=of-eve" in sextant.run("audit", "list").stdout


def test_a_tampered_log_ends_with_five_and_names_the_line(sextant):
    changed(sextant, b"of-eve", b"of-bob")
    plain, as_json = sextant.run("audit", "verify"), sextant.run("audit", "verify", "--json")
    assert (plain.returncode, as_json.returncode, plain.stdout) == (5, 5, "")
    assert "2026-11.jsonl line 2 was changed after it was written (1 lines before it are whole)" in plain.stderr
    assert json.loads(as_json.stdout)["broken"] == "2026-11.jsonl line 2 was changed after it was written"


def test_a_whole_log_ends_with_zero(sextant):
    done = sextant.run("audit", "verify")
    assert (done.returncode, done.stderr) == (0, "")
    assert "lines" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("audit", "list", "--since", "yesterday"), 5, "is no moment: write 2026-11-20"),
        (("audit", "verify"), 3, "no audit log in"),
    ],
)
def test_what_cannot_be_answered_says_why(tmp_path, sextant, arguments, code, words):
    folder = tmp_path if "list" in arguments else tmp_path / "empty"
    done = Sextant(folder).run(*arguments)
    assert done.returncode == code
    assert words in done.stderr
