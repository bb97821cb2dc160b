"""What one exchange becomes in a capture file: which halves, in which encoding, under an event id of its own."""

import uuid
from datetime import datetime

from monitor_jobs.capture_io import CapturedBody, capture_line
from monitor_jobs.contract.capture import DataCaptureConfig, encoding_of
from service.core.deployment import Exchange
from service.endpoint.redaction import Redactor


def line_of(exchange: Exchange, moment: datetime, config: DataCaptureConfig) -> bytes:
    """The capture line of an exchange, with `moment` in whole seconds as its inferenceTime."""
    request = _captured(exchange.request_body, exchange.request_content_type, config)
    response = _captured(exchange.response_body, exchange.response_content_type, config)
    return capture_line(
        event_id=str(uuid.uuid4()),
        inference_time=moment,
        request=request if config.captures_input else None,
        response=response if config.captures_output else None,
        inference_id=exchange.inference_id,
        custom_attributes=exchange.custom_attributes,
    )


def redacted_line_of(exchange: Exchange, moment: datetime, config: DataCaptureConfig, redactor: Redactor) -> bytes:
    """The same of what the rules leave of the exchange."""
    request = _captured(exchange.request_body, exchange.request_content_type, config)
    response = _captured(exchange.response_body, exchange.response_content_type, config)
    return capture_line(
        event_id=str(uuid.uuid4()),
        inference_time=moment,
        request=redactor.body("request", request) if config.captures_input else None,
        response=redactor.body("response", response) if config.captures_output else None,
        inference_id=redactor.inference_id(exchange.inference_id),
        custom_attributes=redactor.custom_attributes(exchange.custom_attributes),
    )


def _captured(body: bytes, content_type: str, config: DataCaptureConfig) -> CapturedBody:
    return CapturedBody(body, content_type, encoding_of(content_type, config.capture_content_type_header))
