"""`sextant capture erase` as a person uses it, against one running service."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from monitor_jobs.contract.window import format_timestamp
from monitor_jobs.model_archive import pack
from monitor_jobs.tensor_header import facts_in_file
from tests import plain_http
from tests import sagemaker_requests as requests
from tests.aws_clients import SIGNED, client
from tests.explained_package import SIDE, write_explained_package
from tests.integration.sextant_command import Sextant, sextant_up
from tests.integration.test_cli import ALWAYS_CAT, CARD
from tests.pictures import encoded, scenes
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


@pytest.fixture(scope="module")
def signs(sextant: Sextant, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An endpoint that keeps tensors, and captures nothing."""
    archive = sextant.folder / "store/sextant/signs.tar.gz"
    archive.write_bytes(write_explained_package(tmp_path_factory.mktemp("signs")).read_bytes())
    container = {"ModelDataUrl": "s3://sextant/signs.tar.gz", "Environment": {"tensors_output": "s3://sextant/tensors"}}
    boto = client("sagemaker", sextant.url, config=Config())
    boto.create_model(ModelName="signs", PrimaryContainer=container, ExecutionRoleArn=requests.ROLE)
    boto.create_endpoint_config(**without_capture("signs"))
    boto.create_endpoint(EndpointName="signs", EndpointConfigName="signs")
    boto.get_waiter("endpoint_in_service").wait(EndpointName="signs", WaiterConfig={"Delay": 1})
    return "signs"


def without_capture(name: str) -> dict[str, Any]:
    return {key: value for key, value in requests.endpoint_config(name).items() if key != "DataCaptureConfig"}


def show_picture(sextant: Sextant, *inference_ids: str) -> None:
    for inference_id in inference_ids:
        headers = {"x-amzn-sagemaker-inference-id": inference_id, "content-type": "image/png"}
        address = f"{sextant.url}/endpoints/signs/invocations"
        body = encoded(scenes(1, side=SIDE)[0])
        plain_http.post(address, content=body, headers=headers, auth=SIGNED).raise_for_status()


def kept_steps(sextant: Sextant, place: str = "tensors") -> dict[str, Path]:
    """Where steps lie, by their inference id."""
    paths = (sextant.folder / "store/sextant" / place / "signs").rglob("*.safetensors.zst")
    return {json.loads(facts_in_file(path))["inference_id"]: path for path in paths}


def test_steps_go_with_their_id_from_the_place_of_every_model_and_the_audit_log_tells_how_many(
    sextant: Sextant, signs: str
) -> None:
    show_picture(sextant, "ada-5", "bob-5")
    wait_until(lambda: len(kept_steps(sextant)) == 2, timeout_seconds=60, what="two steps")
    boto = client("sagemaker", sextant.url, config=Config())
    container = {"ModelDataUrl": "s3://sextant/m.tar.gz", "Environment": {"tensors_output": "s3://sextant/earlier/"}}
    boto.create_model(ModelName="earlier", PrimaryContainer=container, ExecutionRoleArn=requests.ROLE)
    for place in ("earlier", "unknown"):
        copied = (
            sextant.folder / f"store/sextant/{place}/signs/of-before/load/steps/2026/11/20/12/{'0' * 12}_{'0' * 16}"
        )
        copied.parent.mkdir(parents=True)
        copied.with_suffix(".safetensors.zst").write_bytes(kept_steps(sextant)["ada-5"].read_bytes())
    erased = sextant.json("capture", "erase", "--endpoint", signs, "--inference-id", "ada-5")
    (row,) = erased["variants"]
    assert (row["Steps"], row["Lines"], row["Done"], row["Waits for"]) == (2, 0, False, 2)
    assert (set(kept_steps(sextant)), kept_steps(sextant, "earlier")) == ({"bob-5"}, {})
    assert set(kept_steps(sextant, "unknown")) == {"ada-5"}  # no model tells of that place
    told = ("capture", "erase", "--endpoint", signs, "--inference-id", "ada-5", "--tensors", "s3://sextant/unknown")
    assert [row["Steps"] for row in sextant.json(*told)["variants"]] == [3]
    assert kept_steps(sextant, "unknown") == {}
    lines = sextant.json("audit", "list", "--operation", "EraseCaptures")
    steps = [line["resource"]["TensorSteps"] for line in lines if line["resource"]["EndpointName"] == signs]
    assert steps == ["2", "3"]
    assert "ada-5" not in json.dumps(lines)
    assert sextant.json("audit", "verify")["whole"]


