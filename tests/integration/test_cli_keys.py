"""`sextant users` and `sextant keys` beside a real `sextant up`: made, granted, rotated, revoked."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.aws_clients import client, error_of
from tests.integration.sextant_command import sextant_up


@pytest.fixture(scope="module")
def sextant(tmp_path_factory):
    with sextant_up(tmp_path_factory.mktemp("keys")) as running:
        yield running


@pytest.fixture
def user(sextant, request):
    name = f"user-{abs(hash(request.node.name))}"
    sextant.json("users", "create", name)
    return name


def run(sextant, *arguments, **variables):
    done = sextant.run(*arguments, **variables)
    assert done.returncode == 0, done.stderr
    return done


def made(sextant, user, *options):
    return sextant.json("keys", "create", user, *options)


def listed(sextant, user):
    return {row["Key"]: row for row in sextant.json("keys", "list", "--user", user)}


def works(sextant, key):
    """True where a key is good for a call that every user may make."""
    if key["Kind"] == "API key":
        return sextant.run("users", "list", SEXTANT_API_KEY=key["Secret"]).returncode == 0
    pair = {"aws_access_key_id": key["Key"], "aws_secret_access_key": key["Secret"]}
    return client("sts", sextant.url, **pair).get_caller_identity()["Arn"].endswith(f"/{key['User']}")


def test_a_user_is_made_granted_and_listed(sextant, user):
    run(sextant, "users", "grant", user, "viewer")
    run(sextant, "users", "grant", user, "deployer", "--endpoints", "signs-*")
    found = {row["User"]: row["Grants"] for row in sextant.json("users", "list")}
    assert found[user] == "deployer of signs-*, viewer of *"
    assert found["admin"] == "admin of *"


def test_a_role_is_taken_away_as_it_was_given(sextant, user):
    run(sextant, "users", "grant", user, "viewer", "--endpoints", "a-*")
    refused = sextant.run("users", "revoke", user, "viewer")
    assert refused.returncode == 3
    assert f"user {user} is not viewer of *" in refused.stderr
    run(sextant, "users", "revoke", user, "viewer", "--endpoints", "a-*")
    assert {row["User"]: row["Grants"] for row in sextant.json("users", "list")}[user] == "nothing yet"


def test_a_role_that_a_policy_of_others_gives_is_taken_out_of_it(sextant, user):
    statement = {"Effect": "Allow", "Action": ["sextant:viewer", "sextant:invoker"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client("iam", sextant.url).put_user_policy(UserName=user, PolicyName="both", PolicyDocument=document)
    run(sextant, "users", "revoke", user, "viewer")
    assert {row["User"]: row["Grants"] for row in sextant.json("users", "list")}[user] == "invoker of *"


def test_an_api_key_is_printed_once_and_lets_its_user_do_what_is_granted(sextant, user):
    key = made(sextant, user)
    assert not works(sextant, key)
    run(sextant, "users", "grant", user, "viewer")
    assert works(sextant, key)
    assert key["Secret"] not in json.dumps(listed(sextant, user))


def test_without_json_a_key_is_a_few_lines_on_standard_output_only(sextant, user):
    done = run(sextant, "keys", "create", user)
    fields = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert fields["Secret"].startswith("sxt_")
    assert fields["Secret"] not in done.stderr


def test_a_pair_signs_as_its_user(sextant, user):
    assert works(sextant, made(sextant, user, "--pair"))


@pytest.mark.parametrize("options", [(), ("--pair",)])
def test_a_key_for_some_days_says_when_it_ends(sextant, user, options):
    key = made(sextant, user, "--days", "30", *options)
    ends = datetime.fromisoformat(listed(sextant, user)[key["Key"]]["Expires"])
    assert abs(ends - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)


@pytest.mark.parametrize("options", [(), ("--pair",)])
def test_a_key_is_rotated_with_an_overlap(sextant, user, options):
    run(sextant, "users", "grant", user, "viewer")
    old = made(sextant, user, *options)
    new = sextant.json("keys", "rotate", old["Key"], "--overlap-hours", "1")
    assert (new["User"], new["Kind"]) == (user, old["Kind"])
    assert works(sextant, old)
    assert works(sextant, new)
    ends = datetime.fromisoformat(listed(sextant, user)[old["Key"]]["Expires"])
    assert abs(ends - datetime.now(UTC) - timedelta(hours=1)) < timedelta(minutes=5)


def test_without_an_overlap_the_old_key_ends_at_once(sextant, user):
    run(sextant, "users", "grant", user, "viewer")
    old = made(sextant, user)
    new = sextant.json("keys", "rotate", old["Key"], "--overlap-hours", "0")
    assert (works(sextant, old), works(sextant, new)) == (False, True)
    assert listed(sextant, user)[old["Key"]]["Status"] == "Expired"


def test_the_new_key_is_good_for_as_many_days_as_the_old_one_was_and_that_one_for_no_longer(sextant, user):
    old = made(sextant, user, "--days", "1")
    new = sextant.json("keys", "rotate", old["Key"], "--overlap-hours", "100")
    found = listed(sextant, user)
    assert found[old["Key"]]["Expires"] == old["Expires"]
    assert abs(
        datetime.fromisoformat(found[new["Key"]]["Expires"]) - datetime.now(UTC) - timedelta(days=1)
    ) < timedelta(minutes=5)


@pytest.mark.parametrize("options", [(), ("--pair",)])
def test_a_key_that_is_revoked_is_refused(sextant, user, options):
    key = made(sextant, user, *options)
    run(sextant, "keys", "revoke", key["Key"])
    if options:
        pair = {"aws_access_key_id": key["Key"], "aws_secret_access_key": key["Secret"]}
        assert error_of(client("sts", sextant.url, **pair).get_caller_identity)[2] == 403
    else:
        refused = sextant.run("users", "list", SEXTANT_API_KEY=key["Secret"])
        assert refused.returncode == 5
        assert "this key came from SEXTANT_API_KEY, else from the data folder" in refused.stderr
        assert key["Secret"] not in refused.stderr
    assert listed(sextant, user) == {}


def test_a_key_that_is_not_there_is_said_so(sextant):
    for command in ("revoke", "rotate"):
        done = sextant.run("keys", command, "SXK0000")
        assert done.returncode == 3
        assert "no key has the id SXK0000: `sextant keys list` shows those there are" in done.stderr


def test_a_user_is_deleted_with_all_that_is_its_own(sextant, user):
    run(sextant, "users", "grant", user, "viewer")
    key = made(sextant, user)
    made(sextant, user, "--pair")
    run(sextant, "users", "delete", user)
    assert not works(sextant, key)
    assert user not in [row["User"] for row in sextant.json("users", "list")]
    assert sextant.run("users", "delete", user).returncode == 3


def test_a_name_that_is_taken_is_a_conflict(sextant, user):
    assert sextant.run("users", "create", user).returncode == 4


def test_rotating_the_first_key_says_how_commands_get_another(tmp_path):
    with sextant_up(tmp_path) as running:
        first = json.loads((running.folder / "secrets/first-key.json").read_text())
        done = run(running, "keys", "rotate", first["api_key_id"])
        assert "It is the first key, which commands on this machine use: for another, delete" in done.stderr
        run(running, "endpoint", "list")


def test_the_first_key_is_printed_at_the_first_start_and_never_again(tmp_path):
    printed = []
    for _ in range(2):
        with sextant_up(tmp_path, {"SEXTANT_ACCESS_KEY_ID": "", "SEXTANT_SECRET_ACCESS_KEY": ""}) as running:
            printed.append((tmp_path / "up.out").read_text())
        first = json.loads((running.folder / "secrets/first-key.json").read_text())
    assert printed == [
        f"export SEXTANT_API_KEY={first['api_key']}\nexport AWS_SECRET_ACCESS_KEY={first['secret_access_key']}\n",
        "",
    ]
    assert first["api_key"] not in (tmp_path / "up.log").read_text()
    assert first["secret_access_key"] not in (tmp_path / "up.log").read_text()
    assert first["access_key_id"] in (tmp_path / "up.log").read_text()
