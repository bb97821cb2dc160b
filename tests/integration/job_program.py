"""A program that tests run as a processing job: `python -m tests.integration.job_program [--root R] ACTION [VALUE]`.

What it leaves behind is plain files below its root's /opt/ml, so that a test can look at them.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

from monitor_jobs.contract.container import Variable
from service.core.images import BuiltInMonitor, Runnable, runnable_of

MODULE = "tests.integration.job_program"
IMAGE = "tests/program"
OUTPUT = "/opt/ml/processing/outputs"
STARTED = "opt/ml/started"  # made, below the root, when the program is ready to be disturbed
ROOT_OF_TESTS = str(Path(__file__).parents[2])


def rule(image_uri: str) -> Runnable:
    """The rule that a ProcessRunner is given to run this program as if it were built in."""
    return BuiltInMonitor(MODULE) if image_uri == IMAGE else runnable_of(image_uri)


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": ROOT_OF_TESTS, "OMP_NUM_THREADS": "1", **variables}


def end_with(_root: Path, code: str) -> None:
    print("first line\nlast words")
    sys.stdout.flush()
    os._exit(int(code))


def log_much(_root: Path, lines: str) -> None:
    for number in range(int(lines)):
        print(f"line {number}: " + "x" * 200)
    sys.exit(1)


def kill_self(_root: Path, number: str) -> None:
    os.kill(os.getpid(), int(number))


def sleep(root: Path, _value: str) -> None:
    (root / STARTED).write_text(str(os.getpid()))
    time.sleep(600)


def ignore_sigterm(root: Path, value: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleep(root, value)


def end_well_on_sigterm(root: Path, value: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    sleep(root, value)


def leave_children(root: Path, _value: str) -> None:
    """Two children that ignore SIGTERM, one of them in a process group of its own; the parent ends at once."""
    for number in (1, 2):
        if os.fork() == 0:
            if number == 2:
                os.setpgid(0, 0)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            (root / f"opt/ml/child-{number}").write_text(str(os.getpid()))
            time.sleep(600)
    while not all((root / f"opt/ml/child-{number}").exists() for number in (1, 2)):
        time.sleep(0.01)
    (root / STARTED).write_text(str(os.getpid()))


def linger_with_children(root: Path, value: str) -> None:
    leave_children(root, value)
    time.sleep(600)


def tell_environment(root: Path, name: str) -> None:
    (root / "opt/ml/told").write_text(os.environ.get(name, ""))


def leave_report(root: Path, violations: str) -> None:
    """Outputs as a monitor leaves them; the alphabet alone would put the report before the statistics."""
    outputs = root / OUTPUT.lstrip("/")
    rows = ",".join(['{"feature_name":"f","constraint_check_type":"c","description":"d"}'] * int(violations))
    (outputs / "constraint_violations.json").write_text(f'{{"violations":[{rows}]}}')
    (outputs / "report.json").write_text("{}")
    (outputs / "statistics.json").write_text("{}")
    (root / "opt/ml/output/message").write_text("done")


def compare_with_ground_truth(root: Path, _value: str) -> None:
    """A model quality monitor as somebody writes one for AWS: every merged line, and a violation for each wrong one."""
    source, outputs = root / os.environ[Variable.DATASET_SOURCE].lstrip("/"), root / OUTPUT.lstrip("/")
    lines = [line for path in sorted(source.rglob("*.jsonl")) for line in path.read_text().splitlines()]
    rows = []
    for record in map(json.loads, lines):
        said, truth = record["captureData"]["endpointOutput"]["data"], record["groundTruthData"]["data"]
        if said != truth:
            rows.append({"metric_name": "accuracy", "constraint_check_type": "LessThanThreshold", "description": said})
    (outputs / "seen.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (outputs / "constraint_violations.json").write_text(json.dumps({"violations": rows}))


def leave_broken_message(root: Path, value: str) -> None:
    leave_report(root, "0")
    (root / "opt/ml/output/message").write_bytes(b"caf\xe9 closed")


def leave_half_and_fail(root: Path, _value: str) -> None:
    (root / OUTPUT.lstrip("/") / "statistics.json").write_text("{}")
    sys.exit("half way through, the disk was full")


def wait_for_go(root: Path, go: str) -> None:
    """Ends well once the file `go` is there."""
    (root / STARTED).write_text(str(os.getpid()))
    while not Path(go).exists():
        time.sleep(0.01)
    leave_report(root, "0")


ACTIONS = {
    action.__name__: action
    for action in (
        end_with,
        log_much,
        kill_self,
        sleep,
        ignore_sigterm,
        end_well_on_sigterm,
        leave_children,
        linger_with_children,
        tell_environment,
        leave_report,
        compare_with_ground_truth,
        leave_broken_message,
        leave_half_and_fail,
        wait_for_go,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, default=Path("/"))
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("value", nargs="?", default="")
    given = parser.parse_args()
    if runs := os.environ.get("RUNS"):
        with Path(runs).open("a") as file:
            file.write(f"{os.getpid()}\n")
    ACTIONS[given.action](given.root, given.value)


if __name__ == "__main__":
    main()
