"""Label-free quality: how accurate a classifier is in a window that nobody has labelled yet, and how sure that is.

What lives here: calibrating confidences on a labelled baseline (scaling, calibration), what is kept of a window
(window), the published estimators (confidence, label_shift), the estimate and its interval (estimate, reach, shares),
limits (constraints), and the verdict (analysis). What does not: reading answers and ground truth
(monitor_jobs.model_quality), files (monitor_jobs.job). Everything here is pure.
"""
