"""Roles, which nobody is given here: IAM's GetRole, and STS's GetCallerIdentity in the words of one.

SDKs take an execution role from the answer to who calls, and refuse a plain user's. So every caller is told to be the
role `sextant`, assumed in a session of the user's name; every role name of IAM's pattern names a role of the account.
"""

import json
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from service.control.api import Json
from service.control.identity.context import IdentityContext

ROLE: Final = "sextant"
# A role is assumed by the service that runs jobs with it, as the roles are that SageMaker's users make.
TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
ALWAYS: Final = datetime(2020, 1, 1, tzinfo=UTC)  # no role was ever made, and each must have been once


def get_caller_identity(_request: Json, context: IdentityContext) -> Json:
    """The user who calls, as the session of a role."""
    return {
        "UserId": f"{_role_id(ROLE, context)}:{context.caller}",
        "Account": context.account,
        "Arn": f"arn:aws:sts::{context.account}:assumed-role/{ROLE}/{context.caller}",
    }


def get_role(request: Json, context: IdentityContext) -> Json:
    """A role of any name that fits IAM's pattern."""
    name = str(request["RoleName"])
    role = {
        "Path": "/",
        "RoleName": name,
        "RoleId": _role_id(name, context),
        "Arn": context.arn(f"role/{name}"),
        "CreateDate": ALWAYS,
        "AssumeRolePolicyDocument": quote(json.dumps(TRUST)),  # IAM sends policies percent-encoded
        "MaxSessionDuration": 3600,
    }
    return {"Role": role}


def _role_id(name: str, context: IdentityContext) -> str:
    return context.unique_id("AROA", name)
