"""Erasing what was captured of one id: lines of capture files, rows of the side index, records that reports name.

What lives here: finding and rewriting, in an order that may be broken off anywhere and begun again. What does not:
what is told of it (contract.erasure), and how a proof of capture takes it (capture_proof).
"""

from monitor_jobs.erasure.course import begin, holding, pending, resume
from monitor_jobs.erasure.variant import Variant

__all__ = ["Variant", "begin", "holding", "pending", "resume"]
