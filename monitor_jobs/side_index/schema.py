"""The columns of the side index, and what each of its files says of the capture files that it covers.

What lives here: the format. What does not: making it (making) and reading it (reading).
"""

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.side_index import IndexedCapture

CAPTURES_KEY: Final = b"sextant.captures"
TOTALS_KEY: Final = b"sextant.totals"  # apart, so that reading predictions need not read every capture file's name
DICTIONARIES: Final = ("object_key", "class", "label")
MILLISECONDS: Final = 1000
UUID_BYTES: Final = 16
UUID_CHARACTERS: Final = 36
DASHES: Final = (8, 13, 18, 23)  # where a UUID's text has them
DASHED: Final = (8, 12, 16, 20)  # the digits that follow them
EVENT_ID: Final = pa.binary(UUID_BYTES)
TIME: Final = pa.timestamp("ms", tz="UTC")
SCHEMA: Final = pa.schema(
    [
        pa.field("line", pa.int32(), nullable=False),
        pa.field("inference_time", TIME, nullable=False),
        pa.field("event_id", EVENT_ID, nullable=False),
        pa.field("inference_id", pa.string()),
        pa.field("class", pa.int64()),
        pa.field("label", pa.string()),
        pa.field("confidence", pa.float32(), nullable=False),
    ]
)
COLUMNS: Final = ["object_key", *SCHEMA.names]

captures_json: Final = TypeAdapter(tuple[IndexedCapture, ...])


def read_covered(path: Path) -> tuple[IndexedCapture, ...]:
    """The capture files that an index file covers. Raises BadInput where it is no index file."""
    try:
        return captures_json.validate_json(told(pq.read_metadata(path), CAPTURES_KEY))
    except (pa.ArrowException, OSError, ValidationError) as error:
        raise no_index(path, error) from error


def told(file: pq.FileMetaData, key: bytes) -> bytes:
    """What a file says under one of the two keys. Raises ArrowInvalid where it is no index."""
    found: bytes | None = (file.metadata or {}).get(key)
    if found is None or file.schema.names != COLUMNS:
        raise pa.ArrowInvalid(f"nothing is said of {key.decode()}, or of columns {', '.join(COLUMNS)}")
    return found


def no_index(path: Path, error: Exception) -> BadInput:
    """The error for a file that is none."""
    return BadInput(f"{path.name} is no side index: {error}")
