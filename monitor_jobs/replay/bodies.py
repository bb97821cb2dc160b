"""The body of a captured request, as it was sent.

What lives here: one record's body, or why it has none. What does not: reading capture files (capture_io).
"""

import binascii

import pybase64

from monitor_jobs.contract.capture import WITHHELD_CONTENT_TYPE, CaptureRecord, Payload, media_type
from monitor_jobs.contract.errors import BadInput


def body_of(record: CaptureRecord) -> tuple[bytes, str]:
    """The request's body as it was sent, and its content type.

    Raises BadInput where it was not captured, was withheld, or is not what its encoding says.
    """
    half = record.capture_data.endpoint_input
    if half is None:
        raise BadInput("its request was not captured: add Input to the endpoint's CaptureOptions")
    if media_type(half.observed_content_type) == WITHHELD_CONTENT_TYPE:
        raise BadInput("its request was withheld by the rules of redaction")
    return _bytes_of(half), half.observed_content_type


def _bytes_of(half: Payload) -> bytes:
    if half.encoding != "BASE64":
        return half.data.encode()
    try:
        return pybase64.b64decode(half.data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"its request is no base64: {error}") from error
