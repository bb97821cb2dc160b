"""The one form of policy that is kept: what it grants, and what is said of everything else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from service.core.access import Grant, Role
from service.core.policy_document import document_of, grants_of

ARN = "arn:aws:sagemaker:*:*:endpoint/"
STATEMENT = {"Effect": "Allow", "Action": "sextant:viewer", "Resource": f"{ARN}signs-*"}


def written(*statements, **members):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **members})


def changed(**members):
    return written({**STATEMENT, **members})


def without(member):
    return written({name: value for name, value in STATEMENT.items() if name != member})


def test_a_statement_grants_a_role_for_the_endpoints_of_a_pattern():
    assert grants_of(written(STATEMENT)) == [Grant(Role.VIEWER, "signs-*")]


def test_lists_are_every_action_for_every_resource():
    document = changed(Action=["sextant:viewer", "sextant:invoker"], Resource=[f"{ARN}a", f"{ARN}b"])
    assert grants_of(document) == [Grant(role, name) for role in (Role.VIEWER, Role.INVOKER) for name in "ab"]


@pytest.mark.parametrize("resource", ["*", f"{ARN}*"])
def test_a_star_is_every_endpoint(resource):
    assert grants_of(changed(Resource=resource)) == [Grant(Role.VIEWER, "*")]


def test_a_single_statement_needs_no_list_and_may_have_a_name():
    document = json.dumps({"Version": "2012-10-17", "Id": "mine", "Statement": {**STATEMENT, "Sid": "look"}})
    assert grants_of(document) == [Grant(Role.VIEWER, "signs-*")]


def test_what_is_granted_twice_is_granted_once():
    assert grants_of(written(STATEMENT, STATEMENT)) == [Grant(Role.VIEWER, "signs-*")]


NAMES = st.from_regex(r"[A-Za-z0-9*-]{1,63}", fullmatch=True)


@given(st.lists(st.builds(Grant, st.sampled_from(Role), NAMES), min_size=1, max_size=8, unique=True))
def test_grants_that_are_written_are_read_again(grants):
    assert grants_of(document_of(grants)) == grants


REFUSED = {
    "": "The policy is no JSON",
    "[]": "a policy that is no object is not kept to here: write one with Version and Statement",
    "null": "a policy that is no object",
    "[" * 100_000: "The policy is no JSON",
    '{"Version": "2008-10-17", "Statement": []}': "Version '2008-10-17' is not kept to here: write 2012-10-17",
    '{"Statement": []}': "Version None",
    written(): r"Statement '\[\]' is not kept to here: write one, or a list of them",
    written("Allow"): "Statement .* write one, or a list of them",
    written(STATEMENT, Condition={}): "'Condition' in the policy is not kept to here: use Id, Statement, Version only",
    changed(Effect="Deny"): "Effect 'Deny' is not kept to here: write Allow: what is not allowed is denied",
    changed(Action="*"): r"Action '\*' is not kept to here: write sextant:ROLE, with one of invoker, viewer, operator",
    changed(Action="sagemaker:InvokeEndpoint"): "write sextant:ROLE",
    changed(Action="sextant:root"): "Action 'sextant:root'",
    changed(Action="sextant:*"): "write sextant:ROLE",
    changed(Action=[]): "Action .* write one, or a list of them",
    changed(Action=[7]): "Action .* write one, or a list of them",
    changed(Resource="arn:aws:sagemaker:us-east-1:000000000000:endpoint/a"): r"write arn:aws:sagemaker:\*:\*:endpoint/",
    changed(Resource="arn:aws:s3:::bucket"): "Resource 'arn:aws:s3:::bucket' is not kept to here",
    changed(Resource=ARN): "with 1 to 63 letters, digits and hyphens",
    changed(Resource=f"{ARN}sign?"): "Resource .* is not kept to here",
    changed(Resource=f"{ARN}a\n"): "Resource .* is not kept to here",
    changed(Condition={"Bool": {}}): "'Condition' in a statement is not kept to here: use Action",
    changed(NotAction="sextant:viewer"): "'NotAction' in a statement",
    changed(Principal="*"): "'Principal' in a statement",
    without("Effect"): "Effect None",
    without("Action"): "Action .* write one",
    without("Resource"): "Resource .* write one",
}


@pytest.mark.parametrize(("document", "reason"), REFUSED.items(), ids=map(str, range(len(REFUSED))))
def test_what_could_not_be_kept_to_is_refused_with_what_to_write(document, reason):
    with pytest.raises(BadInput, match=reason):
        grants_of(document)


def test_a_member_that_is_there_twice_is_refused_for_readers_differ():
    document = written(STATEMENT).replace('"Action"', '"Effect": "Deny", "Action"')
    with pytest.raises(BadInput, match="a member is there twice"):
        grants_of(document)
