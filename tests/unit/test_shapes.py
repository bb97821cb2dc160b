"""Requests held against published shapes: what is refused, in which words, and what is let through."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from service.control import shapes
from service.control.sagemaker.operations import EXTENSION_SHAPES, OPERATIONS
from service.control.shapes import published_model, validate
from tests import sagemaker_requests as requests

SHAPES = {
    "Request": {
        "type": "structure",
        "required": ["Name"],
        "members": {
            "Name": {"shape": "Name"},
            "Percentage": {"shape": "Percentage"},
            "Weight": {"shape": "Weight"},
            "Enabled": {"shape": "Enabled"},
            "Mode": {"shape": "Mode"},
            "At": {"shape": "At"},
            "Body": {"shape": "Body"},
            "Parts": {"shape": "Parts"},
            "Environment": {"shape": "Environment"},
        },
    },
    "Name": {"type": "string", "min": 2, "max": 5, "pattern": "^[a-z-]+$"},
    "Percentage": {"type": "integer", "min": 0, "max": 100},
    "Weight": {"type": "float", "min": 0, "max": 1},
    "Enabled": {"type": "boolean"},
    "Mode": {"type": "string", "enum": ["Input", "Output"]},
    "At": {"type": "timestamp"},
    "Body": {"type": "blob", "max": 3},
    "Parts": {"type": "list", "member": {"shape": "Part"}, "min": 1, "max": 2},
    "Part": {"type": "structure", "required": ["PartName"], "members": {"PartName": {"shape": "Name"}}},
    "Environment": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Name"}, "max": 1},
}
FULL = {
    "Name": "road",
    "Percentage": 100,
    "Weight": 0.5,
    "Enabled": True,
    "Mode": "Input",
    "At": 1.5,
    "Body": "abc",
    "Parts": [{"PartName": "ab"}, {"PartName": "cd"}],
    "Environment": {"key": "value"},
}


def complaint(**members):
    """What is said of a request with these members."""
    with pytest.raises(BadInput) as raised:
        validate(FULL | members, "Request", SHAPES)
    return str(raised.value)


def test_a_request_that_fits_is_let_through():
    validate(FULL, "Request", SHAPES)


def test_only_required_members_are_required():
    validate({"Name": "road"}, "Request", SHAPES)


@pytest.mark.parametrize("request_without", [{}, {"Name": None}])
def test_a_missing_member_is_named_in_lower_camel_case(request_without):
    with pytest.raises(BadInput) as raised:
        validate(request_without, "Request", SHAPES)
    assert str(raised.value) == (
        "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"
    )


def test_members_the_shape_does_not_have_are_let_through():
    validate(FULL | {"NewerThanUs": {"Anything": [None]}}, "Request", SHAPES)


@pytest.mark.parametrize(
    ("member", "value", "kind"),
    [
        ("Name", 5, "string"),
        ("Percentage", "5", "integer"),
        ("Percentage", 5.0, "integer"),
        ("Percentage", True, "integer"),
        ("Weight", False, "float"),
        ("Enabled", 1, "boolean"),
        ("Enabled", "true", "boolean"),
        ("At", True, "timestamp"),
        ("At", [], "timestamp"),
        ("Body", 5, "blob"),
        ("Parts", {}, "list"),
        ("Environment", [], "map"),
    ],
)
def test_a_wrong_type_is_refused(member, value, kind):
    assert complaint(**{member: value}).endswith(
        f"Value at '{member.lower()}' failed to satisfy constraint: Member must be a {kind}"
    )


@pytest.mark.parametrize("request_body", [None, [], "text", 5])
def test_a_request_that_is_no_object_is_refused(request_body):
    with pytest.raises(BadInput, match=r"Value at 'request' .* must be a structure"):
        validate(request_body, "Request", SHAPES)


@pytest.mark.parametrize(
    ("member", "value", "rule"),
    [
        ("Percentage", -1, "value greater than or equal to 0"),
        ("Percentage", 101, "value less than or equal to 100"),
        ("Percentage", 10**30, "value less than or equal to 100"),
        ("Weight", -0.1, "value greater than or equal to 0"),
        ("Weight", math.inf, "value less than or equal to 1"),
        ("Name", "a", "length greater than or equal to 2"),
        ("Name", "abcdef", "length less than or equal to 5"),
        ("Body", "abcd", "length less than or equal to 3"),
        ("Parts", [], "length greater than or equal to 1"),
        ("Environment", {"aa": "bb", "cc": "dd"}, "length less than or equal to 1"),
    ],
)
def test_limits_hold(member, value, rule):
    assert f"Member must have {rule}" in complaint(**{member: value})


def test_nan_is_beyond_every_limit():
    said = complaint(Weight=math.nan)
    assert said.startswith("2 validation errors detected: Value 'nan' at 'weight' failed to satisfy constraint")


@pytest.mark.parametrize("name", ["UPPER", "road\n", "\nroad", "r d", "r\u00f6ad"])
def test_a_pattern_is_held_against_the_whole_text(name):
    assert "Member must satisfy regular expression pattern: ^[a-z-]+$" in complaint(Name=name)


def test_a_text_that_is_too_long_is_held_against_no_pattern():
    said = complaint(Name="B" * 1_000_000)
    assert said.startswith("1 validation error detected: Value 'BBB")
    assert len(said) < 250


def test_a_word_that_is_not_listed_is_refused():
    assert "at 'mode' failed to satisfy constraint: Member must satisfy enum value set: [Input, Output]" in complaint(
        Mode="input"
    )


def test_nested_members_are_named_by_their_path():
    assert "Value null at 'parts.2.member.partName'" in complaint(Parts=[{"PartName": "ab"}, {}])
    assert "Value 'X1' at 'environment.key'" in complaint(Environment={"X1": "ab"})
    assert "Value 'Y1' at 'environment.ab'" in complaint(Environment={"ab": "Y1"})


def test_all_complaints_are_counted_and_ten_are_told():
    said = complaint(Parts=[{"PartName": "A"}] * 20)
    assert said.startswith("41 validation errors detected: ")
    assert said.count("; ") == shapes.MAX_COMPLAINTS - 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FULL, "PartName"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(request=JSON)
def test_any_json_fits_or_is_refused(request):
    try:
        validate(request, "Request", SHAPES)
    except BadInput:
        return
    assert 2 <= len(request["Name"]) <= 5


def reachable(name, published, seen):
    """The names of the shape and of all that it leads to."""
    if name not in seen:
        seen.add(name)
        shape = published[name]
        members = [
            *shape.get("members", {}).values(),
            *(shape[part] for part in ("member", "key", "value") if part in shape),
        ]
        for member in members:
            reachable(member["shape"], published, seen)
    return seen


def served_shapes():
    published = {**published_model("sagemaker").shapes, **EXTENSION_SHAPES}
    seen = set()
    for operation in OPERATIONS:
        reachable(published_model("sagemaker").input_shape(operation) or operation, published, seen)
    return {name: published[name] for name in seen}


def test_every_served_operation_has_a_shape_and_is_a_structure():
    inputs = [published_model("sagemaker").input_shape(name) or name for name in OPERATIONS]
    assert {served_shapes()[name]["type"] for name in inputs} == {"structure"}


def test_every_published_type_is_known():
    assert {shape["type"] for shape in served_shapes().values()} <= set(shapes._PYTHON_TYPES)


def test_every_published_pattern_compiles_and_is_held_against_a_text():
    served = served_shapes()
    patterned = [name for name, shape in served.items() if "pattern" in shape]
    assert len(patterned) > 50
    for name in patterned:
        with suppress(BadInput):  # patterns such as .* take anything
            validate("~" * served[name].get("min", 1), name, served)


@pytest.mark.parametrize(
    ("shape", "fits", "does_not"),
    [
        ("ModelName", "a" * 63, "-a"),
        ("RoleArn", requests.ROLE, "arn:aws:iam::1:role/x-long-enough"),
        (
            "RoleArn",
            requests.ROLE,
            "arn:aws:iam::\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669\u0660\u0661\u0662:role/x",
        ),
        ("RoleArn", requests.ROLE, f"{requests.ROLE}\n"),
        ("TagKey", "\u00fc 1+-=._:/@", "semi;colon"),
        ("ContainerImage", "sextant/class-skew:1", "with space"),
        ("S3Uri", "s3://bucket/key", "file:///etc"),
    ],
)
def test_published_patterns_mean_what_they_mean_in_java(shape, fits, does_not):
    validate(fits, shape, published_model("sagemaker").shapes)
    with pytest.raises(BadInput, match="regular expression pattern"):
        validate(does_not, shape, published_model("sagemaker").shapes)


@pytest.mark.parametrize(
    ("operation", "request_body"),
    [
        ("CreateModel", requests.model()),
        ("CreateEndpointConfig", requests.endpoint_config()),
        ("CreateMonitoringSchedule", requests.schedule()),
        ("CreateProcessingJob", requests.processing_job()),
    ],
)
def test_what_clients_send_fits_the_published_shapes(operation, request_body):
    model = published_model("sagemaker")
    validate(request_body, model.input_shape(operation), model.shapes)
