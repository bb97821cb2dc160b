"""Sessions against a real control process: logging in and out, and everything that must not pass for a session."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.audit import recorded
from service.control.access.sessions import LONGEST_UNUSED
from service.core.access import Grant, Role
from service.core.policy_document import document_of
from service.first_key import first_key_file, read_first_key
from tests import plain_http
from tests import sagemaker_requests as requests
from tests.aws_clients import client
from tests.canaries import Canary, files_below, found
from tests.servers.control import control_process
from tests.visitor import Visitor

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
UNLIMITED = {"SEXTANT_FAILED_KEYS_PER_MINUTE": "0"}


class Service:
    """A control process, its folder, and the keys of its first user and of those that tests make."""

    def __init__(self, url: str, here: requests.Installation) -> None:
        self.url, self.here, self.data = url, here, here.settings.data
        self.iam = client("iam", url)

    @property
    def key(self) -> str:
        return read_first_key(self.data).api_key.secret.reveal()

    def new_key(self, user: str) -> dict[str, str]:
        """The credential of a new administrator."""
        self.iam.create_user(UserName=user)
        document = document_of((Grant(Role.ADMIN),))
        self.iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=document)
        made = self.iam.create_service_specific_credential(UserName=user, ServiceName="sextant")
        return made["ServiceSpecificCredential"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("control")
    with control_process(folder, **UNLIMITED) as url:
        here = requests.Installation(folder).with_endpoint("signs")
        here.call("CreateMonitoringSchedule", **requests.schedule("hourly"))
        yield Service(url, here)
        here.database.engine.dispose()


@pytest.fixture
def stranger(service):
    with Visitor(service.url) as visitor:
        yield visitor


@pytest.fixture
def visitor(service):
    with Visitor(service.url) as logged_in:
        assert logged_in.log_in(service.key).status_code == 303
        yield logged_in


def is_logged_in(visitor):
    return visitor.get().status_code == 200


def status_of(service):
    return service.here.database.schedules.get("hourly").status


def test_who_shows_an_api_key_gets_the_page_that_was_asked_for(service, stranger):
    sent_away = stranger.get("/executions/some-id")
    assert (sent_away.status_code, sent_away.headers["location"]) == (303, "/login?next=/executions/some-id")
    assert 'value="/executions/some-id"' in stranger.get(sent_away.headers["location"]).text
    answer = stranger.log_in(service.key, next="/executions/some-id")
    assert (answer.status_code, answer.headers["location"]) == (303, "/executions/some-id")
    assert is_logged_in(stranger)


def test_the_cookie_is_for_this_host_and_no_script_and_ends_with_the_browser(service, stranger):
    told = stranger.log_in(service.key).headers["set-cookie"]
    name, _, rest = told.partition("=")
    port = service.url.rpartition(":")[2]
    assert name == f"sextant-{port}"  # the installation beside it, which has another port, keeps its own
    assert set(rest.split("; ")[1:]) == {"HttpOnly", "Path=/", "SameSite=strict"}


@pytest.mark.parametrize("key", ["", "sxt_" + "x" * 43, "SXTTESTS", "x" * 3000])
def test_another_key_is_refused_and_not_shown(stranger, key):
    answer = stranger.log_in(key)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "This is no API key that is in force" in answer.text
    assert not key or key not in answer.text
    assert not is_logged_in(stranger)


@pytest.mark.parametrize("path", ["//evil.example/", "https://evil.example/", "/\\evil.example", "/x\r\nX-Evil: 1"])
def test_nobody_is_sent_elsewhere_after_logging_in(service, stranger, path):
    assert stranger.log_in(service.key, next=path).headers["location"] == "/"
    assert "evil" not in stranger.client.get("/login", params={"next": path}).text


def test_a_session_that_an_attacker_has_chosen_or_had_before_is_not_taken_up(service, visitor):
    planted, fixed = visitor.cookie, "A" * 43
    name = next(iter(visitor.client.cookies))
    with Visitor(service.url) as victim:
        victim.client.cookies.set(name, fixed)
        victim.log_in(service.key)
        assert victim.client.cookies.jar is not None
        held = {cookie.value for cookie in victim.client.cookies.jar if cookie.value != fixed}
    assert held
    assert planted not in held
    with Visitor(service.url, cookies={name: fixed}) as attacker:
        assert not is_logged_in(attacker)


def test_logging_in_again_ends_the_session_before(service, visitor):
    before = dict(visitor.client.cookies)
    visitor.log_in(service.key)
    with Visitor(service.url, cookies=before) as thief:
        assert not is_logged_in(thief)
    assert is_logged_in(visitor)


def test_who_has_logged_out_is_out_with_every_copy_of_the_cookie(service, visitor):
    copied, token = dict(visitor.client.cookies), visitor.token()
    answer = visitor.send("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    with Visitor(service.url, cookies=copied) as thief:
        assert not is_logged_in(thief)
        assert thief.post("/schedules/hourly/stop", {"token": token}).headers["location"] == "/login"
    assert status_of(service) == "Scheduled"


def test_a_session_outlives_a_restart_and_ends_when_it_was_not_used_for_an_hour(tmp_path):
    with control_process(tmp_path) as url:
        here = requests.Installation(tmp_path)
        with Visitor(url) as visitor:
            visitor.log_in(read_first_key(tmp_path).api_key.secret.reveal())
            held = visitor.cookie
    with control_process(tmp_path) as url, Visitor(url) as visitor:
        visitor.client.cookies.set(f"sextant-{url.rpartition(':')[2]}", held)
        assert is_logged_in(visitor)
        (row,) = here.database.sessions.find(requests.EVERYTHING)
        used_at = datetime.now(UTC) - LONGEST_UNUSED
        here.database.sessions.save(type(row)(row.id, row.key_digest, row.created_at, used_at, row.version))
        assert not is_logged_in(visitor)
    here.database.engine.dispose()


def test_a_page_that_asks_again_by_itself_keeps_no_session_alive(service, visitor):
    sessions = service.here.database.sessions
    old = datetime.now(UTC) - timedelta(minutes=10)
    for row in sessions.find(requests.EVERYTHING):
        sessions.save(type(row)(row.id, row.key_digest, row.created_at, old, row.version))
    assert visitor.get(**{"Sextant-Refresh": "1"}).status_code == 200
    assert {row.used_at for row in sessions.find(requests.EVERYTHING)} == {old}
    assert is_logged_in(visitor)
    assert max(row.used_at for row in sessions.find(requests.EVERYTHING)) > old


def test_a_revoked_key_takes_its_stolen_sessions_along_and_nobody_elses(service, visitor):
    key = service.new_key("eve")
    name = {"UserName": "eve", "ServiceSpecificCredentialId": key["ServiceSpecificCredentialId"]}
    with Visitor(service.url) as eve:
        eve.log_in(key["ServiceCredentialSecret"])
        assert is_logged_in(eve)
        service.iam.update_service_specific_credential(**name, Status="Inactive")
        assert not is_logged_in(eve)
        service.iam.update_service_specific_credential(**name, Status="Active")
        assert is_logged_in(eve)
        service.iam.reset_service_specific_credential(**name)  # the same key by its id, and another secret
        assert not is_logged_in(eve)
        assert eve.log_in(key["ServiceCredentialSecret"]).status_code == 401
    assert is_logged_in(visitor)


def test_a_form_changes_what_it_says(service, visitor):
    answer = visitor.send("/schedules/hourly/stop")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert status_of(service) == "Stopped"
    visitor.send("/schedules/hourly/start")
    assert status_of(service) == "Scheduled"


FOREIGN = {
    "no page says that it sent it": {"Origin": ""},
    "a page of elsewhere": {"Origin": "https://evil.example"},
    "a page of no origin": {"Origin": "null"},
    "a page of another port of this host": {"Origin": "http://127.0.0.1:1"},
    "a page of this port under another name": {"Origin": "http://localhost:{port}"},
    "a page that the browser calls foreign": {"Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_form_of_a_foreign_page_changes_nothing_with_cookie_and_token(service, visitor, headers):
    port = service.url.rpartition(":")[2]
    sent = {name: value.format(port=port) for name, value in headers.items()}
    assert visitor.send("/schedules/hourly/stop", **sent).status_code == 403
    assert status_of(service) == "Scheduled"


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_nor_does_a_foreign_page_log_anybody_in(service, stranger, headers):
    port = service.url.rpartition(":")[2]
    sent = {name: value.format(port=port) for name, value in headers.items()}
    answer = stranger.post("/login", {"api_key": service.key}, **sent)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_a_form_with_no_token_or_that_of_another_session_changes_nothing(service, visitor):
    with Visitor(service.url) as other:
        other.log_in(service.key)
        foreign = other.token()
    for fields in (
        {"other": ""},
        {"token": ""},
        {"token": foreign},
        {"token": visitor.cookie},
        {"tokens": visitor.token()},
    ):
        assert visitor.post("/schedules/hourly/stop", fields).status_code == 403
    assert status_of(service) == "Scheduled"


def test_a_foreign_page_reads_nothing_with_the_cookie_and_a_link_of_one_opens_a_page(visitor):
    image = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert visitor.get(**{"Sec-Fetch-Site": "same-site"}, **image).status_code == 403
    assert visitor.get("/index.json", **{"Sec-Fetch-Site": "cross-site"}, **image).status_code == 403
    opened = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert visitor.get(**opened).status_code == 200


@pytest.mark.parametrize("path", ["/", "/login", "/index.json", "/assets/console.css"])
def test_another_host_is_answered_nothing(visitor, path):
    assert visitor.get(path, Host="rebound.example").status_code == 421
    assert visitor.post(path, {}, Host="rebound.example", Origin="http://rebound.example").status_code == 421


ODD_FORMS = {
    "too long": (b"api_key=" + b"x" * 5000, FORM, 413),
    "endless": ((b"x" * 1000 for _ in range(10)), FORM, 413),
    "no form": (b"\0\xff", FORM, 400),
    "a field twice": (b"api_key=a&api_key=b", FORM, 400),
    "many fields": (b"&".join(b"f%d=1" % number for number in range(500)), FORM, 400),
    "JSON": (b'{"api_key": "x"}', {"Content-Type": "application/json"}, 415),
    "text": (b"api_key=x", {"Content-Type": "text/plain"}, 415),
    "in parts": (b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
    "of no type": (b"api_key=x", {"Content-Type": ""}, 415),
    "nothing": (b"", FORM, 401),
}


@pytest.mark.parametrize(("body", "headers", "status"), ODD_FORMS.values(), ids=ODD_FORMS)
def test_odd_forms_are_refused_in_words(stranger, body, headers, status):
    answer = stranger.post("/login", body, **headers)
    assert answer.status_code == status
    assert "<h1>" in answer.text


def test_a_cookie_is_no_key_for_operations_and_models(service, visitor):
    target = {"X-Amz-Target": "SageMaker.ListModels", "Content-Type": "application/x-amz-json-1.1"}
    query = {**FORM, "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    asked = {
        "SageMaker": visitor.post("/", b"{}", **target),
        "IAM": visitor.post("/", b"Action=ListUsers&Version=2010-05-08", **query),
        "InvokeEndpoint": visitor.post("/endpoints/signs/invocations", b"[1]"),
        "metrics": visitor.get("/metrics"),
        "a log": visitor.get("/processing-jobs/some/log"),
    }
    assert {name: answer.status_code for name, answer in asked.items()} == {
        "SageMaker": 403,
        "IAM": 403,
        "InvokeEndpoint": 403,
        "metrics": 401,
        "a log": 401,
    }
    assert b"MissingAuthenticationToken" in asked["SageMaker"].content


def test_a_key_in_the_request_reads_pages_and_sends_no_form(service, stranger):
    bearer = {"Authorization": f"Bearer {service.key}"}
    assert stranger.get("/index.json", **bearer).json()["Schedules"][0]["MonitoringScheduleName"] == "hourly"
    assert 'action="/schedules/hourly/stop"' not in stranger.get("/", **bearer).text
    assert stranger.post("/schedules/hourly/stop", {}, **bearer).headers["location"] == "/login"
    assert status_of(service) == "Scheduled"


def test_programs_without_a_key_are_told_so_and_not_sent_to_a_form(stranger):
    answer = stranger.get("/index.json")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="sextant"')
    refreshed = stranger.get("/", **{"HX-Request": "true"})
    assert (refreshed.status_code, refreshed.headers["hx-redirect"]) == (204, "/login")


@pytest.mark.parametrize("path", ["/", "/login", "/index.json", "/executions/nobody", "/assets/console.css"])
def test_every_answer_keeps_scripts_frames_and_caches_out(visitor, path):
    headers = visitor.get(path).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/assets/") else "no-store")


def test_who_comes_goes_and_is_refused_is_in_the_audit_log_with_what_was_changed(tmp_path):
    with control_process(tmp_path) as url:
        here = requests.Installation(tmp_path).with_endpoint("signs")
        here.call("CreateMonitoringSchedule", **requests.schedule("hourly"))
        key = read_first_key(tmp_path).api_key
        with Visitor(url) as visitor:
            visitor.log_in("sxt_" + "x" * 43)
            visitor.log_in(key.secret.reveal())
            visitor.send("/schedules/hourly/stop")
            visitor.post("/schedules/hourly/start", {"token": "guessed"})
            visitor.send("/logout")
        here.database.engine.dispose()
    told = [
        (line["operation"], line["user"], line["key_id"], line["status"], line["error"], line["resource"])
        for line in recorded(tmp_path)
    ]
    admin, schedule = ("admin", key.key_id), {"MonitoringScheduleName": "hourly"}
    start = "POST /schedules/{MonitoringScheduleName}/start"
    assert told == [
        ("POST /login", None, None, 401, "UnrecognizedClientException", {}),
        ("POST /login", *admin, 303, None, {}),
        ("sagemaker:StopMonitoringSchedule", *admin, 303, None, schedule),
        (start, *admin, 403, "ForeignPage", {}),
        ("POST /logout", *admin, 303, None, {}),
    ]


def test_wrong_keys_are_counted_with_all_others_and_lock_nobody_out_here(tmp_path):
    with control_process(tmp_path) as url, Visitor(url) as visitor:
        statuses = [visitor.log_in("sxt_" + "x" * 43).status_code for _ in range(25)]
        assert statuses[:20] == [401] * 20
        assert 429 in statuses[20:]
        late = visitor.log_in("sxt_" + "y" * 43)
        assert (late.status_code, int(late.headers["retry-after"]) > 0) == (429, True)
        assert visitor.log_in(read_first_key(tmp_path).api_key.secret.reveal()).status_code == 303


def test_a_session_has_its_keys_limit(tmp_path):
    with control_process(tmp_path, SEXTANT_REQUESTS_PER_SECOND_PER_KEY="0.1") as url, Visitor(url) as visitor:
        assert visitor.log_in(read_first_key(tmp_path).api_key.secret.reveal()).status_code == 303
        answers = [visitor.get() for _ in range(3)]
        assert (answers[-1].status_code, "retry-after" in answers[-1].headers) == (429, True)


def test_neither_a_session_nor_its_key_is_written_anywhere(service, visitor):
    visitor.get("/executions/" + service.key)
    visitor.post("/login", {"api_key": service.key + "x", "next": "/" + service.key})
    canaries = [Canary("key", service.key.encode()), Canary("session", visitor.cookie.encode())]
    canaries.append(Canary("token", visitor.token().encode()))
    outputs = files_below(service.data, but=[first_key_file(service.data)])
    assert found(canaries, outputs) == []
    assert found(canaries, {"planted": visitor.cookie.encode()}) == ["session in planted"]


def test_a_key_in_the_place_of_a_page_is_not_shown_again(service, stranger):
    away = stranger.get("/executions/" + service.key)
    assert away.headers["location"] == "/login"
    assert service.key not in stranger.client.get("/login", params={"next": "/" + service.key}).text


def test_a_request_over_an_open_connection_that_says_nothing_of_itself_is_a_stranger(service):
    assert plain_http.get(f"{service.url}/").headers["location"] == "/login"
