"""Whether all captures of a window are in the store, or what is missing.

What lives here: reading what producers left about their captures (`evidence`), and judging it (`verdict`, which does
no I/O). What does not: writing it (service.endpoint), and what is done about a loss.
"""

from monitor_jobs.capture_proof.evidence import read_evidence, with_contents
from monitor_jobs.capture_proof.trail import Evidence
from monitor_jobs.capture_proof.verdict import findings_of

__all__ = ["Evidence", "findings_of", "read_evidence", "with_contents"]
