"""What pages of a real control process show, to whom, and as JSON; and what hostile texts in them become."""

from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from monitor_jobs.contract.report import (
    PAGE_FILE,
    REPORT_FILE,
    VIOLATIONS_FILE,
    ConstraintViolation,
    ConstraintViolations,
    Measurement,
    OffendingRecord,
    Report,
    UnreadableLines,
    Violation,
)
from monitor_jobs.object_store import S3Address
from service.control.console.findings import MOST_BYTES
from service.control.console.overview import BEATS, ROWS
from service.core.access import Grant, Role
from service.core.policy_document import document_of
from service.core.states import EndpointStatus, ExecutionStatus
from service.first_key import read_first_key
from tests import plain_http
from tests import sagemaker_requests as requests
from tests.aws_clients import client
from tests.endpoint_token import AUTHORIZED, leave_token
from tests.sagemaker_requests import NOON
from tests.servers.control import control_process
from tests.servers.endpoint import running_endpoint, write_package
from tests.visitor import Visitor

ROLES = ("viewer", "operator")
VIOLATED = ExecutionStatus.COMPLETED_WITH_VIOLATIONS
HOSTILE = '"><script>window.pwned=1</script><img src=x onerror=pwned()>{{ 7*7 }}\u202e\x1b[31m'
ECHO = """
def model_fn(model_dir):
    return None

def transform_fn(model, body, content_type, accept):
    if body == b"fail":
        raise ValueError("as it was asked to")
    return body, accept
"""


