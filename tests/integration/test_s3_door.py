"""`sextant up --s3`: S3 clients and the folder store see the same objects, at once, from either side."""

import io
import json
import os
import signal
import subprocess
import sys
import threading

import boto3
import psutil
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from monitor_jobs.object_store import ObjectMissing, S3Address
from monitor_jobs.object_store.folder import FolderStore
from tests.integration.sextant_command import Sextant, sextant_up
from tests.wait import wait_until

pytestmark = pytest.mark.server("rclone")
ROUNDS = 30

# Clients that are told nothing but their environment, as a notebook's are.
NOTEBOOK = """
import boto3, json
services = ["sagemaker", "sagemaker-runtime", "s3", "logs", "cloudwatch", "sts", "iam"]
print(json.dumps({
    "buckets": sorted(row["Name"] for row in boto3.client("s3").list_buckets()["Buckets"]),
    "models": boto3.client("sagemaker").list_models()["Models"],
    "groups": [row["logGroupName"] for row in boto3.client("logs").describe_log_groups()["logGroups"]],
    "metrics": boto3.client("cloudwatch").list_metrics()["Metrics"],
    "caller": boto3.client("sts").get_caller_identity()["Arn"],
    "role": boto3.client("iam").get_role(RoleName="sextant")["Role"]["Arn"],
    "urls": sorted({boto3.client(name).meta.endpoint_url for name in services}),
}))
"""


@pytest.fixture(scope="module")
def sextant(tmp_path_factory):
    with sextant_up(tmp_path_factory.mktemp("door"), {"SEXTANT_ACCOUNT": "123456789012"}, "--s3") as running:
        yield running


@pytest.fixture(scope="module")
def variables(sextant):
    return sextant.json("env")


@pytest.fixture(scope="module")
def s3(variables):
    return s3_client(variables)


@pytest.fixture(scope="module")
def store(sextant):
    return FolderStore(sextant.folder)


def s3_client(variables, **keys):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        return boto3.client("s3", **keys)


def address(key):
    return S3Address("sextant", key)


def listed(s3, prefix):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="sextant", Prefix=prefix)
    return [row["Key"] for page in pages for row in page.get("Contents", [])]


def read(s3, key):
    return s3.get_object(Bucket="sextant", Key=key)["Body"].read()


def test_the_environment_that_is_printed_is_all_that_clients_need(sextant, variables):
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK], env={**own, **variables}, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found.pop("urls") == sorted([sextant.url, variables["AWS_ENDPOINT_URL_S3"]])
    assert found == {
        "buckets": ["sagemaker-us-east-1-123456789012", "sextant"],
        "models": [],
        "groups": ["/aws/sagemaker/ProcessingJobs"],
        "metrics": [],
        "caller": "arn:aws:sts::123456789012:assumed-role/sextant/admin",
        "role": "arn:aws:iam::123456789012:role/sextant",
    }


def test_a_shell_that_evaluates_what_is_printed_has_it(sextant, variables):
    show = "import os, json; print(json.dumps(dict(os.environ)))"
    script = f'eval "$({sys.executable} -m service env)"; {sys.executable} -c "{show}"'
    done = subprocess.run(["sh", "-c", script], env=sextant.environment, capture_output=True, text=True, check=True)
    assert variables.items() <= json.loads(done.stdout).items()


def test_up_ends_its_announcement_with_the_same_environment(sextant, variables):
    announced, shown_once = ((sextant.folder.parent / name).read_text() for name in ("up.log", "up.out"))
    secrets = {"AWS_SECRET_ACCESS_KEY", "SEXTANT_API_KEY"}
    assert all((f"  export {name}=" in announced) is (name not in secrets) for name in variables)
    assert all((f"export {name}=" in shown_once) is (name in secrets) for name in variables)


def test_what_the_folder_store_writes_is_seen_by_s3_at_once(s3, store):
    for number in range(ROUNDS):
        key = f"ours/{number}/x.json"
        store.put(address(key), b"%d" % number)
        assert (key in listed(s3, "ours/"), read(s3, key)) == (True, b"%d" % number)


def test_what_s3_writes_is_seen_by_the_folder_store_at_once(s3, store):
    for number in range(ROUNDS):
        key = f"theirs/{number}/x.json"
        s3.put_object(Bucket="sextant", Key=key, Body=b"%d" % number)
        assert store.get(address(key)) == b"%d" % number
        assert address(key) in [found.address for found in store.list(address("theirs/"))]


def test_an_object_that_both_write_is_always_the_last_one(s3, store):
    for number in range(ROUNDS):
        s3.put_object(Bucket="sextant", Key="both", Body=b"s" * number)
        assert store.get(address("both")) == b"s" * number
        store.put(address("both"), b"f" * (number + 100))
        assert (s3.head_object(Bucket="sextant", Key="both")["ContentLength"], len(read(s3, "both"))) == (
            number + 100,
            number + 100,
        )


def test_what_either_deletes_is_gone_for_the_other(s3, store):
    for key in ("gone/a", "gone/b"):
        store.put(address(key), b"x")
    store.delete(address("gone/a"))
    with pytest.raises(ClientError):
        s3.head_object(Bucket="sextant", Key="gone/a")
    s3.delete_object(Bucket="sextant", Key="gone/b")
    with pytest.raises(ObjectMissing):
        store.get(address("gone/b"))
    assert (listed(s3, "gone/"), list(store.list(address("gone/")))) == ([], [])


