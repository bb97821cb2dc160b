"""A process answers its own machine only, and by those names that it was told."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from service.local_only import LocalOnly, require_loopback

PASSED = 200


async def _always_passed(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": PASSED, "headers": []})


def status_of(*headers: tuple[bytes, bytes], kind: str = "http", hosts: frozenset[str] = frozenset()) -> int:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(LocalOnly(_always_passed, hosts=hosts)({"type": kind, "headers": list(headers)}, None, send))
    return sent[0].get("status") or sent[0]["code"]


@pytest.mark.parametrize(
    "host", [b"127.0.0.1", b"127.0.0.1:8080", b"127.9.8.7", b"localhost", b"LOCALHOST:1", b"[::1]", b"[::1]:8080"]
)
def test_a_loopback_host_passes(host: bytes) -> None:
    assert status_of((b"host", host)) == PASSED


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"evil.example",
        b"127.0.0.1.evil.example",
        b"localhost.evil.example",
        b"127.0.0.1@evil.example",
        b"evil.example#127.0.0.1",
        b"10.0.0.1:80",
        b"0.0.0.0",
        b"128.0.0.1",
        b"[::]",
        b"::1",
        b"[::ffff:10.0.0.1]",
        b"2130706433",
        b"0x7f.1",
        b"127.0.0.1:port",
        b"127.0.0.1 ",
        b"127.0.0.1\xff",
        b"localhost.",
    ],
)
def test_any_other_host_is_misdirected(host: bytes) -> None:
    assert status_of((b"host", host)) == 421


@pytest.mark.parametrize("headers", [(), ((b"host", b"localhost"), (b"host", b"evil.example"))])
def test_no_host_and_two_hosts_are_misdirected(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    assert status_of(*headers) == 421


@pytest.mark.parametrize(
    "origin", [b"http://127.0.0.1:3000", b"http://localhost", b"HTTP://[::1]:80", b"https://localhost:8443"]
)
def test_a_loopback_origin_passes(origin: bytes) -> None:
    assert status_of((b"host", b"localhost"), (b"origin", origin)) == PASSED


@pytest.mark.parametrize(
    "origin",
    [b"null", b"", b"http://evil.example", b"https://evil.example", b"file://", b"http://localhost.evil", b"http://"],
)
def test_a_foreign_origin_is_forbidden(origin: bytes) -> None:
    assert status_of((b"host", b"localhost"), (b"origin", origin)) == 403


NAMED = frozenset({"monitor.example.com", "[2001:db8::1]"})


@pytest.mark.parametrize(
    "host", [b"monitor.example.com", b"MONITOR.example.com:443", b"[2001:db8::1]:8080", b"localhost", b"127.0.0.1"]
)
def test_a_host_that_was_told_passes_beside_loopback(host: bytes) -> None:
    assert status_of((b"host", host), hosts=NAMED) == PASSED


@pytest.mark.parametrize(
    "host", [b"example.com", b"evil.monitor.example.com", b"monitor.example.com.evil", b"monitor.example.com:x", b""]
)
def test_a_host_that_was_not_told_is_misdirected(host: bytes) -> None:
    assert status_of((b"host", host), hosts=NAMED) == 421


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (b"https://monitor.example.com", PASSED),
        (b"https://Monitor.example.com:8443", PASSED),
        (b"http://monitor.example.com", 403),
        (b"https://evil.example", 403),
        (b"ftp://localhost", 403),
        (b"null", 403),
    ],
)
def test_pages_of_a_host_that_was_told_pass_over_tls_only(origin: bytes, status: int) -> None:
    assert status_of((b"host", b"monitor.example.com"), (b"origin", origin), hosts=NAMED) == status


def test_one_foreign_origin_beside_a_local_one_is_forbidden() -> None:
    origins = [(b"origin", b"http://localhost"), (b"origin", b"http://evil.example")]
    assert status_of((b"host", b"localhost"), *origins) == 403


def test_a_foreign_websocket_is_closed() -> None:
    assert status_of((b"host", b"evil.example"), kind="websocket") == 1008


def test_the_start_of_the_server_itself_passes() -> None:
    assert status_of(kind="lifespan") == PASSED


@given(st.binary(max_size=60))
def test_no_host_makes_the_check_fail(host: bytes) -> None:
    assert status_of((b"host", host)) in (PASSED, 421)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_addresses_may_be_bound(host: str) -> None:
    require_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "example.com", "127.0.0.1:80"])
def test_other_addresses_may_not_be_bound(host: str) -> None:
    with pytest.raises(BadInput, match=r"bind to 127\.0\.0\.1"):
        require_loopback(host)
