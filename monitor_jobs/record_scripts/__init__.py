"""Scripts that users bring to a monitor: one that makes rows of records, one that runs after the analysis.

What lives here: the child process that runs them, its limits, and what is said to it. What does not: staging scripts
(service.scheduler), what becomes of rows (monitor_jobs.feature_table).
"""

from monitor_jobs.record_scripts.answers import ScriptFailed, ScriptRow
from monitor_jobs.record_scripts.postprocessing import run_postprocessor
from monitor_jobs.record_scripts.preprocessing import (
    AnyRecord,
    RecordPreprocessor,
    record_preprocessor,
    shared_preprocessor,
)
from monitor_jobs.record_scripts.script import RecordScript, ScriptLimits, script_environment

__all__ = [
    "AnyRecord",
    "RecordPreprocessor",
    "RecordScript",
    "ScriptFailed",
    "ScriptLimits",
    "ScriptRow",
    "record_preprocessor",
    "run_postprocessor",
    "script_environment",
    "shared_preprocessor",
]
