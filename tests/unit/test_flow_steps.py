"""The recording of a client's calls: what counts as an answer, and what a failure ends."""

import io
import json

import pytest

from tests.e2e.flow_steps import LONGEST, Step, StepFailed, Steps


@pytest.fixture
def steps():
    return Steps(io.StringIO())


def written(steps: Steps) -> list[Step]:
    return [Step(**json.loads(line)) for line in steps.out.getvalue().splitlines()]


def refuse() -> None:
    raise ValueError("not\nserved")


def test_an_answer_that_holds_is_ok_with_its_note(steps):
    assert steps("add", lambda: 1 + 1, holds=lambda answer: answer == 2, note=lambda answer: f"gave {answer}") == 2
    [step] = written(steps)
    assert (step.call, step.outcome, step.note, step.failed) == ("add", "ok", "gave 2", False)


def test_a_call_that_raises_is_written_with_its_error_in_one_line(steps):
    with pytest.raises(StepFailed):
        steps("ask", refuse)
    [step] = written(steps)
    assert (step.outcome, step.failed) == ("ValueError: not served", True)


def test_an_answer_that_does_not_hold_fails_as_well(steps):
    with pytest.raises(StepFailed):
        steps("add", lambda: 3, holds=lambda answer: answer == 2)
    assert written(steps)[0].outcome == "unexpected answer: 3"


def test_a_note_that_cannot_be_made_fails_the_call(steps):
    with pytest.raises(StepFailed):
        steps("describe", dict, note=lambda answer: answer["ExitMessage"])
    assert written(steps)[0].outcome == "KeyError: 'ExitMessage'"


def test_a_failed_call_ends_its_part_and_not_the_flow(steps):
    with steps.part():
        steps("first", refuse)
        steps("never made", list)
    with steps.part():
        steps("second", list)
    assert [(step.call, step.failed) for step in written(steps)] == [("first", True), ("second", False)]


def test_a_long_answer_is_cut(steps):
    steps("read", lambda: "x" * 5000, note=str)
    assert written(steps)[0].note == "x" * LONGEST + "..."
