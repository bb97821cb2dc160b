"""Removing what was kept long enough: captures with all that is kept beside them, reports, whatever else is listed.

What lives here: looking through a store (`sweep`), and what goes with captures (`beside`). What does not: the rules
(contract.retention), and how often they are followed (service.scheduler).
"""

from monitor_jobs.retention.sweep import Expired, looked_at, sweep

__all__ = ["Expired", "looked_at", "sweep"]
