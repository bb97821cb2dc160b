"""What a verdict says of captures that are missing: no monitor may call a window clean that it has not seen whole.

What lives here: the measurement and the violation that every monitor's verdict gets. What does not: finding out
(monitor_jobs.capture_proof).
"""

from dataclasses import replace

from monitor_jobs.contract.completeness import CHECK_TYPE, CaptureProof
from monitor_jobs.contract.report import Measurement, Violation
from monitor_jobs.monitor import Verdict

FEATURE = "data_capture"


def with_completeness(verdict: Verdict, proof: CaptureProof | None) -> Verdict:
    """The verdict with what is known of the captures' completeness; as it was where nothing is known.

    Findings are a violation of their own, also where none can be counted in records. Proved by
    tests/unit/test_job_completeness.py.
    """
    if proof is None:
        return verdict
    measured = Measurement(name="capture_missing_records", value=proof.missing_records, unit="count", limit=0)
    row = Violation(feature_name=FEATURE, constraint_check_type=CHECK_TYPE, description=proof.summary())
    rows = () if proof.complete else (row,)
    return replace(verdict, measurements=(*verdict.measurements, measured), violations=(*verdict.violations, *rows))
