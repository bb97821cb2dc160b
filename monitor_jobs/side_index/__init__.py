"""The side index: what was predicted in whole capture files, as Parquet.

What lives here: the format, making and reading it. What does not: where index files lie and what they cover
(contract.side_index), when they are made (service.endpoint), which of them are trusted (service.scheduler.staging).
"""

from monitor_jobs.side_index.amending import replaced_captures
from monitor_jobs.side_index.making import CaptureIndex, index_capture, index_file
from monitor_jobs.side_index.reading import read_index
from monitor_jobs.side_index.schema import read_covered

__all__ = [
    "CaptureIndex",
    "index_capture",
    "index_file",
    "read_covered",
    "read_index",
    "replaced_captures",
]
