"""The worst records of an execution's violations are explained by themselves, once its verdict is out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import plain_http
from tests.aws_clients import SIGNED
from tests.explained_package import SIDE, write_explained_package
from tests.integration.sextant_command import Sextant, sextant_up
from tests.pictures import encoded, scenes
from tests.wait import wait_until

SENT = 4
MOST = 2
PICTURES = {"input": {"shape": [3, SIDE, SIDE]}}


@pytest.fixture(scope="module")
def sextant(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explained")
    with sextant_up(folder, {"SEXTANT_EXPLAINED_RECORDS": str(MOST)}) as running:
        yield running


def window() -> tuple[str, ...]:
    now = datetime.now(UTC)
    start, end = (f"{now + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}" for minutes in (-30, 0))
    return ("--from", start, "--to", end)


def judged(sextant: Sextant, name: str, folder, **card: object) -> dict[str, Any]:
    """An execution over an endpoint's first four requests, whose limit no share of classes keeps."""
    sextant.json("endpoint", "create", name, "--model", write_explained_package(folder, **card))
    for picture in scenes(SENT, side=SIDE):
        url, headers = f"{sextant.url}/endpoints/{name}/invocations", {"Content-Type": "image/png"}
        plain_http.post(url, content=encoded(picture), headers=headers, auth=SIGNED).raise_for_status()
    captured = ("capture", "ls", "--endpoint", name)
    # a window leaves out the second that has not ended
    wait_until(lambda: len(sextant.json(*captured, *window())) == SENT, timeout_seconds=60, what="captures")
    limits = ("--env", "THRESHOLD=0.01", "--env", "MINIMUM_PREDICTIONS=1")
    sextant.json("schedule", "create", f"{name}-skew", "--endpoint", name, *limits)
    found: dict[str, Any] = sextant.json("schedule", "run", f"{name}-skew", *window())
    assert found["MonitoringExecutionStatus"] == "CompletedWithViolations"
    return found


def shown(sextant: Sextant, execution: dict[str, Any]) -> dict[str, Any]:
    path = f"/executions/{execution['MonitoringExecutionId']}.json"
    page: dict[str, Any] = plain_http.get(sextant.url + path, auth=SIGNED).raise_for_status().json()
    return page


def jobs(sextant: Sextant) -> dict[str, str]:
    headers = {"X-Amz-Target": "SageMaker.ListProcessingJobs", "Content-Type": "application/x-amz-json-1.1"}
    answer = plain_http.post(f"{sextant.url}/", content=b"{}", headers=headers, auth=SIGNED).raise_for_status().json()
    return {job["ProcessingJobName"]: job["ProcessingJobStatus"] for job in answer["ProcessingJobSummaries"]}


def test_the_worst_records_come_with_pictures_on_the_executions_page(sextant, tmp_path):
    execution = judged(sextant, "pictured", tmp_path, **PICTURES)
    report = sextant.json("report", "show", execution["MonitoringExecutionId"])
    worst = list(dict.fromkeys(row["event_id"] for one in report["violations"] for row in one["offending_records"]))
    found = wait_until(
        lambda: shown(sextant, execution)["Report"]["Explanations"], timeout_seconds=120, what="explanations"
    )
    assert {one["EventId"] for one in found} == set(worst[:MOST])
    assert all(one["Exact"] and one["Predicted"] == one["Answered"] for one in found)
    address = f"{sextant.url}/executions/{execution['MonitoringExecutionId']}/explanations"
    picture = plain_http.get(f"{address}/{found[0]['Picture']}", auth=SIGNED)
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert picture.content.startswith(b"\x89PNG")
    assert plain_http.get(f"{address}/explanations.json", auth=SIGNED).status_code == 404
    assert plain_http.get(f"{address}/..%2Freport.json", auth=SIGNED).status_code == 404


def test_nothing_is_asked_for_where_no_card_says_that_the_network_takes_pictures(sextant, tmp_path):
    execution = judged(sextant, "plain", tmp_path)
    assert f"explain-{execution['MonitoringExecutionId']}" not in jobs(sextant)
    assert shown(sextant, execution)["Report"]["Explanations"] == []