@pytest.mark.parametrize("key", ["a b/\u00fc\u2713.json", ".hidden", "a+b=c&d", "deep/" * 20 + "x"])
def test_a_key_is_the_same_on_both_sides(s3, store, key):
    s3.put_object(Bucket="sextant", Key=key, Body=b"same")
    assert store.get(address(key)) == b"same"
    assert listed(s3, key) == [key]


def test_an_upload_in_parts_is_no_object_before_it_is_whole(s3, store):
    parts = TransferConfig(multipart_threshold=5 * 2**20, multipart_chunksize=5 * 2**20)
    content, seen, done = os.urandom(22 * 2**20), set(), threading.Event()

    def watch():
        while not done.is_set():
            seen.update((found.address.key, found.size_bytes) for found in store.list(address("parts/")))

    watching = threading.Thread(target=watch)
    watching.start()
    s3.upload_fileobj(io.BytesIO(content), "sextant", "parts/big", Config=parts)
    s3.put_object(Bucket="sextant", Key="parts/one", Body=content)
    done.set()
    watching.join()
    assert seen <= {("parts/big", len(content)), ("parts/one", len(content))}
    assert store.get(address("parts/big")) == content


def test_a_download_is_whole_with_the_checks_that_the_environment_asks_for(s3, store, tmp_path):
    content = os.urandom(9 * 2**20)
    store.put(address("model.tar.gz"), content)
    s3.download_file("sextant", "model.tar.gz", str(tmp_path / "model.tar.gz"))
    assert (tmp_path / "model.tar.gz").read_bytes() == content


def test_a_bucket_that_a_client_makes_is_a_folder(s3, sextant):
    s3.create_bucket(Bucket="made-by-a-client")
    s3.head_bucket(Bucket="made-by-a-client")
    assert (sextant.folder / "store/made-by-a-client").is_dir()


@pytest.mark.parametrize("keys", [{"aws_secret_access_key": "wrong-secret-key"}, {"aws_access_key_id": "SXTSTRANGER"}])
def test_other_keys_are_refused(variables, keys):
    right = {"aws_access_key_id": variables["AWS_ACCESS_KEY_ID"]}
    secret = {"aws_secret_access_key": variables["AWS_SECRET_ACCESS_KEY"]}
    with pytest.raises(ClientError) as raised:
        s3_client(variables, **{**right, **secret, **keys}).list_buckets()
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_secret_is_in_no_command_line(sextant, variables):
    command = " ".join(rclone_of(sextant).cmdline())
    assert variables["AWS_SECRET_ACCESS_KEY"] not in command
    assert f"--addr 127.0.0.1:{variables['AWS_ENDPOINT_URL_S3'].rpartition(':')[2]}" in command


def rclone_of(sextant):
    store = str(sextant.folder / "store")
    return next(process for process in psutil.process_iter(["cmdline"]) if store in (process.info["cmdline"] or []))


def test_a_door_that_dies_is_opened_again_at_the_same_address(sextant, s3, store):
    first = rclone_of(sextant)
    store.put(address("survives"), b"x")
    first.send_signal(signal.SIGKILL)
    wait_until(lambda: psutil.pid_exists(first.pid) is False, timeout_seconds=20, what="the end of rclone")
    wait_until(lambda: readable(s3, "survives"), timeout_seconds=20, what="another rclone")
    assert rclone_of(sextant).pid != first.pid


def readable(s3, key):
    try:
        return bool(read(s3, key))
    except Exception:  # noqa: BLE001 -- nobody listens, or not yet
        return False


def test_keys_and_address_outlive_a_restart(tmp_path):
    found = []
    for _ in range(2):
        with sextant_up(tmp_path, {}, "--s3") as running:
            found.append(running.json("env"))
    kept = ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "SAGEMAKER_USER_CONFIG_OVERRIDE")
    assert [found[0][name] for name in kept] == [found[1][name] for name in kept]


def test_a_first_key_that_was_revoked_does_not_open_s3(tmp_path):
    own = {"SEXTANT_ACCESS_KEY_ID": "", "SEXTANT_SECRET_ACCESS_KEY": ""}
    with sextant_up(tmp_path, own) as running:
        key_id = json.loads((running.folder / "secrets/first-key.json").read_text())["access_key_id"]
        assert running.run("keys", "revoke", key_id).returncode == 0
    done = Sextant(tmp_path / "data").run("up", "--s3", **own)
    assert done.returncode == 4
    assert f"the first key {key_id} was revoked, and must not open S3: leave out --s3, or delete" in done.stderr


def test_a_store_that_is_an_s3_service_has_no_door(tmp_path):
    done = Sextant(tmp_path / "data").run("up", "--s3", SEXTANT_STORE_ENDPOINT_URL="http://127.0.0.1:9")
    assert done.returncode == 5
    assert "--s3 opens a door on the folder store, but objects are at http://127.0.0.1:9: leave out --s3" in done.stderr


def test_without_a_running_service_there_is_no_environment(tmp_path):
    done = Sextant(tmp_path).run("env")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"no `sextant up` uses {tmp_path}: start it, or set SEXTANT_DATA" in done.stderr


def test_without_a_door_the_environment_says_how_to_open_one(tmp_path):
    with sextant_up(tmp_path) as running:
        done = running.run("env")
    assert "AWS_ENDPOINT_URL_S3" not in done.stdout
    assert "`sextant up --s3` opens a door" in done.stderr
