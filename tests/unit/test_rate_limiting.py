"""Who asks too often is told when to come again, in the words of the API that it asks."""

import asyncio

import pytest

from service.control.access.rate_limits import RateLimits
from service.control.throttling import AddressesLimited
from service.settings import Settings

ADDRESS = "192.0.2.7"


class Clock:
    """A clock that stands until it is set."""

    now = 100.0

    def __call__(self):
        return self.now


def limits(clock=None, **settings):
    return RateLimits(Settings(**settings), clock or Clock())


async def passed(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})


def asked(rate_limits, path="/", address=ADDRESS, content_type="application/x-amz-json-1.1", kind="http"):
    """Status, headers and body of one request's answer."""
    sent = []

    async def send(message):
        sent.append(message)

    headers = [(b"content-type", content_type.encode())]
    scope = {"type": kind, "path": path, "client": (address, 1), "headers": headers, "method": "POST"}
    asyncio.run(AddressesLimited(passed, rate_limits)(scope, None, send))
    start, *parts = sent
    return start["status"], dict(start["headers"]), b"".join(part["body"] for part in parts)


def used_up(path, content_type="application/x-amz-json-1.1"):
    one_a_second = limits(requests_per_second_per_address=1)
    for _ in range(2):
        assert asked(one_a_second, path, content_type=content_type)[0] == 200
    return asked(one_a_second, path, content_type=content_type)


def test_the_control_plane_answers_a_throttling_exception():
    status, headers, body = used_up("/")
    assert (status, headers[b"retry-after"]) == (400, b"1")
    assert body == b'{"__type":"ThrottlingException","message":"Rate exceeded: try again in 1 s."}'


def test_the_query_protocol_answers_throttling():
    status, headers, body = used_up("/", "application/x-www-form-urlencoded; charset=utf-8")
    assert (status, headers[b"retry-after"]) == (400, b"1")
    assert b"<Code>Throttling</Code>" in body


def test_the_runtime_answers_a_throttling_exception_in_its_header():
    status, headers, body = used_up("/endpoints/signs/invocations")
    assert (status, headers[b"retry-after"], headers[b"x-amzn-errortype"]) == (400, b"1", b"ThrottlingException")
    assert b"Rate exceeded" in body


def test_any_other_page_answers_429():
    status, headers, body = used_up("/metrics")
    assert (status, headers[b"retry-after"]) == (429, b"1")
    assert body == b'{"detail":"Rate exceeded: try again in 1 s."}'


def test_by_default_a_thousand_requests_at_once_are_answered():
    default = limits()
    assert {default.admit_address("127.0.0.1") for _ in range(1000)} == {None}
    assert {default.admit_key("AKIA") for _ in range(1000)} == {None}


def test_zero_sets_no_limit():
    off = limits(requests_per_second_per_address=0, requests_per_second_per_key=0, failed_keys_per_minute=0)
    calls = [(off.admit_address(ADDRESS), off.admit_key("AKIA"), off.failed(ADDRESS)) for _ in range(50_000)]
    assert set(calls) == {(None, None, None)}


def test_behind_a_proxy_only_keys_are_counted():
    behind = limits(behind_proxy=True, requests_per_second_per_address=1, requests_per_second_per_key=1)
    assert {behind.admit_address(ADDRESS) for _ in range(50)} == {behind.failed(ADDRESS) for _ in range(50)} == {None}
    assert behind.admit_key("A") is behind.admit_key("A") is None
    assert behind.admit_key("A") is not None


def test_one_key_takes_nothing_from_another():
    slow = limits(requests_per_second_per_key=1)
    assert [slow.admit_key("A") for _ in range(2)] == [None, None]
    assert slow.admit_key("A") == pytest.approx(1, abs=1e-3)
    assert slow.admit_key("B") is None


def test_twenty_wrong_keys_are_told_so_and_then_five_a_minute():
    clock = Clock()
    rate_limits = limits(clock)
    assert [rate_limits.failed(ADDRESS) for _ in range(20)] == [None] * 20
    assert rate_limits.failed(ADDRESS) == pytest.approx(12, abs=0.01)
    clock.now += 60.1
    assert [rate_limits.failed(ADDRESS) is None for _ in range(6)] == [True] * 5 + [False]


def test_an_address_with_too_many_wrong_keys_waits_before_it_is_asked_for_another():
    clock = Clock()
    rate_limits = limits(clock)
    for _ in range(20):
        assert asked(rate_limits)[0] == 200
        rate_limits.failed(ADDRESS)
    status, headers, _ = asked(rate_limits)
    assert (status, headers[b"retry-after"]) == (400, b"12")
    assert asked(rate_limits, address="192.0.2.8")[0] == 200
    clock.now += 12.1
    assert asked(rate_limits)[0] == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_wrong_keys_on_this_machine_lock_nobody_out(address):
    rate_limits = limits()
    for _ in range(30):
        last = rate_limits.failed(address)
    assert last is not None
    assert rate_limits.admit_address(address) is None


def test_the_addresses_of_one_ipv6_site_are_one():
    rate_limits = limits(requests_per_second_per_address=1)
    waits = [rate_limits.admit_address(f"2001:db8:1:2::{number:x}") for number in range(3)]
    assert [wait is None for wait in waits] == [True, True, False]
    assert rate_limits.admit_address("2001:db8:1:3::1") is None
    assert rate_limits.admit_address("fe80::1%eth0") is None


def test_the_start_of_the_server_itself_passes():
    nothing = limits(requests_per_second_per_address=1)
    assert {asked(nothing, kind="lifespan")[0] for _ in range(5)} == {200}
