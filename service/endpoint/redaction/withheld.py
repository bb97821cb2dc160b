"""A body that is not captured because its rules cannot be applied to it, and the marker that stands for it."""

from enum import StrEnum

from monitor_jobs.capture_io import CapturedBody
from monitor_jobs.contract.capture import WITHHELD_CONTENT_TYPE


class WithheldReason(StrEnum):
    """Why a body was withheld."""

    NO_RULE = "no_rule"  # its content type is none that a rule is about, nor one to keep
    NOT_JSON = "not_json"
    NOT_CSV = "not_csv"  # or a row without a column that a rule names
    NOT_IMAGE = "not_image"  # no whole JPEG or PNG
    FAILED = "failed"  # a fault of ours; the log tells where


class Withheld(Exception):
    """The body cannot be redacted, and why."""

    def __init__(self, reason: WithheldReason) -> None:
        super().__init__(reason)
        self.reason = reason


def marker_of(reason: WithheldReason) -> CapturedBody:
    """What is captured in place of a withheld body: JSON that no monitor takes for a prediction."""
    return CapturedBody(b'{"withheld":"%s"}' % reason.encode(), WITHHELD_CONTENT_TYPE, "JSON")
