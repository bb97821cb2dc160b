"""The whole life of keys on a real service: made, used, misused, rotated, revoked, beside a model that tells all.

What lives here: what is done, and everything that is shown or written meanwhile. What does not: the search (canaries).
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from monitor_jobs.model_archive import pack
from service.first_key import first_key_file, read_first_key
from service.settings import load_settings
from tests import plain_http
from tests.aws_clients import ONCE, REGION
from tests.canaries import Canary, files_below, watched
from tests.integration.sextant_command import Sextant, sextant_up
from tests.servers.endpoint import write_package
from tests.visitor import Visitor

FIRST_ID, FIRST_SECRET = "SXTCANARY00000000001", "canary-secret-that-nothing-may-ever-show"
GIVEN = {"SEXTANT_ACCESS_KEY_ID": FIRST_ID, "SEXTANT_SECRET_ACCESS_KEY": FIRST_SECRET}
# A model tells what it sees of its process, as one that was deployed for this would.
TELLS_ALL = """
import json, os, pathlib

def model_fn(model_dir):
    print("loaded with", dict(os.environ), flush=True)
    return None

def transform_fn(model, body, content_type, accept):
    seen = {"environment": dict(os.environ), "command": pathlib.Path("/proc/self/cmdline").read_text()}
    return json.dumps({"predictions": [[0.9, 0.1]], **seen}), "application/json"
"""
CARD = json.dumps({"classes": ["cat", "dog"], "input": {"shape": [2], "dtype": "float32"}})


@dataclass
class Life:
    """The secrets that there were, and by its name everything that was shown, but to whom it was to be shown."""

    canaries: list[Canary] = field(default_factory=list)
    outputs: dict[str, bytes] = field(default_factory=dict)

    def secret(self, name: str, content: str | bytes) -> None:
        self.canaries.append(Canary(name, content.encode() if isinstance(content, str) else content))

    def shown(self, name: str, content: object) -> None:
        self.outputs[f"{len(self.outputs):03} {name}"] = str(content).encode()

    def ran(self, sextant: Sextant, *arguments: str | Path, **variables: str) -> None:
        done = sextant.run(*arguments, **variables)
        self.shown(f"sextant {arguments[0]} {arguments[1] if len(arguments) > 1 else ''}", done.stdout + done.stderr)

    def answered(self, name: str, call: Any, **request: Any) -> None:
        try:
            self.shown(name, call(**request))
        except ClientError as error:
            self.shown(f"refusal of {name}", f"{error} {error.response}")


def lived(folder: Path) -> Life:
    """A life in a folder of its own: some 30 s."""
    life = Life()
    with sextant_up(folder, GIVEN) as started:
        sextant = Sextant(started.folder, started.url)
        with watched(json.loads((sextant.folder / "control.json").read_text())["pid"]) as processes:
            _use(life, sextant, folder)
            _administer(life, sextant)
            _misuse(life, sextant)
        first_key = first_key_file(sextant.folder)
        own = (first_key, first_key.with_name("sealing.key"), first_key.with_name("endpoint-token"))
        life.outputs |= files_below(sextant.folder, but=own)  # some are gone when it has ended
    life.outputs |= processes
    life.outputs |= files_below(sextant.folder, but=own)
    life.outputs["log of sextant up"] = (folder / "up.log").read_bytes()
    life.secret("the sealing key", own[1].read_bytes())
    return life


def _client(sextant: Sextant, service: str, key_id: str = FIRST_ID, secret: str = FIRST_SECRET) -> Any:
    keys = {"aws_access_key_id": key_id, "aws_secret_access_key": secret, "region_name": REGION}
    return boto3.client(service, endpoint_url=sextant.url, config=ONCE, **keys)


def _use(life: Life, sextant: Sextant, folder: Path) -> None:
    first = read_first_key(sextant.folder)
    assert first is not None
    life.secret("the secret of the first key", FIRST_SECRET)
    life.secret("the first API key", first.api_key.secret.reveal())
    life.shown("repr of the first key", repr(first))
    life.shown("repr of settings", repr(load_settings({**GIVEN, "SEXTANT_DATA": str(sextant.folder)})))
    pack(
        write_package(folder / "package", {"code/inference.py": TELLS_ALL, "code/model_card.json": CARD}),
        folder / "m.gz",
    )
    life.ran(sextant, "endpoint", "create", "cats", "--model", folder / "m.gz")
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=5)
    runtime = _client(sextant, "sagemaker-runtime")
    for _ in range(3):
        answer = runtime.invoke_endpoint(EndpointName="cats", ContentType="application/json", Body=b"[[0, 1]]")
        life.shown("a model's answer", answer["Body"].read().decode())
    life.ran(sextant, "schedule", "create", "skew", "--endpoint", "cats", "--env", "THRESHOLD=0.5")
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    life.ran(sextant, "schedule", "run", "skew", "--from", f"{start:%FT%T}", "--to", f"{end:%FT%T}")
    sagemaker = _client(sextant, "sagemaker")
    life.answered("DescribeEndpoint", sagemaker.describe_endpoint, EndpointName="cats")
    life.answered("ListModels", sagemaker.list_models)
    (job, *_) = sagemaker.list_processing_jobs()["ProcessingJobSummaries"]
    name = job["ProcessingJobName"]
    life.answered("DescribeProcessingJob", sagemaker.describe_processing_job, ProcessingJobName=name)
    for command in (("settings",), ("settings", "--json"), ("doctor",), ("executions", "list"), ("users", "list")):
        life.ran(sextant, *command, **GIVEN)
    for path in ("/metrics", "/prometheus/targets", "/ping"):
        headers = {"Authorization": f"Bearer {first.api_key.secret.reveal()}"}
        life.shown(f"GET {path}", plain_http.get(sextant.url + path, headers=headers).text)
    _browse(life, sextant.url, first.api_key.secret.reveal())


def _browse(life: Life, url: str, key: str) -> None:
    """A day of the console's: wrong keys, the right one, pages, a form, and out again."""
    with Visitor(url) as visitor:
        for path, fields in (("/login", {"api_key": key + "x"}), ("/login", {"api_key": "x", "next": f"/{key}"})):
            life.shown("a wrong key in the form", visitor.post(path, fields).text)
        life.shown("the form to a key in its address", visitor.get(f"/login?next=/{key}").text)
        life.shown("a page that is a key", f"{visitor.get(f'/executions/{key}').headers}")
        life.shown("logging in", visitor.log_in(key).text)
        life.secret("the id of a session", visitor.cookie)
        for path in ("/", "/index.json", "/executions/nobody", f"/executions/{key}", f"/schedules/{key}/stop"):
            life.shown(f"the console's {path[:12]}", visitor.get(path).text)
        life.shown("a form of a key", visitor.send(f"/schedules/{key}/stop").text)
        life.shown("a form that stops a schedule", visitor.send("/schedules/skew/stop").text)
        life.shown("logging out", visitor.send("/logout").text)


