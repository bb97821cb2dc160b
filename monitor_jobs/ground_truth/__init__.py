"""Ground truth merged into captures, line by line, in memory that does not grow with either.

What lives here: labels by id (labels), and captures with their labels in them (merging). What does not: where files
come from (service.scheduler), what labels are worth (monitor_jobs.model_quality).
"""

from monitor_jobs.ground_truth.labels import Labels, Uploads
from monitor_jobs.ground_truth.merging import Merge, Unlabelled

__all__ = ["Labels", "Merge", "Unlabelled", "Uploads"]