def test_a_step_that_is_stored_after_it_was_asked_for_is_erased_by_the_scheduler(sextant: Sextant, signs: str) -> None:
    show_picture(sextant, "bob-6")
    wait_until(lambda: "bob-6" in kept_steps(sextant), timeout_seconds=60, what="a step")
    waited = kept_steps(sextant)["bob-6"].read_bytes()
    path = kept_steps(sextant)["bob-6"]
    sextant.json("capture", "erase", "--endpoint", signs, "--inference-id", "bob-6")
    assert "bob-6" not in kept_steps(sextant)
    late = path.with_name(f"{int(path.name[:12]) + 1:012d}{path.name[12:]}")
    late.write_bytes(waited)
    wait_until(lambda: not late.exists(), timeout_seconds=30, what="the end of the late step")


def test_a_step_that_cannot_be_read_is_named_with_exit_code_6(sextant: Sextant, signs: str) -> None:
    show_picture(sextant, "bob-7")
    wait_until(lambda: "bob-7" in kept_steps(sextant), timeout_seconds=60, what="a step")
    damaged = kept_steps(sextant)["bob-7"].with_name(f"{10**9:012d}_{'0' * 16}.safetensors.zst")
    damaged.write_bytes(b"x")
    done = sextant.run("capture", "erase", "--endpoint", signs, "--inference-id", "nobody")
    damaged.unlink()
    assert done.returncode == 6
    assert f"{damaged.name} cannot be read: nobody can tell whose step it is" in done.stderr.replace("\n", " ")


def test_an_endpoint_that_keeps_nothing_is_exit_code_5_and_says_what_removes_what_it_kept(sextant: Sextant) -> None:
    boto = client("sagemaker", sextant.url, config=Config())
    boto.create_model(**requests.model("keepless"))
    boto.create_endpoint_config(**without_capture("keepless"))
    boto.create_endpoint(EndpointName="keepless", EndpointConfigName="keepless")
    done = sextant.run("capture", "erase", "--endpoint", "keepless", "--inference-id", "a")
    assert (done.returncode, "captures nothing, and keeps no tensors" in done.stderr) == (5, True)


def test_an_erasure_that_is_broken_off_is_in_the_audit_log_too(sextant: Sextant) -> None:
    told = ("capture", "erase", "--endpoint", "cats", "--inference-id", "nobody-8")
    assert sextant.run(*told).returncode == 0
    tombstone = max((sextant.folder / "store").rglob("erasures/ids/*.json"), key=lambda path: path.stat().st_mtime)
    tombstone.unlink()
    tombstone.mkdir()
    (tombstone / "in-the-way").touch()
    assert sextant.run(*told).returncode != 0
    shutil.rmtree(tombstone)
    *_, done, broken_off = sextant.json("audit", "list", "--operation", "EraseCaptures")
    assert (done["status"], done["error"]) == (200, None)
    assert (broken_off["status"], broken_off["error"], "Lines" in broken_off["resource"]) == (500, "BrokenOff", False)


@pytest.mark.parametrize("options", [(), ("--inference-id", "a", "--event-id", "b")])
def test_exactly_one_id_is_to_be_said(sextant: Sextant, options: tuple[str, ...]) -> None:
    done = sextant.run("capture", "erase", "--endpoint", "cats", *options)
    assert (done.returncode, "either --inference-id or --event-id" in done.stderr) == (5, True)


def test_an_endpoint_that_is_not_there_is_exit_code_3(sextant: Sextant) -> None:
    assert sextant.run("capture", "erase", "--endpoint", "dogs", "--inference-id", "a").returncode == 3
