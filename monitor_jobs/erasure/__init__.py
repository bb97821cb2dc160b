"""Erasing what was captured of one id: capture lines, index rows, what reports name, kept tensors.

What lives here: finding and rewriting, in an order that may be broken off anywhere and begun again. What does not:
what is told of it (contract.erasure), and how a proof of capture takes it (capture_proof).
"""

from monitor_jobs.erasure.course import Beside, begin, holding, pending, resume
from monitor_jobs.erasure.variant import Variant

__all__ = ["Beside", "Variant", "begin", "holding", "pending", "resume"]
