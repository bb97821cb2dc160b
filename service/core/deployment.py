"""What an endpoint process is told when it is started, and what capture takes from one request."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from monitor_jobs.contract.capture import DataCaptureConfig

MAX_BODY_BYTES = 6_291_456  # InvokeEndpoint's limit, both ways


class EndpointSpec(BaseModel):
    """One variant of one endpoint, as its process reads it from `spec.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
    endpoint: str
    variant: str
    model_name: str
    model_data_url: str
    environment: dict[str, str] = Field(default_factory=dict)
    data_capture: DataCaptureConfig | None = None
    spool_folder: Path
    spool_budget_bytes: int = Field(gt=0)
    flush_interval_seconds: float = Field(gt=0)
    max_body_bytes: int = MAX_BODY_BYTES
    model_timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that was answered 2xx, as capture takes it."""

    request_body: bytes
    request_content_type: str
    response_body: bytes
    response_content_type: str
    answered_at: datetime
    inference_id: str | None = None
    custom_attributes: str | None = None
