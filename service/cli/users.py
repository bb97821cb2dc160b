"""`sextant users`: who there is, and what each may do."""

import urllib.parse
from typing import Annotated

import typer

from monitor_jobs.contract.errors import NotFound
from service.cli.client import Client, connect
from service.cli.output import AsJson, print_fields, print_json, print_table, say
from service.core.access import EVERY_NAME, Grant, Role

app = typer.Typer(help="Users and their roles.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the user.")]
RoleName = Annotated[Role, typer.Argument(help="Role to have for those endpoints.")]
Endpoints = Annotated[str, typer.Option("--endpoints", help="Endpoints whose names fit this; * stands for any part.")]


@app.command("list")
def list_users(as_json: AsJson = False) -> None:
    """List users, and what each may do."""
    client = connect()
    rows = [
        {"User": user["UserName"], "Grants": _shown(_grants(client, user["UserName"])), "Created": user["CreateDate"]}
        for user in client.query_pages("ListUsers", "Users")
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(["User", "Grants", "Created"], rows, empty="No users: sextant users create NAME")


@app.command()
def create(name: Name, as_json: AsJson = False) -> None:
    """Make a user, who has no key and may do nothing: see `users grant` and `keys create`."""
    user = connect().query("CreateUser", UserName=name)["User"]
    fields = {"User": user["UserName"], "Arn": user["Arn"], "Created": user["CreateDate"]}
    if as_json:
        print_json(fields)
    else:
        print_fields(fields)


@app.command()
def delete(name: Name) -> None:
    """Delete a user with all its keys and grants; requests with those keys are refused at once."""
    client = connect()
    client.query("GetUser", UserName=name)
    for key in client.query("ListAccessKeys", UserName=name)["AccessKeyMetadata"] or []:
        client.query("DeleteAccessKey", UserName=name, AccessKeyId=key["AccessKeyId"])
    for key in client.query_pages("ListServiceSpecificCredentials", "ServiceSpecificCredentials", UserName=name):
        key_id = key["ServiceSpecificCredentialId"]
        client.query("DeleteServiceSpecificCredential", UserName=name, ServiceSpecificCredentialId=key_id)
    for policy in _policies(client, name):
        client.query("DeleteUserPolicy", UserName=name, PolicyName=policy)
    client.query("DeleteUser", UserName=name)
    say(f"User {name} is gone")


@app.command()
def grant(name: Name, role: RoleName, endpoints: Endpoints = EVERY_NAME) -> None:
    """Give a user a role, for all endpoints or those of a pattern."""
    given = Grant(role, endpoints)
    _put(connect(), name, _policy_name(given), [given])
    say(f"User {name} is {_shown([given])}")


@app.command()
def revoke(name: Name, role: RoleName, endpoints: Endpoints = EVERY_NAME) -> None:
    """Take a role away from a user, for the pattern that it was given for."""
    client, taken = connect(), Grant(role, endpoints)
    found = {policy: grants for policy, grants in _policies(client, name).items() if taken in grants}
    if not found:
        raise NotFound(f"user {name} is not {_shown([taken])}: `sextant users list` shows what it is")
    for policy, grants in found.items():
        _put_rest(client, name, policy, [each for each in grants if each != taken])
    say(f"User {name} is no longer {_shown([taken])}")


def _put_rest(client: Client, name: str, policy: str, rest: list[Grant]) -> None:
    if rest:
        _put(client, name, policy, rest)
    else:
        client.query("DeleteUserPolicy", UserName=name, PolicyName=policy)


def _put(client: Client, name: str, policy: str, grants: list[Grant]) -> None:
    from service.core.policy_document import document_of

    client.query("PutUserPolicy", UserName=name, PolicyName=policy, PolicyDocument=document_of(grants))


def _policies(client: Client, name: str) -> dict[str, list[Grant]]:
    from service.core.policy_document import grants_of

    names: list[str] = client.query("ListUserPolicies", UserName=name)["PolicyNames"] or []
    found = {policy: client.query("GetUserPolicy", UserName=name, PolicyName=policy) for policy in names}
    return {policy: grants_of(urllib.parse.unquote(row["PolicyDocument"])) for policy, row in found.items()}


def _grants(client: Client, name: str) -> list[Grant]:
    return list(dict.fromkeys(grant for grants in _policies(client, name).values() for grant in grants))


def _policy_name(given: Grant) -> str:
    # A policy's name has no asterisk, and a pattern no plus sign.
    return f"{given.role.value}.{given.endpoints.replace('*', '+')}"


def _shown(grants: list[Grant]) -> str:
    return ", ".join(f"{grant.role.value} of {grant.endpoints}" for grant in grants) or "nothing yet"
