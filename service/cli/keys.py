"""`sextant keys`: API keys and access keys of users, made, rotated and revoked. A secret is printed once."""

import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from monitor_jobs.contract.errors import NotFound
from service.cli.client import Client, connect, load
from service.cli.output import AsJson, print_fields, print_json, print_table, say

app = typer.Typer(help="Keys of users.", no_args_is_help=True)
API_KEY, ACCESS_KEY = "API key", "access key"
COLUMNS = ["Key", "User", "Kind", "Status", "Created", "Expires"]
DAY_SECONDS = 86400
KeyId = Annotated[str, typer.Argument(help="Id of the key, as `sextant keys list` shows it.")]
Days = Annotated[int | None, typer.Option("--days", min=1, max=36600, help="Days until it expires; unset never does.")]


@app.command("list")
def list_keys(
    user: Annotated[str | None, typer.Option("--user", help="Only keys of this user.")] = None, as_json: AsJson = False
) -> None:
    """List keys; what they are made of is not kept, or not shown."""
    rows = _keys(connect(), user)
    if as_json:
        print_json(rows)
    else:
        print_table(COLUMNS, rows, empty="No keys: sextant keys create USER")


@app.command()
def create(
    user: Annotated[str, typer.Argument(help="Whose key it is to be.")],
    pair: Annotated[bool, typer.Option("--pair", help="Make an access key for boto3 in place of an API key.")] = False,
    days: Days = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, and print it this once: an API key for plain HTTP and these commands, or a pair for boto3."""
    _show(_made(connect(), user, ACCESS_KEY if pair else API_KEY, days), as_json=as_json)


@app.command()
def rotate(
    key: KeyId,
    overlap_hours: Annotated[
        float, typer.Option("--overlap-hours", min=0, max=24 * 365, help="How long the old one is good still.")
    ] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Make another key of the same user and kind, print it this once, and let the old one expire."""
    client = connect()
    old = _key(client, key)
    made = _made(client, old["User"], old["Kind"], _age_days(old))
    end = datetime.now(UTC) + timedelta(hours=overlap_hours)
    if old["Expires"] is None or end < datetime.fromisoformat(old["Expires"]):
        _end_at(client, old, end)
    _show(made, as_json=as_json)
    say(f"{key} is good until {min(filter(None, (old['Expires'], end.isoformat(timespec='seconds'))))}")
    _remind(key)


@app.command()
def revoke(key: KeyId) -> None:
    """Delete a key; requests with it are refused within five seconds."""
    client = connect()
    row = _key(client, key)
    client.query(f"Delete{_OPERATIONS[row['Kind']]}", UserName=row["User"], **_id(row))
    say(f"{key} of user {row['User']} is gone")
    _remind(key)


_OPERATIONS = {API_KEY: "ServiceSpecificCredential", ACCESS_KEY: "AccessKey"}
_IDS = {API_KEY: "ServiceSpecificCredentialId", ACCESS_KEY: "AccessKeyId"}


def _id(row: dict[str, Any]) -> dict[str, str]:
    return {_IDS[row["Kind"]]: row["Key"]}


def _keys(client: Client, user: str | None) -> list[dict[str, Any]]:
    users = [user] if user else [row["UserName"] for row in client.query_pages("ListUsers", "Users")]
    named = {"UserName": user} if user else {"AllUsers": "true"}
    pairs = [row for name in users for row in client.query_pages("ListAccessKeys", "AccessKeyMetadata", UserName=name)]
    api_keys = client.query_pages("ListServiceSpecificCredentials", "ServiceSpecificCredentials", **named)
    found = [_row(row, ACCESS_KEY) for row in pairs] + [_row(row, API_KEY) for row in api_keys]
    return sorted(found, key=lambda row: (row["User"], row["Created"]))


def _row(listed: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "Key": listed[_IDS[kind]],
        "User": listed["UserName"],
        "Kind": kind,
        "Status": listed["Status"],
        "Created": listed["CreateDate"],
        "Expires": listed.get("ExpirationDate"),
    }


def _key(client: Client, key: str) -> dict[str, Any]:
    for row in _keys(client, None):
        if row["Key"] == key:
            return row
    raise NotFound(f"no key has the id {key}: `sextant keys list` shows those there are")


def _made(client: Client, user: str, kind: str, days: int | None) -> dict[str, Any]:
    if kind == API_KEY:
        age = {"CredentialAgeDays": str(days)} if days else {}
        answer = client.query("CreateServiceSpecificCredential", UserName=user, ServiceName="sextant", **age)
        made = answer["ServiceSpecificCredential"]
        return {**_row(made, kind), "Secret": made["ServiceCredentialSecret"]}
    made = client.query("CreateAccessKey", UserName=user)["AccessKey"]
    row = {**_row(made, kind), "Secret": made["SecretAccessKey"]}
    if days:
        end = datetime.now(UTC) + timedelta(days=days)
        _end_at(client, row, end)
        row["Expires"] = end.isoformat()
    return row


def _end_at(client: Client, row: dict[str, Any], end: datetime) -> None:
    members = {"UserName": row["User"], "Status": row["Status"], "ExpirationDate": end.isoformat(), **_id(row)}
    client.query(f"Update{_OPERATIONS[row['Kind']]}", **members)


def _age_days(row: dict[str, Any]) -> int | None:
    if row["Expires"] is None:
        return None
    age = datetime.fromisoformat(row["Expires"]) - datetime.fromisoformat(row["Created"])
    return max(1, math.ceil(age.total_seconds() / DAY_SECONDS))


def _show(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
    else:
        print_fields(made)


def _remind(key: str) -> None:
    from service.first_key import first_key_file, read_first_key

    data = load().data
    first = read_first_key(data)
    if first is not None and key in (first.pair.key_id, first.api_key.key_id):
        say(f"It is the first key, which commands on this machine use: for another, delete {first_key_file(data)}, and")
        say("restart `sextant up`")
