"""How much of SageMaker's control plane works as AWS's does, and what bad requests do to it.

`python -m tests.benchmarks.dialect [--quick] [--json] [--seed N]`: every needed operation called by boto3 with its
success and its documented refusals, requests fuzzed from AWS's published shapes, over HTTP against a real control
process, and requests to an endpoint that is updated under load. What does not live here: the calls and the requests
(tests.dialect).
"""

import argparse
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import boto3
from botocore.config import Config

from tests import plain_http
from tests.aws_clients import KEYS
from tests.benchmarks.figures import Figure, publish
from tests.dialect.calls import shortcomings
from tests.dialect.campaign import Campaign, Findings
from tests.dialect.fuzz import fuzzed_requests
from tests.dialect.scenarios import SCENARIOS
from tests.sagemaker_operations import NEEDED
from tests.sagemaker_requests import Installation
from tests.servers.control import control_process
from tests.servers.rolling_calls import update_failed_requests

QUICK_REQUESTS, FULL_REQUESTS = 400, 10_000
LONG_REQUESTS = 5000
SEED = 20261120
SHOWN = 5
ONCE = Config(retries={"total_max_attempts": 1})
UPDATE_ROUNDS = 5  # each one update that takes over and one that is rolled back
LONG_ONLY = "only the long form sends as many"


def measure(requests: int, seed: int) -> dict[str, Figure]:
    """Both campaigns against one control process in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="sextant-bench-") as scratch:
        folder = Path(scratch)
        with control_process(folder) as url, plain_http.Client(timeout=60) as client:
            here = Installation(folder)
            working = working_operations(url, here)
            findings = Campaign(url, here, client).run(fuzzed_requests(seed, requests))
            here.database.engine.dispose()
    return {"operations_m_and_s_working_share": working, **fuzz_figures(findings, seed)}


def working_operations(url: str, here: Installation) -> Figure:
    """The share of the needed operations of SageMaker whose scenario holds; what does not is said on stderr."""
    needed = {name for service, name in NEEDED if service == "sagemaker"}
    broken: set[str] = set()
    with closing(boto3.client("sagemaker", endpoint_url=url, config=ONCE, **KEYS)) as aws:
        for scenario in SCENARIOS:
            for fault in shortcomings(scenario, aws, here):
                print(fault, file=sys.stderr)
                broken.add(scenario.operation)
    working = needed & {scenario.operation for scenario in SCENARIOS} - broken
    refusals = sum(len(scenario.refused) for scenario in SCENARIOS)
    note = f"{len(working)} of {len(needed)} by boto3: one success and what follows of it each, {refusals} refusals"
    return Figure(len(working) / len(needed), "share", ">= 1", note)


def fuzz_figures(findings: Findings, seed: int) -> dict[str, Figure]:
    """What the fuzzed requests showed; the first of what should not have been is said on stderr."""
    for fault in (*findings.server_errors, *findings.wrong_bodies, *findings.left_behind)[:SHOWN]:
        print(fault, file=sys.stderr)
    taken, operations = sum(findings.accepted.values()), len(findings.accepted)
    sent = f"{findings.requests} of seed {seed}; {taken} fitted and were taken, by {operations} operations"
    return {
        "fuzz_requests": Figure(findings.requests, "requests", f">= {LONG_REQUESTS}", "all operations in turn"),
        "fuzz_server_errors": Figure(len(findings.server_errors), "answers", "<= 0", f"status 5xx, or none; {sent}"),
        "fuzz_wrong_bodies": Figure(
            len(findings.wrong_bodies), "answers", "<= 0", "no JSON object, or 4xx without AWS's __type and message"
        ),
        "fuzz_left_behind": Figure(
            len(findings.left_behind), "requests", "<= 0", "refused, and yet described, listed, or a row was written"
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_REQUESTS} requests instead of {FULL_REQUESTS}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seed", type=int, default=SEED, help="of the fuzzed requests")
    options = parser.parse_args()
    figures = measure(QUICK_REQUESTS if options.quick else FULL_REQUESTS, options.seed)
    missing = {"fuzz_requests": LONG_ONLY, "update_failed_requests": LONG_ONLY} if options.quick else {}
    if not options.quick:
        with tempfile.TemporaryDirectory(prefix="sextant-bench-") as scratch:
            figures["update_failed_requests"] = update_failed_requests(Path(scratch), rounds=UPDATE_ROUNDS)
    publish("dialect", {name: row for name, row in figures.items() if name not in missing}, missing, options.json)


if __name__ == "__main__":
    main()
