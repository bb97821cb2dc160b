"""What the console takes from a browser: forms, whose page asked, paths to go on to; and numbers from processes."""

import pytest
from starlette.requests import Request

from service.control.console.browser import Cookies, ForeignPage, own_path
from service.control.console.forms import MOST_FIELDS, FormRefused, parsed
from service.control.console.invocations import Answered, counted

OWN = "http://127.0.0.1:8080"
SAME = {"origin": OWN, "sec-fetch-site": "same-origin"}
OPENED = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def request(method, host="127.0.0.1:8080", **headers):
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in {"host": host, **headers}.items()]
    return Request({"type": "http", "method": method, "headers": sent, "server": ("127.0.0.1", 8080)})


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", SAME),
        ("POST", {"origin": OWN}),  # browsers before Sec-Fetch-Site
        ("POST", {"origin": OWN.upper()}),
        ("GET", {}),
        ("GET", SAME),
        ("GET", {"sec-fetch-site": "none"}),
        ("GET", {"sec-fetch-site": "cross-site", **OPENED}),  # a link somewhere else
        ("HEAD", {"sec-fetch-site": "same-site", **OPENED}),
    ],
)
def test_our_own_pages_may_ask_and_a_link_may_open_one(method, headers):
    Cookies("http").require_own_page(request(method, **headers))


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {}),
        ("POST", {"sec-fetch-site": "same-origin"}),
        ("POST", {"origin": "null"}),
        ("POST", {"origin": ""}),
        ("POST", {"origin": "http://127.0.0.1:8081"}),  # another port is the same site to SameSite
        ("POST", {"origin": "http://localhost:8080"}),
        ("POST", {"origin": "http://127.0.0.1"}),
        ("POST", {"origin": "https://127.0.0.1:8080"}),
        ("POST", {"origin": OWN + ".evil.example"}),
        ("POST", {"origin": OWN, "sec-fetch-site": "same-site"}),
        ("POST", {"origin": OWN, "sec-fetch-site": "cross-site", **OPENED}),
        ("GET", {"origin": "http://127.0.0.1:8081"}),
        ("GET", {"sec-fetch-site": "same-site"}),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}),
        ("GET", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}),
        ("GET", {"sec-fetch-site": "sAmE-oRiGiN"}),
    ],
)
def test_no_other_page_may_ask(method, headers):
    with pytest.raises(ForeignPage):
        Cookies("http").require_own_page(request(method, **headers))


def test_behind_tls_our_own_pages_are_those_of_https():
    named = {"host": "monitor.example.com", "origin": "https://monitor.example.com"}
    Cookies("https").require_own_page(request("POST", **named))
    with pytest.raises(ForeignPage):
        Cookies("https").require_own_page(request("POST", **{**named, "origin": "http://monitor.example.com"}))


def test_two_origins_are_not_ours_because_one_is():
    twice = request("POST")
    twice.scope["headers"] += [(b"origin", OWN.encode()), (b"origin", b"http://evil.example")]
    with pytest.raises(ForeignPage):
        Cookies("http").require_own_page(twice)


def test_a_form_has_its_fields_decoded():
    assert parsed(b"api_key=a%20b+%C3%A9&next=%2Fx&token=") == {"api_key": "a b é", "next": "/x", "token": ""}


@pytest.mark.parametrize(
    "body",
    [
        b"api_key",
        b"&",
        b"a=1&&b=2",
        b"a=1&a=2",
        b"a=%ff",
        b"a=%C3",
        "a=é".encode(),
        b"\0\xff\xfe",
        b'{"a": 1}',
        "&".join(f"f{number}=1" for number in range(MOST_FIELDS + 1)).encode(),
        b"&".join([b"a=1"] * 5000),
    ],
)
def test_what_is_no_form_of_ours_is_refused(body):
    with pytest.raises(FormRefused):
        parsed(body)


def test_a_form_may_be_empty():
    assert parsed(b"") == {}


@pytest.mark.parametrize("path", ["/", "/executions/0f3a-9_b.c", "/executions/x.json", "/schedules/a/b"])
def test_a_path_of_ours_is_gone_on_to(path):
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "executions",
        "//evil.example",
        "/\\evil.example",
        "/%2Fevil.example",
        "/%5Cevil.example",
        "///evil.example",
        "/.//evil.example",
        "/x//evil.example",
        "/../evil",
        "/x/../y",
        "http://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "/x?next=//evil.example",
        "/x#y",
        "/x\n",
        "/x\r\nSet-Cookie: a=b",
        "/ evil",
        "/\tevil",
        "/é",
        "/" + "x" * 300,
        "/executions/sxt_" + "x" * 43,
    ],
)
def test_no_other_path_is(path):
    assert own_path(path) == "/"


def test_invocations_are_counted_over_codes():
    exported = (
        b"# TYPE sextant_invocations_total counter\n"
        b'sextant_invocations_total{code="200",endpoint="signs",variant="A"} 1.2e+06\n'
        b'sextant_invocations_total{code="424",endpoint="signs",variant="A"} 3.0\n'
        b'sextant_invocations_created{code="200",endpoint="signs",variant="A"} 1.7e+09\n'
    )
    assert counted(exported) == Answered(requests=1_200_003, errors=3)


@pytest.mark.parametrize("value", [b"NaN", b"+Inf", b"-1", b"e", b"1e99999", b"", b"1 2", b"9" * 400])
def test_what_is_no_count_is_passed_over(value):
    sample = b'sextant_invocations_total{code="200",endpoint="x",variant="y"} %s\n'
    assert counted(sample % value + sample % b"2.0") == Answered(2, 0)


def test_before_the_first_invocation_there_are_none():
    assert counted(b"") == Answered(0, 0)
