"""`sextant capture erase` as a person uses it, against one running service."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor_jobs.contract.window import format_timestamp
from monitor_jobs.model_archive import pack
from tests import plain_http
from tests.aws_clients import SIGNED
from tests.integration.sextant_command import Sextant, sextant_up
from tests.integration.test_cli import ALWAYS_CAT, CARD
from tests.servers.endpoint import write_package
from tests.wait import wait_until


@pytest.fixture(scope="module")
def sextant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sextant]:
    folder = tmp_path_factory.mktemp("erasing")
    files = {"code/inference.py": ALWAYS_CAT, "code/model_card.json": CARD}
    pack(write_package(folder / "files", files), folder / "model.tar.gz")
    with sextant_up(folder) as running:
        running.json("endpoint", "create", "cats", "--model", folder / "model.tar.gz")
        running.json("schedule", "create", "skew", "--endpoint", "cats", "--env", "THRESHOLD=0.5")
        yield running


def invoke(sextant: Sextant, inference_id: str, times: int) -> None:
    headers = {"x-amzn-sagemaker-inference-id": inference_id, "content-type": "application/json"}
    address = f"{sextant.url}/endpoints/cats/invocations"
    for _ in range(times):
        plain_http.post(address, content="[[1, 2]]", headers=headers, auth=SIGNED).raise_for_status()


def holding(sextant: Sextant, word: str) -> list[Path]:
    return [path for path in sextant.folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def test_an_id_is_gone_from_captures_and_reports_and_the_window_stays_complete(sextant: Sextant) -> None:
    start = datetime.now(UTC).replace(microsecond=0)
    invoke(sextant, "ada-1", 12)
    invoke(sextant, "bob-1", 10)
    end = start + timedelta(seconds=int((datetime.now(UTC) - start).total_seconds()) + 1)
    window = ("--from", format_timestamp(start)[:-1], "--to", format_timestamp(end)[:-1])
    wait_until(lambda: datetime.now(UTC) > end, timeout_seconds=10, what="the window's end")
    sextant.json("schedule", "run", "skew", *window)
    assert any(path.name == "report.json" for path in holding(sextant, "ada-1"))
    erased = sextant.json("capture", "erase", "--endpoint", "cats", "--inference-id", "ada-1")
    assert [row["Lines"] for row in erased["variants"]] == [12]
    assert holding(sextant, "ada-1") == []
    assert len(sextant.json("capture", "ls", "--endpoint", "cats", *window)) == 10
    proof = sextant.json("capture", "verify", "--endpoint", "cats", *window)
    assert (proof["complete"], sum(each["records"] for each in proof["removals"])) == (True, 12)
    assert "12 records were erased." in sextant.run("capture", "verify", "--endpoint", "cats", *window).stderr


def test_a_window_is_judged_after_an_erasure_as_if_it_had_never_been_captured(sextant: Sextant) -> None:
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    wait_until(lambda: datetime.now(UTC) > start, timeout_seconds=10, what="a second of its own")
    invoke(sextant, "ada-2", 3)
    invoke(sextant, "bob-2", 2)
    end = start + timedelta(seconds=int((datetime.now(UTC) - start).total_seconds()) + 1)
    window = ("--from", format_timestamp(start)[:-1], "--to", format_timestamp(end)[:-1])
    wait_until(lambda: datetime.now(UTC) > end, timeout_seconds=10, what="the window's end")
    wait_until(
        lambda: len(sextant.json("capture", "ls", "--endpoint", "cats", *window)) == 5,
        timeout_seconds=30,
        what="captures",
    )
    sextant.json("capture", "erase", "--endpoint", "cats", "--inference-id", "ada-2")
    execution = sextant.json("schedule", "run", "skew", *window)
    report = sextant.json("report", "show", execution["MonitoringExecutionId"])
    assert (report["records"], report["unreadable"]["by_reason"]) == (2, {})
    assert "capture_completeness_check" not in json.dumps(report)


def test_what_was_in_the_spool_is_erased_by_the_scheduler_when_it_arrives(sextant: Sextant) -> None:
    invoke(sextant, "ada-3", 2)
    sextant.json("capture", "erase", "--endpoint", "cats", "--inference-id", "ada-3")
    wait_until(lambda: holding(sextant, "ada-3") == [], timeout_seconds=30, what="the end of every line of the id")


def test_a_file_of_another_program_that_holds_the_id_is_named_with_exit_code_6(sextant: Sextant) -> None:
    foreign = sextant.folder / "store" / "sextant" / "others" / "people.csv"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("ada-4,1\n")
    told = ("capture", "erase", "--endpoint", "cats", "--inference-id", "ada-4", "--reports", "s3://sextant/others/")
    done = sextant.run(*told)
    assert done.returncode == 6
    assert "s3://sextant/others/people.csv still holds the id" in done.stderr
    assert foreign.read_text() == "ada-4,1\n"


@pytest.mark.parametrize("options", [(), ("--inference-id", "a", "--event-id", "b")])
def test_exactly_one_id_is_to_be_said(sextant: Sextant, options: tuple[str, ...]) -> None:
    done = sextant.run("capture", "erase", "--endpoint", "cats", *options)
    assert (done.returncode, "either --inference-id or --event-id" in done.stderr) == (5, True)


def test_an_endpoint_that_is_not_there_is_exit_code_3(sextant: Sextant) -> None:
    assert sextant.run("capture", "erase", "--endpoint", "dogs", "--inference-id", "a").returncode == 3
