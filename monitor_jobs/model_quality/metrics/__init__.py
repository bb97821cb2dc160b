"""Metrics of predictions against ground truth, as pure functions of counts, exact sums and scores.

What lives here: the arithmetic, under the names that AWS's statistics.json gives. What does not: rows, files, limits.
Every one equals scikit-learn's to 1e-9: tests/unit/test_model_quality_metrics.py.
"""
