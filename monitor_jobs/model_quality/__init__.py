"""Model quality: how good predictions were, once ground truth says what they should have been.

What lives here: the metrics (a room of their own), what is kept of labelled predictions (summary), reading them
(reading), limits (constraints), the verdict (analysis), and the door (monitor, `python -m monitor_jobs.model_quality`).
What does not: merging ground truth into captures (monitor_jobs.ground_truth), estimates without labels.
"""
