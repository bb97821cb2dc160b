"""Rules of redaction: their text, and two sets of them as one."""

import json

import pytest

from monitor_jobs.contract.errors import BadInput
from service.core.redaction import (
    Action,
    BodyRules,
    HeaderAction,
    Redaction,
    parse_redaction,
    redaction_of,
    strengthened,
)

TEXT = json.dumps(
    {
        "request": {"json": {"$.user.email": "hash"}, "csv": {"0": "drop"}, "images": "strip", "keep": ["a/b"]},
        "headers": {"inference_id": "hash"},
    }
)


def rules(**parts: object) -> Redaction:
    return Redaction.model_validate(parts)


def test_rules_are_read_as_they_are_written() -> None:
    request = parse_redaction(TEXT).request
    assert request == BodyRules(
        json={"$.user.email": Action.HASH}, csv={0: Action.DROP}, images="strip", keep=frozenset({"a/b"})
    )


def test_rules_survive_the_file_that_an_endpoint_is_told_them_by() -> None:
    read = parse_redaction(TEXT)
    assert Redaction.model_validate_json(read.model_dump_json()) == read


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{", "Invalid JSON"),
        ('{"requests": {}}', "requests: Extra inputs"),
        ('{"request": {"json": {"$.a": "encrypt"}}}', "Input should be 'hash', 'mask' or 'drop'"),
        ('{"request": {"json": {"a": "drop"}}}', "does not begin with"),
        ('{"request": {"csv": {"-1": "drop"}}}', "valid integer|greater than or equal"),
        ('{"request": {"images": "blur"}}', "Input should be 'strip'"),
        ('{"headers": {"cookie": "keep"}}', "headers.cookie"),
    ],
)
def test_what_is_no_rule_is_named(text: str, hint: str) -> None:
    with pytest.raises(BadInput, match=f"SEXTANT_REDACTION is no set of rules: .*{hint}"):
        parse_redaction(text)


def test_nothing_is_redacted_where_nobody_asks_for_it() -> None:
    assert redaction_of(None, {"OTHER": "1"}) is None


def test_a_models_environment_has_rules_of_its_own() -> None:
    assert redaction_of(None, {"SEXTANT_REDACTION": TEXT}) == parse_redaction(TEXT)


def test_an_installations_rules_hold_for_a_model_that_has_none() -> None:
    assert redaction_of(parse_redaction(TEXT), {}) == parse_redaction(TEXT)


def test_both_rules_are_followed() -> None:
    both = strengthened(
        rules(request={"json": {"$.a": "hash", "$.b": "drop"}, "csv": {"0": "mask"}}),
        rules(request={"json": {"$.a": "drop", "$.b": "hash", "$.c": "mask"}, "images": "strip"}),
    )
    assert both == rules(
        request={"json": {"$.a": "drop", "$.b": "drop", "$.c": "mask"}, "csv": {"0": "mask"}, "images": "strip"}
    )


def test_an_endpoints_own_rules_never_keep_what_the_installations_would_not() -> None:
    default = rules(request={"json": {"$.a": "drop"}}, headers={"inference_id": "hash"})
    own = rules(request={"keep": ["application/x-npy"]}, headers={"inference_id": "keep", "custom_attributes": "keep"})
    both = strengthened(default, own)
    assert both is not None
    assert both.request == default.request
    assert both.headers.inference_id is HeaderAction.HASH


def test_a_half_that_only_one_has_rules_for_has_those() -> None:
    both = strengthened(rules(request={"images": "strip"}), rules(response={"keep": ["text/csv"]}))
    assert both == rules(request={"images": "strip"}, response={"keep": ["text/csv"]})
