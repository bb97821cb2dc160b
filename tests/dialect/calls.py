"""Scenarios played with a real boto3 client against a control process.

What lives here: making the calls, and what does not hold of a scenario, in words. What does not: the scenarios.
"""

from collections.abc import Iterator
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from tests.dialect.scenarios import Question, Refusal, Scenario
from tests.dialect.world import furnish
from tests.sagemaker_requests import Installation


def shortcomings(scenario: Scenario, aws: Any, here: Installation) -> list[str]:
    """What does not hold of a scenario in a fresh world; nothing where the operation works as AWS's does."""
    furnish(here)
    return [*_refusals(scenario, aws), *_success(scenario, aws)]


def _refusals(scenario: Scenario, aws: Any) -> Iterator[str]:
    # Before the success: a refusal that did something would show in it.
    for refusal in scenario.refused:
        request = {**scenario.request, **refusal.request} if _is_forged(refusal) else refusal.request
        found = error_of(aws, scenario.operation, **request)
        if found is None:
            yield f"{scenario.operation} took {dict(request)}, which AWS answers with {refusal.code}"
        elif found[0] != refusal.code or refusal.words not in found[1]:
            yield f"{scenario.operation} was refused with {found}, not {refusal.code} and {refusal.words!r}"


def _success(scenario: Scenario, aws: Any) -> Iterator[str]:
    try:
        answer = _call(aws, scenario.operation, **scenario.request)
        yield from _differences(scenario.operation, answer, scenario.answer)
        if scenario.rows and (names := tuple(_paged(scenario, aws))) != scenario.names:
            yield f"{scenario.operation} lists {names}, not {scenario.names}"
        for question in scenario.then:
            yield from _answers(question, aws)
    except (ClientError, BotoCoreError) as error:
        yield f"{scenario.operation} failed: {error}"


def _answers(question: Question, aws: Any) -> Iterator[str]:
    if question.error is None:
        answer = _call(aws, question.operation, **question.request)
        yield from _differences(question.operation, answer, question.answer)
        return
    found = error_of(aws, question.operation, **question.request)
    if found is None or found[0] != question.error:
        yield f"{question.operation} of {dict(question.request)} is {found}, not {question.error}"


def _differences(operation: str, answer: Any, expected: Any) -> Iterator[str]:
    for member, value in expected.items():
        if answer.get(member) != value:
            yield f"{operation} answered {member} {answer.get(member)!r}, not {value!r}"


def _paged(scenario: Scenario, aws: Any) -> Iterator[str]:
    """The rows of every page of one row, as boto3's own paginator finds them."""
    pages = aws.get_paginator(xform_name(scenario.operation)).paginate(
        **scenario.request, PaginationConfig={"PageSize": 1}
    )
    for page in pages:
        yield from (row[scenario.member] for row in page[scenario.rows])


def error_of(aws: Any, operation: str, **request: object) -> tuple[str, str] | None:
    """Code and message of the error that a call is answered with; None where it succeeds."""
    try:
        _call(aws, operation, **request)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return None


def _call(aws: Any, operation: str, **request: object) -> Any:
    return getattr(aws, xform_name(operation))(**request)


def _is_forged(refusal: Refusal) -> bool:
    return "NextToken" in refusal.request
