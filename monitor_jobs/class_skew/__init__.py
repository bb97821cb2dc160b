"""Class skew: which classes a model predicts, how sure it is, and whether that differs from a baseline.

What lives here: what is kept of a window (summary), the verdict on it (analysis), the two-sample test (shift_test), the
limits and where they come from (constraints), and the door (monitor, `python -m monitor_jobs.class_skew`).
What does not: reading capture files (capture_io), the container's environment and files (job).
"""
