"""Rules on kept tensors: SageMaker Debugger's, for what a network makes of requests that it answered.

What lives here: what each rule counts in an array (rules), its parameters (parameters), the tensors that it looks at
(choosing), a window's counts (summary, looking), the verdict (analysis), and the doors (monitor, trials, `python -m
monitor_jobs.tensor_rules`). What does not: keeping and reading tensors (monitor_jobs.tensors), files (job).
"""

from monitor_jobs.tensor_rules.trials import check_trial

__all__ = ["check_trial"]
