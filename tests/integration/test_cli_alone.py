"""The `sextant` command on its own: its tree of commands, its output, and what needs no running service."""

import json
import os
import pty
import re
import subprocess
import sys
from typing import Any

import pytest
import typer

from service.cli.app import app
from service.running import Running, write_running
from tests.integration.sextant_command import Sextant

WITHOUT_JSON = {
    "up": "runs until it is stopped",
    "endpoint invoke": "prints the model's answer as it is",
    "endpoint delete": "prints no data",
    "schedule pause": "prints no data",
    "schedule resume": "prints no data",
    "schedule delete": "prints no data",
    "executions logs": "prints the log as it is",
    "users delete": "prints no data",
    "users grant": "prints no data",
    "users revoke": "prints no data",
    "keys revoke": "prints no data",
}


def commands() -> dict[str, Any]:
    """Every command by the words that name it."""
    root = typer.main.get_command(app)
    found: dict[str, Any] = {}
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        found |= {name: command} if below is None else {f"{name} {word}": sub for word, sub in below.items()}
    return found


@pytest.mark.parametrize("name", commands())
def test_every_command_has_a_summary_of_one_line(name):
    summary, *_rest = commands()[name].help.strip().split("\n\n")
    assert summary.endswith(".")
    assert "\n" not in summary


@pytest.mark.parametrize("name", commands())
def test_every_command_that_prints_data_prints_it_as_json_too(name):
    options = {word for parameter in commands()[name].params for word in parameter.opts}
    assert ("--json" in options) != (name in WITHOUT_JSON)


@pytest.mark.parametrize("name", commands())
def test_every_option_says_what_it_is_for(name):
    options = [parameter for parameter in commands()[name].params if parameter.opts[0].startswith("--")]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "garbage", "http://[::", "ftp://x"])
def test_a_service_that_does_not_answer_is_named_with_the_way_out(tmp_path, url):
    done = Sextant(tmp_path).run("endpoint", "list", "--json", SEXTANT_URL=url)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{url} does not answer" in done.stderr
    assert "start `sextant up`, or set SEXTANT_URL" in done.stderr


def test_the_environment_of_a_service_that_was_killed_is_not_given_out(tmp_path):
    told = {"region": "us-east-1", "account": "000000000000", "bucket": "sextant", "sdk_config": tmp_path / "sdk.yaml"}
    write_running(tmp_path, Running(url="http://127.0.0.1:1", pid=1, **told))
    done = Sextant(tmp_path).run("env", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "http://127.0.0.1:1 does not answer" in done.stderr


def test_a_setting_out_of_range_is_named(tmp_path):
    done = Sextant(tmp_path).run("settings", SEXTANT_TICK_SECONDS="often")
    assert (done.returncode, done.stdout) == (5, "")
    assert "SEXTANT_TICK_SECONDS='often'" in done.stderr


def test_settings_never_show_a_password(tmp_path):
    done = Sextant(tmp_path).run("settings", "--json", SEXTANT_DATABASE_URL="postgresql://sextant:s3cr@t@db/x")
    shown = {row["Variable"]: row["Value"] for row in json.loads(done.stdout)}
    assert shown["SEXTANT_DATABASE_URL"] == "postgresql://sextant:***@db/x"


def test_settings_are_listed_whole_where_nobody_looks_at_a_terminal(tmp_path):
    lines = Sextant(tmp_path).run("settings", COLUMNS="40").stdout.splitlines()
    assert any(re.match(r"SEXTANT_FLUSH_INTERVAL_SECONDS +1\.0  ", line) for line in lines)


def test_version_names_itself_and_python(tmp_path):
    answer = Sextant(tmp_path).json("version")
    assert set(answer) == {"sextant", "python"}


def test_doctor_names_what_fails_and_ends_with_1(tmp_path):
    database = "postgresql+psycopg://sextant:s3cret@127.0.0.1:1/x"
    done = Sextant(tmp_path).run("doctor", "--json", SEXTANT_DATABASE_URL=database)
    failed = {row["Check"]: row["Finding"] for row in json.loads(done.stdout) if row["State"] == "failed"}
    assert done.returncode == 1
    assert set(failed) == {"database", "service"}
    assert "refused" in failed["database"]
    assert "s3cret" not in done.stdout


def test_doctor_misses_a_container_engine_that_is_set_and_absent(tmp_path):
    done = Sextant(tmp_path).run("doctor", "--json", SEXTANT_OCI_ENGINE="absent-engine")
    findings = {row["Check"]: row["Finding"] for row in json.loads(done.stdout)}
    assert findings["jobs"].startswith("no program absent-engine on PATH: install it, or set SEXTANT_OCI_ENGINE")


@pytest.mark.parametrize(("variables", "bold"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_bold_headings_unless_no_color_is_set(tmp_path, variables, bold):
    ours, theirs = pty.openpty()
    environment = {**Sextant(tmp_path).environment, **variables}
    subprocess.run([sys.executable, "-m", "service", "settings"], env=environment, stdout=theirs, check=True)
    shown = os.read(ours, 1 << 16)
    os.close(ours), os.close(theirs)
    assert (b"\x1b[" in shown) is bold


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    sextant = Sextant(tmp_path)
    command = [sys.executable, "-m", "service", "settings"]
    environment = {**sextant.environment, "PYTHONUNBUFFERED": ""}  # what waits in a buffer is written at the very end
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.wait()
    process.stderr.close()
