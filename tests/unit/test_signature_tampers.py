"""Real clients' requests are verified, and no single change of one is."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from service.core.signatures.errors import SignatureRefused
from tests.signature_tampers import Tampered, tampered
from tests.signed_calls import client_requests, genuine_requests
from tests.signing import signed_at, without

GENUINE = genuine_requests()
SERVICES = ["sagemaker", "sagemaker", "sagemaker", "sts", "iam", "logs", "monitoring", "monitoring"]


def accepted(changes: Iterator[Tampered]) -> Iterator[str]:
    for what, request, now in changes:
        try:
            request.verify(now)
        except SignatureRefused:
            continue
        yield what


@pytest.mark.parametrize("name", GENUINE)
def test_a_request_is_verified_as_it_was_signed_and_with_no_change(name):
    request = GENUINE[name]
    request.verify(signed_at(request))
    assert list(accepted(tampered(request))) == []


def test_clients_sign_for_the_services_that_are_called():
    scopes = [request.read(signed_at(request)).scope for request in client_requests().values()]
    assert [scope.service for scope in scopes] == SERVICES


def test_each_place_of_a_request_is_changed():
    kinds = {what.split()[0] for what, _, _ in tampered(GENUINE["a query and a header twice"])}
    assert kinds == {"method", "path", "query", "header", "body", "time", "arrives"}
    assert sum(1 for request in GENUINE.values() for _ in tampered(request)) > 1000


def test_a_verifier_that_believes_the_body_is_found_out():
    request = GENUINE["sagemaker-runtime"]
    believing = ((what, replace(changed, body=request.body), now) for what, changed, now in tampered(request))
    assert {what.split()[0] for what in accepted(believing)} == {"body"}


def test_headers_may_come_in_another_order_and_with_more_spaces():
    request = GENUINE["sagemaker-runtime"]
    loose = tuple((name, value.replace(b", of", b",   of")) for name, value in reversed(request.headers))
    replace(request, headers=loose).verify(signed_at(request))


def test_a_proxy_may_drop_what_is_not_signed():
    request = GENUINE["sts"]
    replace(request, headers=without(request.headers, b"user-agent")).verify(signed_at(request))
