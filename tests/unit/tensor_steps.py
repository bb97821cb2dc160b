"""Steps for tests of rules: arrays under Debugger's names, of a small network whose modules' classes are known."""

from functools import reduce

import numpy as np

from monitor_jobs.contract.report import OffendingRecord
from monitor_jobs.tensor_rules.analysis import Summary, empty, judge, merge, summarise
from monitor_jobs.tensor_rules.choosing import Network
from monitor_jobs.tensor_rules.looking import Step
from monitor_jobs.tensor_rules.parameters import EVERY_RULE, Rules

MODULES = {"conv": "Conv2d", "act": "ReLU", "gate": "Sigmoid", "squash": "Tanh"}
NETWORK = Network("a" * 64, None, MODULES)


def healthy(seed: int) -> dict[str, np.ndarray]:
    """What a layer of four channels and its activations make of one input."""
    values = np.random.default_rng(seed).normal(size=(1, 4, 3, 3)).astype(np.float32)
    return {
        "conv_output_0": values,
        "act_output_0": np.maximum(values, 0),
        "gate_input_0": values,
        "squash_input_0": values,
        "gradient/conv_output": values,
    }


def step(number: int, arrays: dict[str, np.ndarray], network: Network = NETWORK) -> Step:
    record = OffendingRecord(event_id=f"event-{number}", object_key=f"load/steps/{number:06d}", line=1)
    inputs = max((len(array) for array in arrays.values() if array.ndim), default=0)
    return Step(arrays, network, record, inputs, 1_800_000_000 + number)


def summary_of(steps: list[Step], rules: Rules = EVERY_RULE, usual: dict[str, float] | None = None) -> Summary:
    return reduce(merge, (summarise(one, rules, usual or {}) for one in steps), empty())


def verdict_of(steps: list[Step], rules: Rules = EVERY_RULE, usual: dict[str, float] | None = None):
    return judge(summary_of(steps, rules, usual), rules, usual or {})
