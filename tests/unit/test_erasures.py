"""Where erasures of a variant are told of."""

import pytest

from monitor_jobs.contract.errors import BadInput
from service.core.erasures import told_at

HOOK = {"tensors_output": "s3://bucket/tensors/"}


@pytest.mark.parametrize(
    ("destination", "environment", "expected"),
    [
        ("s3://bucket/captures/", HOOK, "s3://bucket/captures"),
        (None, HOOK, "s3://bucket/tensors"),
        ("s3://bucket/captures", {}, "s3://bucket/captures"),
        (None, {}, None),
    ],
)
def test_it_is_beside_captures_or_else_beside_tensors(destination, environment, expected):
    assert told_at(destination, environment) == expected


def test_what_tensors_cannot_be_is_refused():
    with pytest.raises(BadInput, match="SEXTANT_DEBUG_HOOK is no DebugHookConfig"):
        told_at(None, {"SEXTANT_DEBUG_HOOK": "["})
