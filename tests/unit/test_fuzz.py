"""The fuzzed requests: the same for a seed, for every operation, and far from all alike."""

import json

import orjson
import pytest

from monitor_jobs.contract.errors import BadInput
from service.control.sagemaker.operations import OPERATIONS
from service.control.shapes import validate
from tests.dialect.fuzz import GOOD, SHAPES, Writer, fuzzed_requests, shape_name
from tests.dialect.scenarios import SCENARIOS
from tests.sagemaker_operations import NEEDED

COUNT = 600


@pytest.fixture(scope="module")
def bodies():
    return [request.body for request in fuzzed_requests(1, COUNT)]


def test_a_seed_gives_the_same_bytes_and_another_gives_others(bodies):
    assert [request.body for request in fuzzed_requests(1, COUNT)] == bodies
    assert [request.body for request in fuzzed_requests(2, COUNT)] != bodies


def test_every_operation_has_its_turn_and_most_a_good_request():
    assert {request.operation for request in fuzzed_requests(1, len(OPERATIONS))} == set(OPERATIONS)
    assert len(set(GOOD) & set(OPERATIONS)) > 0.9 * len(OPERATIONS)


def test_a_good_request_fits_its_shape():
    for operation, request in GOOD.items():
        try:
            validate(dict(request), shape_name(operation), SHAPES)
        except BadInput as error:
            pytest.fail(f"{operation}: {error}")


@pytest.mark.parametrize(
    "what",
    [
        b"NaN",
        b"Infinity",
        b"null",
        b"\\ud800",
        b"\\u0000",
        b"../",
        b"\\n",
        b"[[",
        b"9223372036854775808",
        b"NewerThanUs",
    ],
)
def test_what_is_always_trouble_comes_up(bodies, what):
    assert any(what in body for body in bodies)


def test_few_requests_are_alike(bodies):
    assert len(set(bodies)) > COUNT / 2


def test_most_bodies_are_json_and_some_are_not(bodies):
    def is_json(body):
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError:
            return False
        return True

    share = sum(map(is_json, bodies)) / COUNT
    assert 0.5 < share < 0.99


def test_a_written_value_often_fits_its_shape():
    from random import Random

    writer, fitting = Writer(Random(1)), 0
    for _ in range(100):
        request = json.loads(json.dumps(writer.value("ListModelsInput", full=0.5)))
        try:
            validate(request, "ListModelsInput", SHAPES)
        except BadInput:
            continue
        fitting += 1
    assert fitting > 30


def test_every_needed_operation_has_one_scenario():
    needed = sorted(name for service, name in NEEDED if service == "sagemaker")
    assert sorted(scenario.operation for scenario in SCENARIOS) == needed
    assert len(needed) == 47


def test_every_scenario_has_a_refusal_and_something_to_see():
    for scenario in SCENARIOS:
        assert scenario.refused, scenario.operation
        assert scenario.answer or scenario.then or scenario.names, scenario.operation
