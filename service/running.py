"""What a running `sextant up` says of itself to commands: one small file in its data folder.

What lives here: that file. What does not: keys (adapters.s3_door), the environment that clients need (cli.environment).
"""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError


class Running(BaseModel):
    """Where the control API answers, what it calls its region and bucket, and where S3 is.

    `certificate` is what the API shows where it speaks TLS. `s3_url` is the door that `--s3` opened, `store_url` the S3
    service that was there before; neither may be.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str
    pid: int
    region: str
    account: str
    bucket: str
    sdk_config: Path
    certificate: Path | None = None
    s3_url: str | None = None
    store_url: str | None = None


def running_file(data: Path) -> Path:
    """Where it is told."""
    return data / "control.json"


def write_running(data: Path, running: Running) -> None:
    """Tell it, all at once."""
    path = running_file(data)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_text(running.model_dump_json(indent=2))
    unfinished.replace(path)


def read_running(data: Path) -> Running | None:
    """What was told last; None where nothing runs, or told nothing that can be read."""
    try:
        return Running.model_validate_json(running_file(data).read_bytes())
    except (OSError, ValidationError):
        return None
