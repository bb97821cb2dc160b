"""One file of a dataset to tables, whatever its format.

What lives here: the choice of a reader. What does not: the formats (a module each), finding files (job.files).
"""

from collections.abc import Iterator

from monitor_jobs.contract.dataset_format import CaptureFormat, CsvFormat, JsonLinesFormat, ParquetFormat
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.feature_table.captures import RowRules, read_captures
from monitor_jobs.feature_table.csv_files import read_csv
from monitor_jobs.feature_table.json_lines import read_json_lines
from monitor_jobs.feature_table.parquet_files import read_parquet
from monitor_jobs.feature_table.scripted_lines import read_scripted_lines
from monitor_jobs.feature_table.table import FeatureTable
from monitor_jobs.monitor import CaptureFile
from monitor_jobs.record_scripts import RecordScript

CAPTURES = RowRules()


def read_table(file: CaptureFile, *, rules: RowRules = CAPTURES) -> Iterator[FeatureTable]:
    """The rows of one file in parts; memory does not grow with the file. `rules` are of captures only.

    Tables of one file may differ in the types of columns, and one may lack a column. Raises OSError, and BadInput where
    the file is not of its format at all; a line or row that cannot be read is counted in `unreadable`.
    """
    if file.script is not None and not isinstance(file.dataset_format, CaptureFormat):
        return _scripted(file, file.script)
    match file.dataset_format:
        case CaptureFormat() as dataset_format:
            return read_captures(file, dataset_format, rules)
        case CsvFormat() as dataset_format:
            return read_csv(file.path, dataset_format)
        case JsonLinesFormat():
            return read_json_lines(file.path)
        case ParquetFormat():
            return read_parquet(file.path)


def _scripted(file: CaptureFile, script: RecordScript) -> Iterator[FeatureTable]:
    if isinstance(file.dataset_format, ParquetFormat):
        raise BadInput(f"{file} is Parquet, which has no lines for a preprocessing script: write it as CSV, or without")
    return read_scripted_lines(file.path, file.dataset_format, script)
