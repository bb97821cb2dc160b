"""Who calls, and which role that is: STS's GetCallerIdentity and IAM's GetRole.

Every caller is told to be the one role `sextant` of this installation's account, and every role name of IAM's pattern
names a role of it. Clients ask for both only to fill in an ARN.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from monitor_jobs.contract.errors import SextantError
from service.control import api
from service.control.access.enforcement import Access
from service.control.api import Api, Json, Table
from service.control.shapes import published_model
from service.core.access import Principal

ROLE: Final = "sextant"
SESSION: Final = "local"
# A role is assumed by the service that runs jobs with it, as the roles are that SageMaker's users make.
TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
ALWAYS: Final = datetime(2020, 1, 1, tzinfo=UTC)  # no role was ever made, and each must have been once


@dataclass(frozen=True, slots=True)
class IdentityContext:
    """What the caller may do, and in which account."""

    access: Access

    @property
    def number(self) -> str:
        """The account that ARNs name."""
        return self.access.here.account

    def role_id(self, name: str) -> str:
        """The unique id of a role: the same for the same name, in the form of IAM's."""
        return "AROA" + hashlib.sha256(f"{self.number}/{name}".encode()).hexdigest()[:17].upper()


def get_caller_identity(_request: Json, account: IdentityContext) -> Json:
    """The role `sextant`, assumed: the form of ARN from which SDKs find an execution role."""
    return {
        "UserId": f"{account.role_id(ROLE)}:{SESSION}",
        "Account": account.number,
        "Arn": f"arn:aws:sts::{account.number}:assumed-role/{ROLE}/{SESSION}",
    }


def get_role(request: Json, account: IdentityContext) -> Json:
    """A role of any name that fits IAM's pattern."""
    name = str(request["RoleName"])
    role = {
        "Path": "/",
        "RoleName": name,
        "RoleId": account.role_id(name),
        "Arn": f"arn:aws:iam::{account.number}:role/{name}",
        "CreateDate": ALWAYS,
        "AssumeRolePolicyDocument": quote(json.dumps(TRUST)),  # IAM sends policies percent-encoded
        "MaxSessionDuration": 3600,
    }
    return {"Role": role}


def identity_apis(new_context: Callable[[Principal], IdentityContext]) -> tuple[Api, Api]:
    """STS and IAM; each request gets a context of its caller."""
    return _api("sts", STS, new_context), _api("iam", IAM, new_context)


STS: Final[Table[IdentityContext]] = {"GetCallerIdentity": get_caller_identity}
IAM: Final[Table[IdentityContext]] = {"GetRole": get_role}


def _api(service: str, table: Table[IdentityContext], new_context: Callable[[Principal], IdentityContext]) -> Api:
    def answered(operation: str, request: Json, caller: Principal) -> Json:
        return api.call(operation, request, new_context(caller), table=table, model=published_model(service))

    codes: Mapping[type[SextantError], str] = {SextantError: "ValidationError"}
    return Api(service, None, service, frozenset(table), answered, codes)
