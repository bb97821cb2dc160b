"""Captured requests and answers as rows of features.

What lives here: both halves of a record to named values, a chunk of records to a table. What does not: lines without a
record and windows (monitor_jobs.capture_io, which this room calls), and pictures (who reads hands a decoder in).
"""

from monitor_jobs.feature_table.captures.decoding import DecodeMany
from monitor_jobs.feature_table.captures.reading import RowRules, read_captures

__all__ = ["DecodeMany", "RowRules", "read_captures"]
