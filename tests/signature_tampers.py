"""One change to a signed request, at every place: none of what comes out may be taken for the request.

What lives here: the changes. What does not: changes that are none by AWS's rules, such as the order of headers, a
header that proxies add, or another number of spaces.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from service.core.signatures.parts import AUTHORIZATION
from service.core.signatures.reading import COVERED, Headers
from tests.signing import Arrived, signed_at

Tampered = tuple[str, Arrived, datetime]  # what was changed, what arrives, when it does
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "post")
ADDED = (
    *((name, b"x") for name in sorted(COVERED)),
    (b"x-amz-target", b"SageMaker.DeleteModel"),
    (b"x-amz-security-token", b"x"),
    (b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD"),
    (b"x-amzn-sagemaker-target-variant", b"green"),
)
LATER = (timedelta(minutes=-5, seconds=-1), timedelta(days=8), timedelta(days=-1))
SHIFTS = (timedelta(seconds=1), timedelta(seconds=-1), timedelta(minutes=4), timedelta(days=1), timedelta(days=-365))


def tampered(request: Arrived) -> Iterator[Tampered]:
    """Every single change of a request that was signed, each to be refused."""
    now = signed_at(request)
    for place, changed in _changed(request):
        yield place, changed, now
    for later in LATER:
        yield f"arrives {later} later", request, now + later


def signed_names(request: Arrived) -> tuple[bytes, ...]:
    """The names of the headers that a request's signature covers."""
    text = dict(request.headers).get(AUTHORIZATION, b"")
    if not text:
        text = (
            request.query.replace(b"X-Amz-SignedHeaders=", b"SignedHeaders=").replace(b"%3B", b";").replace(b"&", b",")
        )
    return tuple(text.partition(b"SignedHeaders=")[2].partition(b",")[0].split(b";"))


def _changed(request: Arrived) -> Iterator[tuple[str, Arrived]]:
    yield from _methods(request)
    for byte, path in _bytes_changed(request.path):
        yield f"path {byte}", replace(request, path=path)
    for byte, query in _bytes_changed(request.query):
        yield f"query {byte}", replace(request, query=query)
    yield "query added", replace(request, query=request.query + (b"&a=b" if request.query else b"a=b"))
    yield from _headers(request)
    for byte, body in _bytes_changed(request.body):
        yield f"body {byte}", replace(request, body=body)
    yield "body longer", replace(request, body=request.body + b"\0")
    yield from _times(request)


def _methods(request: Arrived) -> Iterator[tuple[str, Arrived]]:
    for method in METHODS:
        if method != request.method:
            yield f"method {method}", replace(request, method=method)


def _headers(request: Arrived) -> Iterator[tuple[str, Arrived]]:
    covered = {*signed_names(request), AUTHORIZATION}
    for at, (name, value) in enumerate(request.headers):
        if name in covered:
            yield f"header {name!r} left out", _with_headers(request, at, ())
            yield f"header {name!r} twice", _with_headers(request, at, ((name, value), (name, value)))
            yield f"header {name!r} named otherwise", _with_headers(request, at, ((b"x" + name, value),))
            for byte, changed in _bytes_changed(value):
                yield f"header {name!r} {byte}", _with_headers(request, at, ((name, changed),))
    for name, value in ADDED:
        if name not in dict(request.headers):
            yield f"header {name!r} added", replace(request, headers=(*request.headers, (name, value)))


def _times(request: Arrived) -> Iterator[tuple[str, Arrived]]:
    then = signed_at(request)
    for shift in SHIFTS:
        old, new = f"{then:%Y%m%dT%H%M%SZ}".encode(), f"{then + shift:%Y%m%dT%H%M%SZ}".encode()
        headers = tuple((name, value.replace(old, new)) for name, value in request.headers)
        moved = replace(request, headers=headers, query=request.query.replace(old, new))
        if moved != request:
            yield f"time {shift}", moved
            yield f"time and scope {shift}", _with_date(moved, old[:8], new[:8])


def _with_date(request: Arrived, old: bytes, new: bytes) -> Arrived:
    headers = tuple((name, value.replace(b"/%b/" % old, b"/%b/" % new)) for name, value in request.headers)
    return replace(request, headers=headers, query=request.query.replace(b"%%2F%b%%2F" % old, b"%%2F%b%%2F" % new))


def _with_headers(request: Arrived, at: int, instead: Headers) -> Arrived:
    return replace(request, headers=(*request.headers[:at], *instead, *request.headers[at + 1 :]))


def _bytes_changed(text: bytes) -> Iterator[tuple[str, bytes]]:
    """The text with one byte replaced, taken out or put in, at each place where that is a change.

    A space is left alone: how many there are is nobody's business. So is a slash beside another.
    """
    for at in range(len(text)):
        one, before, after = text[at : at + 1], text[:at], text[at + 1 :]
        if one != b" ":
            yield f"{at} replaced", before + (b"y" if one == b"x" else b"x") + after
            yield f"{at} taken out", before + after
        yield f"{at} put in", before + b"x" + one + after
