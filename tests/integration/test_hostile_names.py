"""Names that climb, in every operation and route that takes one: nothing outside is read or touched, nothing breaks."""

import re
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

import service.control
from tests.hostile.names import NAMES, TEMPLATES, administrator, ask, make_world, operation_questions, route_questions
from tests.servers.control import control_process

SHARE = 20


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sandbox")
    here = make_world(folder)
    yield folder
    here.database.engine.dispose()


@pytest.fixture(scope="module")
def admin(sandbox):
    with control_process(sandbox / "data") as url, administrator(url) as client:
        yield client


def test_no_name_in_an_operation_leads_outside(sandbox, admin):
    found = ask(operation_questions(SHARE), admin, sandbox)
    assert not found.escapes, "\n".join(found.escapes[:20])
    assert found.requests > 5 * len(NAMES)
    assert found.answered > 40


def test_no_name_in_a_route_leads_outside(sandbox, admin):
    found = ask(route_questions(), admin, sandbox)
    assert not found.escapes, "\n".join(found.escapes[:20])
    assert found.requests > len(TEMPLATES) * len(NAMES)


def test_there_are_two_hundred_names_and_no_two_alike():
    assert len(set(NAMES)) == len(NAMES) >= 200


def test_every_route_that_holds_a_name_is_asked():
    folder = Path(service.control.__file__).parent
    sources = "".join(path.read_text() for path in folder.rglob("*.py"))
    routes = set(re.findall(r'"(/[a-z/-]*\{[^"]*)"', sources)) | {"/endpoints/{}/invocations"}
    asked = {re.sub(r"operation/x", "operation/{}", template) for _, template in TEMPLATES}
    assert {re.sub(r"\{[^}]*\}", "{}", route) for route in routes} <= asked
    assert len(routes) >= 3


def test_a_server_that_takes_names_for_paths_is_found_out(sandbox):
    def naive(request):
        path = sandbox / "data/jobs" / unquote(request.extensions["target"].decode()).removeprefix("/")
        return httpx.Response(200, text=path.read_text() if path.is_file() else "")

    with httpx.Client(base_url="http://naive", transport=httpx.MockTransport(naive)) as client:
        plain = (question for question in route_questions() if "GET /.." in question.what)
        found = ask(plain, client, sandbox)
    assert any("nobody may read this" in escape for escape in found.escapes)
