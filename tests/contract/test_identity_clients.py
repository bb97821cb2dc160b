"""Users and keys as boto3's own IAM client administers them, against a real control process."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from tests import plain_http
from tests.aws_clients import KEY_ID, client, error_of
from tests.servers.control import control_process

NUMBERS = count()
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sextant:viewer",
            "Resource": "arn:aws:sagemaker:*:*:endpoint/signs-*",
        }
    ],
}
EVERYTHING = json.dumps(POLICY).replace("signs-*", "*")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with control_process(tmp_path_factory.mktemp("control"), SEXTANT_ACCOUNT="123456789012") as address:
        yield address


@pytest.fixture(scope="module")
def iam(url):
    return client("iam", url)


@pytest.fixture
def user(iam):
    return iam.create_user(UserName=f"ann.{next(NUMBERS)}@example.com")["User"]["UserName"]


def pair_of(iam, user):
    made = iam.create_access_key(UserName=user)["AccessKey"]
    return {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}


def api_key_of(iam, user, **options):
    made = iam.create_service_specific_credential(UserName=user, ServiceName="sextant", **options)
    return made["ServiceSpecificCredential"]


def arn_with(url, pair):
    return client("sts", url, **pair).get_caller_identity()["Arn"]


def code_with(url, pair):
    return error_of(client("sts", url, **pair).get_caller_identity)[0]


def status_with(url, api_key):
    """The status of a call that every user may make, with an API key."""
    form = {"Action": "GetCallerIdentity"}
    headers = {"Authorization": f"Bearer {api_key}"}
    return plain_http.post(url, data=form, headers=headers).status_code


def test_a_user_is_made_found_and_gone(iam, user):
    found = iam.get_user(UserName=user)["User"]
    assert found["Arn"] == f"arn:aws:iam::123456789012:user/{user}"
    assert (found["Path"], found["UserId"][:4], len(found["UserId"])) == ("/", "AIDA", 21)
    assert abs(found["CreateDate"] - datetime.now(UTC)) < timedelta(minutes=5)
    iam.delete_user(UserName=user)
    assert error_of(iam.get_user, UserName=user) == (
        "NoSuchEntity",
        f"The user with name {user} cannot be found.",
        404,
    )


def test_a_user_who_is_made_again_is_another_one(iam, user):
    first = iam.get_user(UserName=user)["User"]["UserId"]
    iam.delete_user(UserName=user)
    assert iam.create_user(UserName=user)["User"]["UserId"] != first


def test_a_name_is_taken_once(iam, user):
    assert error_of(iam.create_user, UserName=user)[::2] == ("EntityAlreadyExists", 409)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"Path": "/team/"}, "leave out Path"),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, "Tags of users is not kept"),
        ({"PermissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess"}, "PermissionsBoundary of users is not kept"),
    ],
)
def test_what_is_not_kept_of_users_is_refused_in_words(iam, members, reason):
    code, message, _ = error_of(iam.create_user, UserName="nobody", **members)
    assert code == "ValidationError"
    assert reason in message


def test_users_are_listed_in_pages_each_once(iam):
    made = {iam.create_user(UserName=f"page-{number}")["User"]["UserName"] for number in range(5)}
    pages = list(iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2}))
    names = [row["UserName"] for page in pages for row in page["Users"]]
    assert len(pages) > 2
    assert names == sorted(set(names))
    assert {*made, "admin"} <= set(names)


def test_a_path_that_nobody_has_lists_nobody(iam):
    assert iam.list_users(PathPrefix="/team/")["Users"] == []


def test_who_names_no_user_is_asking_for_oneself(iam):
    assert iam.get_user()["User"]["UserName"] == "admin"
    assert KEY_ID in [row["AccessKeyId"] for row in iam.list_access_keys()["AccessKeyMetadata"]]


def test_every_caller_is_told_who_it_is(url, iam, user):
    assert arn_with(url, {}) == "arn:aws:sts::123456789012:assumed-role/sextant/admin"
    assert arn_with(url, pair_of(iam, user)) == f"arn:aws:sts::123456789012:assumed-role/sextant/{user}"


def test_a_new_access_key_signs_at_once_and_its_secret_is_shown_once(url, iam, user):
    pair = pair_of(iam, user)
    assert arn_with(url, pair)
    (listed,) = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    assert (listed["AccessKeyId"], listed["Status"]) == (pair["aws_access_key_id"], "Active")
    assert "SecretAccessKey" not in listed


def test_an_access_key_that_is_made_inactive_signs_nothing_until_it_is_active_again(url, iam, user):
    pair = pair_of(iam, user)
    iam.update_access_key(UserName=user, AccessKeyId=pair["aws_access_key_id"], Status="Inactive")
    assert code_with(url, pair) == "InvalidClientTokenId"
    iam.update_access_key(UserName=user, AccessKeyId=pair["aws_access_key_id"], Status="Active")
    assert arn_with(url, pair)


def test_an_access_key_that_is_deleted_signs_nothing(url, iam, user):
    pair = pair_of(iam, user)
    iam.delete_access_key(UserName=user, AccessKeyId=pair["aws_access_key_id"])
    assert code_with(url, pair) == "InvalidClientTokenId"
    assert iam.list_access_keys(UserName=user)["AccessKeyMetadata"] == []


def test_a_key_is_found_below_its_own_user_only(iam, user):
    key_id = pair_of(iam, user)["aws_access_key_id"]
    wrong = {"UserName": "admin", "AccessKeyId": key_id}
    assert error_of(iam.delete_access_key, **wrong)[::2] == ("NoSuchEntity", 404)
    assert error_of(iam.update_access_key, **wrong, Status="Inactive")[::2] == ("NoSuchEntity", 404)


def test_a_status_that_only_time_gives_is_refused(iam, user):
    key_id = pair_of(iam, user)["aws_access_key_id"]
    code, message, _ = error_of(iam.update_access_key, UserName=user, AccessKeyId=key_id, Status="Expired")
    assert (code, "send Inactive, or an ExpirationDate" in message) == ("ValidationError", True)


def test_a_user_has_no_more_than_ten_keys_of_a_kind(iam, user):
    for _ in range(10):
        iam.create_access_key(UserName=user)
    assert error_of(iam.create_access_key, UserName=user)[::2] == ("LimitExceeded", 409)


def test_an_api_key_is_good_for_plain_http_and_shown_once(url, iam, user):
    made = api_key_of(iam, user)
    assert made["ServiceCredentialSecret"].startswith("sxt_")
    assert (made["UserName"], made["ServiceName"], made["Status"]) == (user, "sextant", "Active")
    assert status_with(url, made["ServiceCredentialSecret"]) == 200
    (listed,) = iam.list_service_specific_credentials(UserName=user)["ServiceSpecificCredentials"]
    assert made["ServiceCredentialSecret"] not in str(listed)


def test_an_api_key_ends_after_so_many_days(iam, user):
    made = api_key_of(iam, user, CredentialAgeDays=30)
    assert made["ExpirationDate"] - made["CreateDate"] == timedelta(days=30)


def test_an_api_key_that_is_reset_is_another_with_the_same_id(url, iam, user):
    first = api_key_of(iam, user)
    key_id = first["ServiceSpecificCredentialId"]
    second = iam.reset_service_specific_credential(UserName=user, ServiceSpecificCredentialId=key_id)
    again = second["ServiceSpecificCredential"]
    assert again["ServiceSpecificCredentialId"] == key_id
    assert status_with(url, first["ServiceCredentialSecret"]) == 403
    assert status_with(url, again["ServiceCredentialSecret"]) == 200


@pytest.mark.parametrize("undo", ["update_service_specific_credential", "delete_service_specific_credential"])
def test_an_api_key_that_is_inactive_or_gone_is_good_for_nothing(url, iam, user, undo):
    made = api_key_of(iam, user)
    status = {"Status": "Inactive"} if undo.startswith("update") else {}
    getattr(iam, undo)(UserName=user, ServiceSpecificCredentialId=made["ServiceSpecificCredentialId"], **status)
    assert status_with(url, made["ServiceCredentialSecret"]) == 403


def test_api_keys_of_all_users_are_listed_in_pages(iam, user):
    made = {api_key_of(iam, user)["ServiceSpecificCredentialId"] for _ in range(3)}
    found, marker = [], {}
    while not found or marker:
        page = iam.list_service_specific_credentials(AllUsers=True, MaxItems=2, **marker)
        found += [row["ServiceSpecificCredentialId"] for row in page["ServiceSpecificCredentials"]]
        marker = {"Marker": page["Marker"]} if page["IsTruncated"] else {}
    assert made <= set(found)
    assert found == sorted(set(found))


def test_api_keys_of_another_service_are_not_supported(iam, user):
    wrong = {"UserName": user, "ServiceName": "codecommit.amazonaws.com"}
    assert error_of(iam.create_service_specific_credential, **wrong)[::2] == ("NotSupportedService", 404)


def test_a_policy_grants_what_it_says_and_is_read_again(iam, user):
    iam.put_user_policy(UserName=user, PolicyName="look", PolicyDocument=json.dumps(POLICY))
    assert iam.get_user_policy(UserName=user, PolicyName="look")["PolicyDocument"] == POLICY
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == ["look"]


def test_a_user_may_do_nothing_until_a_policy_says_so_nor_after_it_is_gone(url, iam, user):
    theirs = client("iam", url, **pair_of(iam, user))
    assert error_of(theirs.list_users)[0] == "AccessDenied"
    iam.put_user_policy(UserName=user, PolicyName="look", PolicyDocument=EVERYTHING)
    assert theirs.list_users(MaxItems=1)["Users"]
    assert error_of(theirs.create_user, UserName="sneaked")[0] == "AccessDenied"
    iam.delete_user_policy(UserName=user, PolicyName="look")
    assert error_of(theirs.list_users, MaxItems=2)[0] == "AccessDenied"


def test_an_administrator_of_some_endpoints_makes_no_users_and_no_keys(url, iam, user):
    some = json.dumps(POLICY).replace("viewer", "admin")
    iam.put_user_policy(UserName=user, PolicyName="some", PolicyDocument=some)
    theirs = client("iam", url, **pair_of(iam, user))
    assert error_of(theirs.create_user, UserName="sneaked")[0] == "AccessDenied"
    assert error_of(theirs.create_access_key, UserName="admin")[0] == "AccessDenied"
    wider = {"UserName": user, "PolicyName": "x", "PolicyDocument": EVERYTHING}
    assert error_of(theirs.put_user_policy, **wider)[0] == "AccessDenied"


def test_a_policy_that_could_not_be_kept_to_is_refused_in_words(iam, user):
    document = json.dumps(POLICY).replace("Allow", "Deny")
    code, message, status = error_of(iam.put_user_policy, UserName=user, PolicyName="no", PolicyDocument=document)
    assert (code, status) == ("MalformedPolicyDocument", 400)
    assert "what is not allowed is denied" in message


def test_a_user_has_no_more_than_a_hundred_grants(iam, user):
    statement = POLICY["Statement"][0]
    many = [f"arn:aws:sagemaker:*:*:endpoint/e-{number}" for number in range(101)]
    document = json.dumps({**POLICY, "Statement": [{**statement, "Resource": many}]})
    code, _, status = error_of(iam.put_user_policy, UserName=user, PolicyName="many", PolicyDocument=document)
    assert (code, status) == ("LimitExceeded", 409)


def test_a_policy_that_is_not_there_is_said_so(iam, user):
    for call in (iam.get_user_policy, iam.delete_user_policy):
        assert error_of(call, UserName=user, PolicyName="none")[::2] == ("NoSuchEntity", 404)


def test_a_user_with_keys_or_policies_is_not_deleted(iam, user):
    pair_of(iam, user)
    api_key_of(iam, user)
    iam.put_user_policy(UserName=user, PolicyName="look", PolicyDocument=EVERYTHING)
    code, message, status = error_of(iam.delete_user, UserName=user)
    assert (code, status) == ("DeleteConflict", 409)
    assert "has 1 policies, 1 access keys, 1 service specific credentials: delete them first." in message


def ended(url, iam, at, **key):
    """Give a key its end, with the member that boto3 does not know, as our own commands send it."""
    admin = api_key_of(iam, "admin")
    action = "UpdateAccessKey" if "AccessKeyId" in key else "UpdateServiceSpecificCredential"
    form = {"Action": action, **key, "Status": "Active", "ExpirationDate": at.isoformat()}
    headers = {"Authorization": f"Bearer {admin['ServiceCredentialSecret']}"}
    plain_http.post(url, data=form, headers=headers).raise_for_status()
    iam.delete_service_specific_credential(ServiceSpecificCredentialId=admin["ServiceSpecificCredentialId"])


@pytest.mark.parametrize(("days", "is_good", "status"), [(1, True, "Active"), (-1, False, "Expired")])
def test_a_key_is_given_an_end_by_a_member_of_our_own(url, iam, user, days, is_good, status):
    pair, api_key, at = pair_of(iam, user), api_key_of(iam, user), datetime.now(UTC) + timedelta(days=days)
    ended(url, iam, at, AccessKeyId=pair["aws_access_key_id"])
    ended(url, iam, at, ServiceSpecificCredentialId=api_key["ServiceSpecificCredentialId"])
    assert (status_with(url, api_key["ServiceCredentialSecret"]) == 200) is is_good
    if is_good:
        assert arn_with(url, pair)
    else:
        assert code_with(url, pair) == "InvalidClientTokenId"
    rows = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    assert [row["Status"] for row in rows] == [status]