class Service:
    """A control process with endpoints `own` and `foreign`, a schedule of each, and users by their role for `own`."""

    def __init__(self, url: str, here: requests.Installation) -> None:
        self.url, self.here = url, here
        self.keys = {"admin": read_first_key(here.settings.data).api_key.secret.reveal()}
        for role in (Role.INVOKER, Role.VIEWER, Role.OPERATOR):
            self.keys[role.value] = self._user(role)

    def _user(self, role: Role) -> str:
        iam = client("iam", self.url)
        iam.create_user(UserName=role.value)
        policy = document_of([Grant(role, "own*")])
        iam.put_user_policy(UserName=role.value, PolicyName="p", PolicyDocument=policy)
        made = iam.create_service_specific_credential(UserName=role.value, ServiceName="sextant")
        return made["ServiceSpecificCredential"]["ServiceCredentialSecret"]

    def json(self, path: str = "/index.json", role: str = "admin") -> dict:
        """A page's JSON, by the key of somebody with that role."""
        answer = plain_http.get(self.url + path, headers={"Authorization": f"Bearer {self.keys[role]}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def executed(self, number: int, schedule: str = "own-hourly", **members: object) -> str:
        """The id of an execution that has ended."""
        named = {"id": f"{schedule}-{number}", "schedule_name": schedule, "endpoint_name": schedule.partition("-")[0]}
        record = requests.execution(number, **{**named, **members})
        self.here.database.executions.add(record)
        return record.id

    def reported(self, number: int, files: dict[str, bytes], **members: object) -> str:
        """The id of an execution whose job has left files."""
        at = S3Address("reports", f"own/{number}")
        for name, content in files.items():
            self.here.store.put(at.joined(name), content)
        outputs = {"Outputs": [{"OutputName": "r", "S3Output": {"S3Uri": str(at)}}]}
        job = requests.ended_job(f"job-{number}", access_name="own")
        self.here.database.processing_jobs.add(replace(job, request={"ProcessingOutputConfig": outputs}))
        return self.executed(number, status=VIOLATED, processing_job_name=job.name, **members)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("control")
    leave_token(folder)
    with control_process(folder) as url:
        here = requests.Installation(folder)
        for name in ("own", "foreign"):
            here.with_endpoint(name)
            here.call("CreateMonitoringSchedule", **requests.schedule(f"{name}-hourly", endpoint=name))
        yield Service(url, here)
        here.database.engine.dispose()


@pytest.fixture
def page(service):
    """Opens a page as somebody of a role."""
    visitors = {}

    def opened(path: str = "/", role: str = "admin") -> httpx.Response:
        if role not in visitors:
            visitors[role] = Visitor(service.url)
            visitors[role].log_in(service.keys[role])
        return visitors[role].get(path)

    yield opened
    for visitor in visitors.values():
        visitor.client.close()


class Read(HTMLParser):
    """A page as a browser reads it: its texts, its elements with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str, attribute: str) -> list[str | None]:
        return [attributes[attribute] for name, attributes in self.elements if name == tag and attribute in attributes]


def test_an_endpoint_is_shown_with_its_variants_capture_and_what_each_process_has_answered(service, page, tmp_path):
    with running_endpoint(write_package(tmp_path / "package", {"code/inference.py": ECHO}), tmp_path) as running:
        for body in (b"1", b"2", b"fail"):
            plain_http.post(f"{running.url}/invocations", content=body, headers=AUTHORIZED)
        endpoints = service.here.database.endpoints
        gone = {"variant": "B", "weight": 1.0, "handle": {"address": "http://127.0.0.1:1"}}
        serving = {"variant": "A", "weight": 3.0, "handle": {"address": running.url}}
        row = replace(endpoints.get("own"), status=EndpointStatus.IN_SERVICE, running=[serving, gone])
        row = endpoints.save(row)
        told = next(one for one in service.json()["Endpoints"] if one["EndpointName"] == "own")
        shown = Read(page().text).text
        endpoints.save(replace(row, status=EndpointStatus.UPDATING, running=[]))
    assert told["EndpointStatus"] == "InService"
    assert told["DataCaptureConfig"]["CaptureStatus"] == "Started"
    assert [(one["VariantName"], one["Invocations"]) for one in told["ProductionVariants"]] == [
        ("A", {"requests": 3, "errors": 1}),
        ("B", None),
    ]
    assert "own In service A 75 % B 25 % On 100 % 3 1 errors not told" in shown


def test_a_schedule_is_shown_with_its_last_executions_the_newest_last(service, page):
    for number in range(BEATS + 2):
        service.executed(number, status=VIOLATED if number == BEATS else ExecutionStatus.COMPLETED, violations=0)
    last = service.executed(BEATS + 2, status=ExecutionStatus.IN_PROGRESS)
    row = next(one for one in service.json()["Schedules"] if one["MonitoringScheduleName"] == "own-hourly")
    ids = [one["MonitoringExecutionId"] for one in row["Executions"]]
    assert (len(ids), ids[-1]) == (BEATS, last)
    assert row["Executions"] == sorted(row["Executions"], key=lambda one: one["ScheduledTime"])
    links = Read(page().text).all("a", "href")
    assert links.count(f"/executions/{last}") == 1  # that one has no verdict yet
    assert links.count(f"/executions/own-hourly-{BEATS + 1}") == 2  # the last verdict, and its mark among the others


@pytest.mark.parametrize("role", ROLES)
def test_what_is_another_endpoints_is_on_nobodys_page(service, page, role):
    name = service.executed(ROLES.index(role), "foreign-hourly")
    for told in (page(role=role).text, page("/index.json", role).text):
        assert "own-hourly" in told
        assert "foreign" not in told
    assert "foreign-hourly" in page().text
    for path in (f"/executions/{name}", f"/executions/{name}.json", f"/executions/{name}/report", "/executions/nobody"):
        assert page(path, role).status_code == 403
    assert page("/executions/nobody").status_code == 404


def test_only_who_may_has_a_form_that_starts_and_stops(service, page):
    def forms(role):
        return [action for action in Read(page(role=role).text).all("form", "action") if action != "/logout"]

    assert forms("viewer") == []
    assert forms("operator") == ["/schedules/own-hourly/stop"]
    assert set(forms("admin")) == {"/schedules/own-hourly/stop", "/schedules/foreign-hourly/stop"}


@pytest.mark.parametrize(("role", "schedule"), [("viewer", "own-hourly"), ("operator", "foreign-hourly")])
def test_a_form_of_ones_own_making_goes_no_further(service, role, schedule):
    with Visitor(service.url) as visitor:
        visitor.log_in(service.keys[role])
        answer = visitor.post(f"/schedules/{schedule}/stop", {"token": visitor.token()})
    assert answer.status_code == 403
    assert "is not authorized to perform" in answer.text
    assert service.here.database.schedules.get(schedule).status == "Scheduled"


@pytest.mark.parametrize("name", ["nobody", "a" * 64, "x%0ay", "..", "%2e%2e", "own-hourly%00"])
def test_no_schedule_is_started_by_an_odd_name(service, name):
    with Visitor(service.url) as visitor:
        visitor.log_in(service.keys["admin"])
        answer = visitor.post(f"/schedules/{name}/start", {"token": visitor.token()})
    assert answer.status_code in (400, 404)


def test_who_may_only_invoke_is_told_so_and_can_leave(service):
    with Visitor(service.url) as visitor:
        visitor.log_in(service.keys["invoker"])
        refused = visitor.get()
        assert refused.status_code == 403
        token = Read(refused.text).all("input", "value")
        assert visitor.post("/logout", {"token": token[0]}).headers["location"] == "/login"


def report(**members: object) -> bytes:
    whole = {
        "monitor": "class_skew",
        "endpoint": "own",
        "window_start": NOON,
        "window_end": NOON,
        "records": 40,
        "predictions": 40,
        "unreadable": UnreadableLines(),
        "measurements": (),
        "violations": (),
    }
    return Report(**whole | members).to_json().encode()


def test_an_execution_is_shown_with_its_verdict_and_the_records_that_show_it(service, page):
    record = OffendingRecord(event_id="event-1", object_key="own/A/1.jsonl", line=7, detail="confidence 0.99")
    broken = Violation(
        feature_name="class 14", constraint_check_type="share", description="80.5 %", offending_records=(record,)
    )
    measured = (
        Measurement(name="share", value=0.805, unit="ratio", limit=0.5),
        Measurement(name="odd", value=float("nan"), unit="ratio"),
    )
    files = {REPORT_FILE: report(violations=(broken,), measurements=measured, remark="")}
    name = service.reported(100, files, violations=1, window_records=40, exit_message="CompletedWithViolations: 1")
    told = service.json(f"/executions/{name}.json")
    assert told["Execution"]["MonitoringExecutionStatus"] == "CompletedWithViolations"
    assert told["Report"]["Violations"][0]["offending_records"][0]["line"] == 7
    assert [(one["value"], one["violated"]) for one in told["Report"]["Measurements"]] == [(0.805, True), (None, False)]
    shown = Read(page(f"/executions/{name}").text).text
    for words in (
        "Violations CompletedWithViolations: 1",
        "share class 14 80.5 %",
        "own/A/1.jsonl:7",
        "<= 0.5 Violated",
    ):
        assert words in shown


def test_a_monitor_that_leaves_sagemakers_files_alone_is_shown_too(service, page):
    row = ConstraintViolation(feature_name="age", constraint_check_type="data_type_check", description="98 % Integral")
    content = ConstraintViolations(violations=[row]).model_dump_json().encode()
    name = service.reported(101, {VIOLATIONS_FILE: content})
    assert "data_type_check age 98 % Integral" in Read(page(f"/executions/{name}").text).text


@pytest.mark.parametrize(
    ("number", "files", "words"),
    [
        (102, {}, "The job left no report."),
        (103, {REPORT_FILE: b"{"}, "is no report that can be read"),
        (104, {VIOLATIONS_FILE: b"\xff\xfe"}, "is no report that can be read"),
        (105, {REPORT_FILE: b" " * (MOST_BYTES + 1)}, "no more than"),
        (106, {REPORT_FILE: report(remark="Too few records for a verdict.")}, "Too few records for a verdict."),
    ],
)
def test_a_report_that_cannot_be_read_is_said_in_words(service, page, number, files, words):
    name = service.reported(number, files)
    assert words in Read(page(f"/executions/{name}").text).text
    assert words in service.json(f"/executions/{name}.json")["Report"]["Remark"]


def test_an_execution_without_a_job_or_whose_job_is_forgotten_has_no_report(service, page):
    unseen = service.executed(107, window_records=0, exit_message="No verdict: 0 records")
    forgotten = service.executed(108, processing_job_name="gone")
    assert "No records No verdict: 0 records" in Read(page(f"/executions/{unseen}").text).text
    for name in (unseen, forgotten):
        assert service.json(f"/executions/{name}.json")["Report"] is None
        assert page(f"/executions/{name}/report").status_code == 404


def test_the_page_that_a_job_wrote_is_shown_in_a_sandbox(service, page):
    name = service.reported(109, {PAGE_FILE: b"<h1>Report</h1><script>parent.pwned = 1</script>"})
    assert f"/executions/{name}/report" in Read(page(f"/executions/{name}").text).all("a", "href")
    answer = page(f"/executions/{name}/report")
    assert (answer.status_code, answer.content[:15]) == (200, b"<h1>Report</h1>")
    policy = [part.strip() for part in answer.headers["content-security-policy"].split(";")]
    assert "sandbox" in policy  # with no allow-scripts, and no allow-same-origin
    assert "default-src 'none'" in policy
    assert not any("script" in part for part in policy)


def test_texts_of_jobs_and_models_stay_texts(service, page):
    record = OffendingRecord(event_id=HOSTILE, object_key=HOSTILE, line=1, detail=HOSTILE)
    broken = Violation(
        feature_name=HOSTILE, constraint_check_type=HOSTILE, description=HOSTILE, offending_records=(record,)
    )
    measured = (Measurement(name=HOSTILE, value=1, unit=HOSTILE, limit=0),)
    files = {REPORT_FILE: report(violations=(broken,), measurements=measured, remark=HOSTILE)}
    name = service.reported(110, files, exit_message=HOSTILE, scheduled_at=NOON.replace(year=2030))
    failed = service.executed(111, failure_reason=HOSTILE, status=ExecutionStatus.FAILED)
    endpoints = service.here.database.endpoints
    endpoints.save(replace(endpoints.get("foreign"), status=EndpointStatus.FAILED, failure_reason=HOSTILE))
    for path, times in (("/", 1), (f"/executions/{name}", 10), (f"/executions/{failed}", 1)):
        read = Read(page(path).text)
        assert "".join(read.texts).count(HOSTILE) == times, path
        assert read.all("script", "src") == ["/assets/htmx-2.0.11.min.js"]
        assert [tag for tag, _ in read.elements].count("script") == 1
        assert set(read.all("img", "src")) == {"/assets/sextant.svg"}
        assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]


def test_a_page_that_is_full_leads_to_the_next(service, page):
    for number in range(ROWS + 1):
        here = service.here.later(seconds=1)
        here.call("CreateMonitoringSchedule", **requests.schedule(f"many-{number}", endpoint="own"))
    found, path = [], "/"
    while path:
        read = Read(page(path).text)
        found += [one for one in read.all("button", "id") if one.startswith("switch-")]
        path = next((link for link in read.all("a", "href") if link.startswith("/?schedules=")), None)
    assert len(found) == len(set(found)) == ROWS + 3
    for number in range(ROWS + 1):
        service.here.call("DeleteMonitoringSchedule", MonitoringScheduleName=f"many-{number}")


@pytest.mark.parametrize("query", ["schedules=x", "endpoints=%00", "schedules=" + "x" * 9000])
def test_a_place_in_a_list_that_nobody_gave_is_refused(page, query):
    assert page(f"/?{query}").status_code in (400, 401)  # the longest is taken for a signature


def test_files_are_served_by_name_and_asked_for_again_only_when_they_change(page, service):
    answer = page("/assets/console.css")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    tag = {"If-None-Match": answer.headers["etag"]}
    again = plain_http.get(f"{service.url}/assets/console.css", headers=tag)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["nobody", "SOURCES.md", "%2e%2e%2frouting.py", "..%2f..%2fdoor.py", "x%00y"])
def test_no_other_file_is(service, name):
    assert plain_http.get(f"{service.url}/assets/{name}").status_code == 404
