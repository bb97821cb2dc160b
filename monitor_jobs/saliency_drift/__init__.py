"""Saliency drift: does what a model looks at differ from a baseline, and are there inputs that look attacked?

What lives here: which records are asked again (sample), asking (asking, observed), the tests (two_sample), the verdict
(analysis), limits and baseline files (constraints), and the door (monitor, `python -m monitor_jobs.saliency_drift`).
What does not: FullGrad and what is usual of its signals (monitor_jobs.saliency), the model (replay), files (job).
"""
