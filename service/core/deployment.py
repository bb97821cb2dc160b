"""What an endpoint process is told when it is started, and what capture takes from one request."""

import os
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from monitor_jobs.contract.capture import DataCaptureConfig
from service.core.redaction import Redaction

MAX_BODY_BYTES = 6_291_456  # InvokeEndpoint's limit, both ways

# uuid4 asks the kernel each time, and a thread that does so has to wait for its turn among Python's threads.
_EVENT_IDS: Final = Random()  # noqa: S311  # no secret
os.register_at_fork(after_in_child=_EVENT_IDS.seed)


class WhenSpoolIsFull(StrEnum):
    """What an endpoint does with requests whose captures would find no room."""

    DROP = "drop"  # answers; the capture is dropped, counted, and a gap is written
    REFUSE = "refuse"  # 503 with Retry-After, before the model runs


class Durability(StrEnum):
    """What a capture outlives whose request was answered."""

    PROCESS = "process"  # kill -9 a few milliseconds later; a power failure 100 ms later
    POWER = "power"  # a power failure: the answer waits for the disk


class EndpointSpec(BaseModel):
    """One variant of one endpoint, as its process reads it from `spec.json`.

    `token_sha256` is the SHA-256, in hexadecimal, of what callers of the process must present; where it is "", nobody
    is answered. Who starts the process fills it in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
    endpoint: str
    variant: str
    model_name: str
    model_data_url: str
    environment: dict[str, str] = Field(default_factory=dict)
    data_capture: DataCaptureConfig | None = None
    redaction: Redaction | None = None
    spool_folder: Path
    spool_budget_bytes: int = Field(gt=0)
    flush_interval_seconds: float = Field(gt=0)
    when_spool_is_full: WhenSpoolIsFull = WhenSpoolIsFull.DROP
    durability: Durability = Durability.PROCESS
    max_body_bytes: int = MAX_BODY_BYTES
    model_timeout_seconds: float = 60.0
    token_sha256: str = ""


def new_event_id() -> str:
    """A random UUID, version 4, that no other process draws: it names a capture, and keeps no secret."""
    return str(uuid.UUID(int=_EVENT_IDS.getrandbits(128), version=4))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its 2xx answer, as capture takes them; `answered_at` is when the model had answered.

    `event_id` is the capture's, and that of whatever else is kept of the request.
    """

    request_body: bytes
    request_content_type: str
    response_body: bytes
    response_content_type: str
    answered_at: datetime
    inference_id: str | None = None
    custom_attributes: str | None = None
    event_id: str = field(default_factory=new_event_id)
