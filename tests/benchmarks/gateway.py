"""What the gateway adds to an invocation: the same request through it and straight to the endpoint, interleaved.

`python -m tests.benchmarks.gateway [--quick] [--json]`. A whole `sextant up` with one endpoint that echoes 12 KB and
captures all of it; one caller for the milliseconds, eight for the throughput.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil

from service.endpoint_token import endpoint_token
from tests import plain_http
from tests.aws_clients import SIGNED
from tests.benchmarks.closed_loop import Arm, Plan, Target, Turns, in_turn, request_of
from tests.benchmarks.figures import Figure, publish
from tests.benchmarks.invoke import Timings, interleaved, invoker
from tests.e2e.service_under_test import Service
from tests.integration.tiny_package import write_tiny_package

NAME = "echo"
BODY_BYTES = 12_288
CALLERS = 8
GATEWAY_PATH, ENDPOINT_PATH = f"/endpoints/{NAME}/invocations", "/invocations"
WARM_UP_PAIRS = 200


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    pairs: int
    plan: Plan


FULL = Size(pairs=3000, plan=Plan(pairs=30, window_seconds=0.5, callers=CALLERS))
QUICK = Size(pairs=500, plan=Plan(pairs=3, window_seconds=0.3, callers=CALLERS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK.pairs} pairs instead of {FULL.pairs}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sextant-bench-") as scratch, serving(Path(scratch)) as two_ways:
        figures = measure(two_ways, QUICK if options.quick else FULL)
    publish("gateway", figures, {}, options.json)


@dataclass(frozen=True)
class TwoWays:
    """The ports of the gateway and of the endpoint behind it, the process that the gateway is, the endpoint's token."""

    gateway: int
    endpoint: int
    control: psutil.Process
    token: dict[str, str]

    def cpu_seconds(self) -> float:
        used = self.control.cpu_times()
        return float(used.user + used.system)


@contextmanager
def serving(folder: Path) -> Iterator[TwoWays]:
    """Both ways to one endpoint, of a whole installation in a folder of its own."""
    service = Service(folder)
    service.start()
    try:
        service.deploy(NAME, write_tiny_package(folder))
        service.wait_in_service(NAME)
        (row,) = plain_http.get(f"{service.url}/prometheus/targets", auth=SIGNED).json()
        (control,) = service.processes("control")
        token = {"authorization": f"Bearer {endpoint_token(service.data)}"}
        yield TwoWays(urlsplit(service.url).port or 0, int(row["targets"][0].rpartition(":")[2]), control, token)
    finally:
        service.clear()


def measure(ways: TwoWays, size: Size) -> dict[str, Figure]:
    """Raises AssertionError where an answer is not what was sent."""
    body = bytes(np.random.default_rng(1).bytes(BODY_BYTES))
    signed = signature_of(ways.gateway, body)
    through = invoker(ways.gateway, body, GATEWAY_PATH, signed)
    direct = invoker(ways.endpoint, body, ENDPOINT_PATH, ways.token)
    assert through() == direct() == body, "the two paths answer differently"
    interleaved(through, direct, pairs=WARM_UP_PAIRS)
    before = ways.cpu_seconds()
    timings = interleaved(through, direct, pairs=size.pairs)
    cpu_us = (ways.cpu_seconds() - before) / size.pairs * 1e6
    cpu = Figure(cpu_us, "us", "none", "processor time of the gateway's whole process for a request")
    targets = (
        Target(ways.gateway, request_of(body, GATEWAY_PATH, **signed)),
        Target(ways.endpoint, request_of(body, ENDPOINT_PATH, **ways.token)),
    )
    in_turn(targets, replace(size.plan, pairs=1))
    return milliseconds(timings) | {"gateway_cpu_us": cpu} | throughput(in_turn(targets, size.plan))


def signature_of(port: int, body: bytes) -> dict[str, str]:
    """The headers of a signature that is verified anew at each request, and good for longer than all of them take."""
    content = {"content-type": "application/x-npy"}
    request = httpx.Request("POST", f"http://127.0.0.1:{port}{GATEWAY_PATH}", content=body, headers=content)
    signed = next(SIGNED.auth_flow(request)).headers
    return {name: signed[name] for name in ("host", "authorization", "x-amz-date", "amz-sdk-invocation-id")}


def milliseconds(timings: Timings) -> dict[str, Figure]:
    """What one caller sees; the forward pass of these timings is the request that went straight to the endpoint."""
    through, direct = timings.invoke_ms, timings.forward_ms
    note = f"95 % upper bound; measured {timings.overhead_ms():.3f}, {len(through)} interleaved pairs"
    captured = f"concurrency 1, {BODY_BYTES:,} bytes both ways, all captured"
    return {
        "added_ms_p50": Figure(timings.overhead_bound_ms(), "ms", "<= 1", note),
        "gateway_ms_p50": Figure(float(np.median(through)), "ms", "none", captured),
        "gateway_ms_p99": Figure(float(np.quantile(through, 0.99)), "ms", "none", captured),
        "direct_ms_p50": Figure(float(np.median(direct)), "ms", "none", "the same request straight to the endpoint"),
        "direct_ms_p99": Figure(float(np.quantile(direct, 0.99)), "ms", "none", "as above"),
    }


def throughput(turns: Turns) -> dict[str, Figure]:
    """What eight callers get done, who share the machine with both processes."""
    through, direct = Arm(turns.first), Arm(turns.second)
    note = f"concurrency {CALLERS}, closed loop, callers on the same machine, {len(turns.first)} windows in turn"
    return {
        "gateway_per_second": Figure(through.per_second, "requests/s", "none", note),
        "direct_per_second": Figure(direct.per_second, "requests/s", "none", "straight to the endpoint, in turn"),
    }


if __name__ == "__main__":
    main()