def _administer(life: Life, sextant: Sextant) -> None:
    iam = _client(sextant, "iam")
    life.answered("CreateUser", iam.create_user, UserName="ann")
    pair = iam.create_access_key(UserName="ann")["AccessKey"]
    api_key = iam.create_service_specific_credential(UserName="ann", ServiceName="sextant")["ServiceSpecificCredential"]
    key_id = api_key["ServiceSpecificCredentialId"]
    reset = iam.reset_service_specific_credential(UserName="ann", ServiceSpecificCredentialId=key_id)
    life.secret("a user's secret", pair["SecretAccessKey"])
    life.secret("a user's API key", api_key["ServiceCredentialSecret"])
    life.secret("the API key after it", reset["ServiceSpecificCredential"]["ServiceCredentialSecret"])
    made = sextant.json("keys", "create", "ann")
    life.secret("a key of the command line", made["Secret"])
    rotated = sextant.json("keys", "rotate", made["Key"])
    life.secret("a key that was rotated to", rotated["Secret"])
    theirs = _client(sextant, "sts", pair["AccessKeyId"], pair["SecretAccessKey"])
    life.answered("GetCallerIdentity", theirs.get_caller_identity)
    life.answered("GetUser", iam.get_user, UserName="ann")
    life.answered("ListAccessKeys", iam.list_access_keys, UserName="ann")
    life.answered("ListServiceSpecificCredentials", iam.list_service_specific_credentials, AllUsers=True)
    life.answered("DeleteUser", iam.delete_user, UserName="ann")
    for command in (("keys", "list"), ("keys", "list", "--json"), ("keys", "revoke", rotated["Key"])):
        life.ran(sextant, *command)


def _misuse(life: Life, sextant: Sextant) -> None:
    """Secrets where they do not belong, and wrong by a character."""
    key = next(canary for canary in life.canaries if canary.name == "the API key after it").content.decode()
    for name, header in {"wrong": f"Bearer {key}x", "basic": f"Basic {key}", "bare": key}.items():
        headers = {"Authorization": header}
        for path in ("/", "/metrics", "/endpoints/cats/invocations"):
            answer = plain_http.post(sextant.url + path, headers=headers, content=b"{}")
            life.shown(f"answer to a {name} key", f"{answer.status_code} {answer.headers} {answer.text}")
    life.shown("answer to a key in a query", plain_http.get(f"{sextant.url}/nowhere?key={key}").text)
    life.shown("answer to a key in a path", plain_http.get(f"{sextant.url}/{key}").text)
    life.answered("a secret as an id", _client(sextant, "sts", FIRST_SECRET, FIRST_SECRET).get_caller_identity)
    life.answered("a wrong secret", _client(sextant, "sts", FIRST_ID, FIRST_SECRET + "x").get_caller_identity)
    presigned = _client(sextant, "sts", FIRST_ID, FIRST_SECRET).generate_presigned_url("get_caller_identity")
    life.shown("answer to a presigned address", plain_http.get(presigned).text)
    life.ran(sextant, "users", "list", SEXTANT_API_KEY=key + "x")
    life.ran(sextant, "keys", "revoke", key)
    life.ran(sextant, "endpoint", "describe", key)
    runtime = _client(sextant, "sagemaker-runtime")
    life.answered("an API key as a name", runtime.invoke_endpoint, EndpointName=key, Body=b"")
    life.ran(sextant, "settings", SEXTANT_ACCESS_KEY_ID=FIRST_SECRET, SEXTANT_SECRET_ACCESS_KEY="")
    life.ran(sextant, "up", SEXTANT_ACCESS_KEY_ID=FIRST_SECRET, SEXTANT_SECRET_ACCESS_KEY="")
    life.ran(sextant, "settings", SEXTANT_SECRET_ACCES_KEY=FIRST_SECRET)
    life.ran(sextant, "settings", SEXTANT_PORT="http", **GIVEN)
