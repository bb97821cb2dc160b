"""Names and ARNs, hostile ones first, and AWS's sentence for them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from service.core.names import (
    NAME_PATTERN,
    Named,
    Resource,
    ResourceArn,
    arn,
    name_of_arn,
    parse_arn,
    validate_name,
    validate_role_arn,
    validation_error,
)

HOSTILE = [
    "", "-", "a-", "-a", "a_b", "a.b", "a b", "a\n", "\na", "a\x00", "a/b", "../etc", "..", ".", "a/../b", "%2e%2e",
    "naïve", "\u0430", "\u0661", "a\u200b", "\ud800", "a" * 64, "a" * 100_000, "a" + "-" * 100_000, "\u017fign",
]  # fmt: skip
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


@pytest.mark.parametrize("member", Named)
@pytest.mark.parametrize("name", ["a", "7", "Signs-2026", "a--b", "a" * 63, "a" + "-" * 61 + "b"])
def test_a_name_of_letters_digits_and_inner_hyphens_is_taken(member, name):
    assert validate_name(member, name) == name


@pytest.mark.parametrize("member", Named)
@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:12]))
def test_a_hostile_name_is_refused(member, name):
    with pytest.raises(BadInput, match=f"at '{member}' failed to satisfy constraint"):
        validate_name(member, name)


def test_a_refusal_is_awss_sentence():
    with pytest.raises(BadInput) as refusal:
        validate_name(Named.ENDPOINT, "a_b")
    assert str(refusal.value) == (
        "1 validation error detected: Value 'a_b' at 'endpointName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )


def test_a_name_of_64_characters_is_refused_for_its_length():
    with pytest.raises(BadInput, match="Member must have length less than or equal to 63"):
        validate_name(Named.SCHEDULE, "a" * 64)


def test_several_breaches_are_counted():
    with pytest.raises(BadInput, match=r"^2 validation errors detected: .*greater than or equal to 1; Value '' at"):
        validate_name(Named.PROCESSING_JOB, "")


def test_a_huge_value_is_not_echoed_whole():
    assert len(str(validation_error("maxResults", "9" * 100_000, ["be smaller"]))) < 400


@given(name=st.from_regex(NAME_PATTERN, fullmatch=True, alphabet=st.characters(codec="ascii")))
def test_every_name_that_fits_both_limits_is_taken(name):
    if len(name) <= 63:
        assert validate_name(Named.VARIANT, name) == name
    else:
        with pytest.raises(BadInput):
            validate_name(Named.VARIANT, name)


@given(name=st.text(max_size=80))
def test_a_taken_name_is_one_plain_path_segment(name):
    try:
        validate_name(Named.MODEL, name)
    except BadInput:
        return
    assert re.fullmatch(r"[A-Za-z0-9-]{1,63}", name)


@pytest.mark.parametrize("kind", Resource)
def test_an_arn_gives_its_name_back(kind):
    text = arn(kind, "Signs-1", region="us-east-1", account="123456789012")
    assert text == f"arn:aws:sagemaker:us-east-1:123456789012:{kind}/Signs-1"
    assert name_of_arn(text, kind) == "Signs-1"


def test_an_arn_of_another_partition_is_read():
    parsed = parse_arn("arn:aws-us-gov:sagemaker:us-gov-west-1:123456789012:endpoint-config/signs")
    assert parsed == ResourceArn(Resource.ENDPOINT_CONFIG, "signs", "us-gov-west-1", "123456789012")


@pytest.mark.parametrize(
    "text",
    [
        "", "signs", "arn:aws:sagemaker:us-east-1:123456789012:endpoint/", "arn:aws:s3:::bucket",
        "arn:aws:sagemaker:us-east-1:12345678901:endpoint/signs", "arn:aws:sagemaker::123456789012:endpoint/signs",
        "arn:aws:sagemaker:us-east-1:123456789012:notebook/signs", "arn:aws:sagemaker:us-east-1:123456789012:endpoint",
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint/signs\n",
        "arn:aws:sagemaker:us-east-1:1234567890\u0661\u0662:model/a",
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint/../../etc", "x" * 100_000,
    ],
    ids=lambda text: ascii(text[-16:]),
)  # fmt: skip
def test_what_is_no_arn_of_ours_is_refused(text):
    with pytest.raises(BadInput, match="is no ARN of a resource kept here"):
        parse_arn(text)


def test_an_arn_of_another_kind_is_refused_by_both_names():
    with pytest.raises(BadInput, match="is an ARN of kind model: give one of kind endpoint"):
        name_of_arn(arn(Resource.MODEL, "signs", region="eu-west-1", account="000000000000"), Resource.ENDPOINT)


@pytest.mark.parametrize("role", [ROLE, ROLE.replace("role/", "role/service-role/"), ROLE.replace("aws", "aws-cn")])
def test_a_role_arn_is_taken(role):
    assert validate_role_arn(role) == role


@pytest.mark.parametrize(
    "role",
    ["", "SageMakerRole", ROLE + "\n", ROLE.replace("iam", "sts"), ROLE.replace("1", "\u0661"), ROLE + "x" * 2048],
)
def test_what_is_no_role_arn_is_refused(role):
    with pytest.raises(BadInput, match="at 'roleArn' failed to satisfy constraint"):
        validate_role_arn(role)
