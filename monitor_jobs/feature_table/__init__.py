"""Feature tables: the rows of named values that a dataset or a window of captures amounts to.

What lives here: reading CSV, JSON lines, Parquet and capture files into columns, and their names. What does not: what
columns say (monitor_jobs.data_quality, monitor_jobs.model_quality), where files come from (monitor_jobs.job).
"""

from monitor_jobs.feature_table.captures import DecodeMany, RowRules
from monitor_jobs.feature_table.reading import read_table
from monitor_jobs.feature_table.table import FeatureTable, RowSource
from monitor_jobs.feature_table.values import NumbersInTexts, numbers_in

__all__ = [
    "DecodeMany",
    "FeatureTable",
    "NumbersInTexts",
    "RowRules",
    "RowSource",
    "numbers_in",
    "read_table",
]
