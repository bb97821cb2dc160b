"""The table of InvokeEndpoint's members against AWS's published shapes, and what is read of a request's headers."""

import random
from collections import Counter

import pytest
from botocore.loaders import Loader

from service.control.gateway.errors import ModelNotReadyException, ValidationError
from service.control.gateway.members import (
    FORWARDED,
    IGNORED,
    REFUSED,
    RETURNED,
    ROUTING,
    header_of,
    read_members,
    returned_headers,
)
from service.control.gateway.routes import Route, drawn
from service.core.variants import Variant

SHAPES = Loader().load_service_model("sagemaker-runtime", "service-2")["shapes"]
ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"


def headers_of(shape):
    return {name for name, member in SHAPES[shape]["members"].items() if member.get("location") == "header"}


def read(**members):
    return read_members("signs", [(header_of(name), value.encode("latin-1")) for name, value in members.items()])


def test_every_published_member_is_in_the_table_once():
    treated = [*FORWARDED, *ROUTING, *IGNORED, *REFUSED]
    assert Counter(treated) == Counter(headers_of("InvokeEndpointInput"))


def test_every_published_member_of_an_answer_is_returned():
    assert {*RETURNED, "InvokedProductionVariant"} == headers_of("InvokeEndpointOutput")


def test_what_is_no_member_is_not_forwarded():
    others = [(b"authorization", b"AWS4-HMAC-SHA256"), (b"x-amz-date", b"20261126"), (b"cookie", b"a=b")]
    assert read_members("signs", others).forwarded == {}


def test_members_are_forwarded_and_those_that_route_are_not():
    invocation = read(ContentType="text/csv", TargetVariant="Blue", PrefixAwareId="app")
    assert (invocation.forwarded, invocation.target_variant) == ({b"content-type": b"text/csv"}, "Blue")


@pytest.mark.parametrize("member", REFUSED)
def test_a_refused_member_names_the_endpoint_or_what_to_leave_out(member):
    with pytest.raises(ValidationError, match=r"Endpoint signs |remove the Inference Component Name header"):
        read(**{member: "a"})


def test_every_breach_is_told_at_once():
    with pytest.raises(ValidationError, match=r"^2 validation errors detected: .*'accept'.*'inferenceId'"):
        read(Accept="a" * 1025, InferenceId="i" * 65)


@pytest.mark.parametrize("value", ["caf\u00e9", "\u00ff"])
def test_what_is_not_ascii_is_refused(value):
    with pytest.raises(ValidationError, match="Member must satisfy regular expression pattern"):
        read(CustomAttributes=value)


def test_the_models_own_attributes_stand_before_the_callers():
    asked = read(CustomAttributes="caller")
    assert returned_headers([(ATTRIBUTES, b"model"), (b"server", b"x")], asked) == [(ATTRIBUTES, b"model")]
    assert returned_headers([], asked) == [(ATTRIBUTES, b"caller")]
    assert returned_headers([], read()) == []


def variant(name, weight, *, loading=False):
    return Variant(name, "http://127.0.0.1:1", weight, weight, is_loading=loading)


def counted(*variants, draws=4000):
    route, generator = Route("signs", 0.0, variants), random.Random(7)
    return Counter(drawn(route, None, generator).name for _ in range(draws))


def test_variants_are_drawn_in_the_shares_of_their_weights():
    counts = counted(variant("a", 6.0), variant("b", 3.0), variant("c", 0.0), variant("d", 1.0))
    assert counts["c"] == 0
    assert [round(counts[name] / 400) for name in "abd"] == [6, 3, 1]


def test_a_smallest_weight_beside_zero_gets_everything():
    assert counted(variant("a", 0.0), variant("b", 5e-324), variant("c", 0.0), draws=100) == {"b": 100}


def test_a_variant_that_loads_is_not_left_out_for_another():
    route = Route("signs", 0.0, (variant("a", 1.0, loading=True), variant("b", 0.0)))
    with pytest.raises(ModelNotReadyException, match="Variant a of endpoint signs was started again"):
        drawn(route, None, random.Random(7))
