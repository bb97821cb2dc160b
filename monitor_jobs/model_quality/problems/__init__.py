"""The three kinds of problem that AWS tells apart: what is kept of labelled predictions, and the metrics of it.

What lives here: a summary of each kind, which merge in any order. What does not: arithmetic of metrics (metrics),
reading predictions and labels (reading), limits (constraints).
"""

from monitor_jobs.model_quality.problems.binary import BinarySummary, ScoredRows, summarise_binary
from monitor_jobs.model_quality.problems.multiclass import ClassRows, MulticlassSummary, summarise_multiclass
from monitor_jobs.model_quality.problems.regression import NumberRows, RegressionSummary, summarise_regression
from monitor_jobs.model_quality.problems.samples import Metric

ProblemSummary = BinarySummary | MulticlassSummary | RegressionSummary

__all__ = [
    "BinarySummary",
    "ClassRows",
    "Metric",
    "MulticlassSummary",
    "NumberRows",
    "ProblemSummary",
    "RegressionSummary",
    "ScoredRows",
    "summarise_binary",
    "summarise_multiclass",
    "summarise_regression",
]
