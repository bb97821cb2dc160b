"""A user's `postprocess_handler`, which runs when the analysis is done.

What lives here: the one call. What does not: the child process (process).
"""

from collections.abc import Callable

from monitor_jobs.record_scripts.answers import rows_in
from monitor_jobs.record_scripts.process import running_script
from monitor_jobs.record_scripts.script import RecordScript

HANDLER = "postprocess_handler"


def run_postprocessor(script: RecordScript, say: Callable[[str], None]) -> None:
    """Call the script once; what it returns is of no account. Raises ScriptFailed where it fails or takes too much."""
    with running_script(script, HANDLER, say) as process:
        for place, reply in process.replies([("after the analysis", b"null\n")]):
            rows_in(HANDLER, place, reply)
