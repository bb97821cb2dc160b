"""Clients of one endpoint that call through the gateway while its processes are replaced.

What lives here: unmodified boto3 clients in a closed loop that never try twice, and what each was answered. What does
not: the installation they call (tests.e2e.service_under_test), and what is to be learnt (tests.benchmarks.faults).
"""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from monitor_jobs.model_archive import pack
from tests.servers.endpoint import write_package

CALLERS = 4
SLOW_EVERY = 100  # one request of so many takes longer than the others together
SLEEPS = """
import json
import time

def model_fn(model_dir):
    return None

def transform_fn(model, body, content_type, accept):
    time.sleep(json.loads(body)[0])
    return body, "application/json"
"""


@dataclass
class Calls:
    """The inference ids of answered requests, and what became of the others."""

    answered: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def sleeping_package(folder: Path) -> Path:
    """The archive of a model that sleeps for as many seconds as it is told, and answers with what it was sent."""
    pack(write_package(folder / "package", {"code/inference.py": SLEEPS}), folder / "model.tar.gz")
    return folder / "model.tar.gz"


@contextmanager
def calling(url: str, endpoint: str, *, callers: int = CALLERS) -> Iterator[Calls]:
    """So many clients that call until the block ends; each request has an id of its own."""
    calls, enough = Calls(), threading.Event()
    threads = [
        threading.Thread(target=_call, args=(url, endpoint, f"caller-{number}", calls, enough))
        for number in range(callers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield calls
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def _call(url: str, endpoint: str, prefix: str, calls: Calls, enough: threading.Event) -> None:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "thing", "region_name": "us-east-1"}
    once = Config(retries={"total_max_attempts": 1}, read_timeout=70)
    with closing(boto3.client("sagemaker-runtime", endpoint_url=url, config=once, **keys)) as client:
        for number in count():
            if enough.is_set():
                return
            inference_id = f"{prefix}-{number}"
            body = b"[0.3]" if number % SLOW_EVERY == SLOW_EVERY - 1 else b"[0.003]"
            try:
                answer = client.invoke_endpoint(
                    EndpointName=endpoint, Body=body, ContentType="application/json", InferenceId=inference_id
                )
                assert answer["Body"].read() == body
                calls.answered.append(inference_id)
            except (BotoCoreError, ClientError) as error:
                calls.failed.append(f"{inference_id}: {error}")
