"""The operation tables of STS and IAM."""

from collections.abc import Callable, Mapping
from typing import Final

from monitor_jobs.contract.errors import SextantError
from service.control import api
from service.control.api import Api, Json, Table
from service.control.identity.access_keys import (
    create_access_key,
    delete_access_key,
    list_access_keys,
    update_access_key,
)
from service.control.identity.api_keys import (
    create_service_specific_credential,
    delete_service_specific_credential,
    list_service_specific_credentials,
    reset_service_specific_credential,
    update_service_specific_credential,
)
from service.control.identity.context import IdentityContext
from service.control.identity.policies import (
    delete_user_policy,
    get_user_policy,
    list_user_policies,
    put_user_policy,
)
from service.control.identity.roles import get_caller_identity, get_role
from service.control.identity.users import create_user, delete_user, get_user, list_users
from service.control.shapes import published_model
from service.core.access import Principal


def identity_apis(new_context: Callable[[Principal], IdentityContext]) -> tuple[Api, Api]:
    """STS and IAM; each request gets a context of its caller and moment."""
    return _api("sts", STS, new_context), _api("iam", IAM, new_context)


STS: Final[Table[IdentityContext]] = {"GetCallerIdentity": get_caller_identity}
IAM: Final[Table[IdentityContext]] = {
    "GetRole": get_role,
    "CreateUser": create_user,
    "GetUser": get_user,
    "ListUsers": list_users,
    "DeleteUser": delete_user,
    "PutUserPolicy": put_user_policy,
    "GetUserPolicy": get_user_policy,
    "ListUserPolicies": list_user_policies,
    "DeleteUserPolicy": delete_user_policy,
    "CreateAccessKey": create_access_key,
    "ListAccessKeys": list_access_keys,
    "UpdateAccessKey": update_access_key,
    "DeleteAccessKey": delete_access_key,
    "CreateServiceSpecificCredential": create_service_specific_credential,
    "ListServiceSpecificCredentials": list_service_specific_credentials,
    "UpdateServiceSpecificCredential": update_service_specific_credential,
    "ResetServiceSpecificCredential": reset_service_specific_credential,
    "DeleteServiceSpecificCredential": delete_service_specific_credential,
}


def _api(service: str, table: Table[IdentityContext], new_context: Callable[[Principal], IdentityContext]) -> Api:
    def answered(operation: str, request: Json, caller: Principal) -> Json:
        return api.call(operation, request, new_context(caller), table=table, model=published_model(service))

    codes: Mapping[type[SextantError], str] = {SextantError: "ValidationError"}
    return Api(service, None, service, frozenset(table), answered, codes)
