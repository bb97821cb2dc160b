"""The rules by hand, over whatever a trial reads."""

from functools import reduce

from monitor_jobs.monitor import Verdict
from monitor_jobs.tensor_rules.analysis import empty, judge, merge, summarise
from monitor_jobs.tensor_rules.parameters import EVERY_RULE, Rules
from monitor_jobs.tensor_rules.reading import step_of_trial
from monitor_jobs.tensors.trial import Trial


def check_trial(trial: Trial, rules: Rules = EVERY_RULE) -> Verdict:
    """The verdict of the rules on every step of a trial, also of what SageMaker Debugger's own hook left.

    Checked in tests/unit/test_tensor_rules_trials.py.
    """
    steps = (step_of_trial(trial, number) for number in trial.steps())
    return judge(reduce(merge, (summarise(step, rules, {}) for step in steps), empty()), rules, {})
