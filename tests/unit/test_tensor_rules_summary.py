"""Summaries of steps: any way of parting a window, in any order, gives the same verdict."""

import random
from functools import reduce

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.tensor_rules.analysis import judge, merge, summarise
from monitor_jobs.tensor_rules.parameters import EVERY_RULE
from monitor_jobs.tensor_rules.summary import Summary, empty
from tests.unit.tensor_steps import healthy, step

USUAL = {"conv_output_0": 0.01}


def faulty(number: int) -> dict[str, np.ndarray]:
    """A step with one fault or another, of whole numbers, so that no sum is rounded."""
    arrays = {name: np.rint(values * 4) for name, values in healthy(number).items()}
    arrays["conv_output_0"].ravel()[: number % 5] = np.nan
    arrays["act_output_0"][:, : number % 4] = 0
    arrays["gate_input_0"] *= 10 ** (number % 3)
    return arrays


SUMMARIES = [summarise(step(number, faulty(number)), EVERY_RULE, USUAL) for number in range(40)]
WHOLE = judge(reduce(merge, SUMMARIES, empty()), EVERY_RULE, USUAL)


def parted(summaries: list[Summary], generator: random.Random) -> Summary:
    """The summaries joined as a tree that was drawn by lot."""
    if len(summaries) <= 1:
        return summaries[0] if summaries else empty()
    at = generator.randrange(0, len(summaries) + 1)
    if at in (0, len(summaries)):
        return merge(merge(summaries[0], empty()), parted(summaries[1:], generator))
    return merge(parted(summaries[:at], generator), parted(summaries[at:], generator))


@given(st.randoms(use_true_random=False))
def test_any_parting_in_any_order_gives_the_same_verdict(generator):
    summaries = list(SUMMARIES)
    generator.shuffle(summaries)
    summary = parted(summaries, generator)
    assert judge(summary, EVERY_RULE, USUAL) == WHOLE
    assert (summary.records, summary.predictions, summary.earliest) == (40, 40, 1_800_000_000)


def test_the_window_that_is_parted_breaks_every_check_but_one():
    # so that the test above compares more than empty verdicts; three quarters of the units are dead in none
    assert {row.constraint_check_type for row in WHOLE.violations} == {
        "exploding_tensor_check",
        "tensor_magnitude_check",
        "saturated_activation_check",
    }
