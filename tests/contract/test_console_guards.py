"""Each guard of the console caught at its work: the same attack is turned away with it, and comes through without."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import httpx
import pytest

from service.control.access.keys import KnownKeys
from service.control.access.sessions import Session, Sessions
from service.control.console import login, rendering
from service.control.console.browser import Cookies
from tests.access.asking import SCHEDULES, Asked
from tests.access.cells import Reach, Whose
from tests.access.house import House, furnish, house, posted
from tests.sagemaker_requests import ADMIN, EVERYTHING

STOP = Asked(None, path=f"/schedules/{SCHEDULES[Whose.OWN]}/stop")
EVIL = "//evil.example/"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as furnished:
        yield furnished


class Attack:
    """An attacker's requests with a cookie of an operator's, and what comes of them."""

    def __init__(self, built: House) -> None:
        self.built = built
        caller = built.callers["operator", Reach.OWN]
        self.key = built.api_keys[caller.key_id]
        self.browser = built.logged_in(self.key)

    def from_another_port(self) -> httpx.Response:
        form = posted(STOP, token=self.browser.token)
        return self._sent(replace(form, headers={**form.headers, "Origin": "http://127.0.0.1:1"}))

    def without_a_token(self) -> httpx.Response:
        return self._sent(posted(STOP, token="guessed"))

    def with_a_cookie_of_a_key_that_was_reset(self) -> httpx.Response:
        keys = self.built.here.database.api_keys
        (row,) = [row for row in keys.find(EVERYTHING) if row.user_name == "operator-own"]
        keys.save(replace(row, digest="another"))
        try:
            self.built.forget()
            return self._sent(posted(STOP, token=self.browser.token))
        finally:
            keys.save(replace(row, version=row.version + 1))
            self.built.forget()

    def after_logging_out(self) -> httpx.Response:
        self._sent(posted(Asked(None, path="/logout"), token=self.browser.token))
        return self._sent(posted(STOP, token=self.browser.token))

    def _sent(self, request: Asked) -> httpx.Response:
        return self.built.sent(request, cookies=self.browser.cookies)

    def comes_through(self, answer: httpx.Response) -> bool:
        schedules = self.built.here.database.schedules
        changed = schedules.get(SCHEDULES[Whose.OWN]).status == "Stopped"
        assert changed == (answer.headers.get("location") == "/")
        furnish(self.built.here)
        return changed


@dataclass(frozen=True)
class Guard:
    """A part of the console, what it is without its guard, and the attack that it is there for."""

    of: object
    name: str
    without: Callable[..., object]
    attack: Callable[[Attack], httpx.Response]


GUARDS = {
    "origin": Guard(Cookies, "require_own_page", lambda *_: None, Attack.from_another_port),
    "token": Guard(Session, "has_token", lambda *_: True, Attack.without_a_token),
    "key": Guard(KnownKeys, "holder", lambda *_: ADMIN, Attack.with_a_cookie_of_a_key_that_was_reset),
    "end": Guard(Sessions, "end", lambda *_: None, Attack.after_logging_out),
}


@pytest.mark.parametrize("guard", GUARDS.values(), ids=GUARDS)
def test_an_attack_is_turned_away_by_its_guard_alone(built, monkeypatch, guard):
    attack = Attack(built)
    assert not attack.comes_through(guard.attack(attack))
    attack = Attack(built)
    monkeypatch.setattr(guard.of, guard.name, guard.without)
    assert attack.comes_through(guard.attack(attack))


def test_where_to_go_on_is_held_to_this_service_by_its_guard_alone(built, monkeypatch):
    def gone_on_to():
        form = posted(Asked(None, path="/login"), api_key=Attack(built).key, next=EVIL)
        return built.sent(form).headers["location"]

    assert gone_on_to() == "/"
    monkeypatch.setattr(login, "own_path", lambda path: path)
    assert gone_on_to() == EVIL


def test_texts_are_kept_texts_by_escaping_alone(monkeypatch):
    hostile = "<script>pwned()</script>"
    assert hostile.encode() not in rendering.page("refusal", sentence=hostile).body
    monkeypatch.setattr(rendering._TEMPLATES, "autoescape", False)
    rendering._TEMPLATES.cache.clear()
    assert hostile.encode() in rendering.page("refusal", sentence=hostile).body
    rendering._TEMPLATES.cache.clear()
