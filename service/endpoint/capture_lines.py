"""What one exchange becomes in a capture file: which halves, in which encoding."""

from datetime import datetime

from monitor_jobs.capture_io import CapturedBody, capture_line
from monitor_jobs.contract.capture import DataCaptureConfig, encoding_of
from service.core.deployment import Exchange
from service.endpoint.redaction import Redactor

Halves = tuple[CapturedBody | None, CapturedBody | None]


def line_of(exchange: Exchange, moment: datetime, config: DataCaptureConfig) -> bytes:
    """The capture line of an exchange, with `moment` in whole seconds as its inferenceTime."""
    return _line(exchange, moment, _halves(exchange, config), exchange.inference_id, exchange.custom_attributes)


def redacted_line_of(exchange: Exchange, moment: datetime, config: DataCaptureConfig, redactor: Redactor) -> bytes:
    """The same of what the rules leave of the exchange."""
    request, response = _halves(exchange, config)
    left = (
        None if request is None else redactor.body("request", request),
        None if response is None else redactor.body("response", response),
    )
    inference_id = redactor.inference_id(exchange.inference_id)
    return _line(exchange, moment, left, inference_id, redactor.custom_attributes(exchange.custom_attributes))


def _halves(exchange: Exchange, config: DataCaptureConfig) -> Halves:
    """Request and answer as they are captured; None for one that is not."""
    request = _captured(exchange.request_body, exchange.request_content_type, config)
    response = _captured(exchange.response_body, exchange.response_content_type, config)
    return request if config.captures_input else None, response if config.captures_output else None


def _line(
    exchange: Exchange, moment: datetime, halves: Halves, inference_id: str | None, custom_attributes: str | None
) -> bytes:
    request, response = halves
    return capture_line(
        event_id=exchange.event_id,
        inference_time=moment,
        request=request,
        response=response,
        inference_id=inference_id,
        custom_attributes=custom_attributes,
    )


def _captured(body: bytes, content_type: str, config: DataCaptureConfig) -> CapturedBody:
    return CapturedBody(body, content_type, encoding_of(content_type, config.capture_content_type_header))
