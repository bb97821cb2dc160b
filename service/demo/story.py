"""The story that `sextant demo` tells: a clean window, an attacked window, an alarm, and pictures of why.

What lives here: the order of events, told through the same commands that a person would type. What does not: the model
and its data (digits, packaging), the attack itself (attack), laying out pictures (contact_sheet).
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from monitor_jobs.contract.errors import SextantError
from service.core.secret import Secret
from service.first_key import read_first_key

FOLDER = Path(".demo")
MARK = ".sextant-demo"  # only a folder that a demo made is ever cleared
ENDPOINT, SCHEDULE = "digits", "digits-skew"
START_SECONDS = 30.0
STOP_SECONDS = 60.0
SHOWN_RECORDS = 3
EXPLAINED_RECORDS = 6
ALERT_METRICS = (
    "sextant_monitoring_alert_state",
    "sextant_last_execution_violations",
    "sextant_last_window_records",
)

console = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judged window: the execution's summary and its report as JSON."""

    execution: Mapping[str, Any]
    report: Mapping[str, Any]

    @property
    def status(self) -> str:
        """The execution's status."""
        return str(self.execution["MonitoringExecutionStatus"])


def tell(afterwards: Callable[[str], None] | None = None) -> dict[str, Any]:
    """What happened: both statuses, the violations' sentences, the alert, the reports' paths, the seconds it took.

    `afterwards` is called with the service's address while it is still up.
    """
    started = time.monotonic()
    folder = _fresh_folder(FOLDER)
    with _service(folder) as (url, environment):
        api_key = _api_key(folder)
        steps = _Steps(url, environment, api_key)
        steps.deploy(folder)
        clean, attacked = steps.judge_clean(), steps.judge_attacked()
        pictures = steps.explain(attacked, folder)
        alert = _alert_lines(url, api_key)
        outcome = {**_outcome(clean, attacked, alert, folder, time.monotonic() - started), "pictures": str(pictures)}
        _print_outcome(outcome)
        if afterwards is not None:
            afterwards(url)
    return outcome


class _Steps:
    """The commands of the story, run against one service."""

    def __init__(self, url: str, environment: dict[str, str], api_key: Secret) -> None:
        self._url = url
        self._environment = environment
        self._api_key = api_key

    def deploy(self, folder: Path) -> None:
        """A model package, an endpoint that captures everything, a schedule."""
        from service.demo.packaging import write_package

        _heading("Deploy a residual network for handwritten digits, and capture all of its traffic")
        package = write_package(folder / "model.tar.gz")
        self._sextant("endpoint", "create", ENDPOINT, "--model", str(package), "--capture", "100")
        self._sextant("schedule", "create", SCHEDULE, "--endpoint", ENDPOINT, "--env", "THRESHOLD=0.5")

    def judge_clean(self) -> Verdict:
        """400 scans that training has not seen, as they are."""
        _heading("First window: 400 clean scans")
        return self._judge(_clean_images(), "clean")

    def judge_attacked(self) -> Verdict:
        """The same scans, moved by projected gradient descent toward one class."""
        _heading("Second window: the same scans, moved by projected gradient descent toward class 4")
        with console.status("moving 400 scans"):
            images = _attacked_images()
        return self._judge(images, "attacked")

    def explain(self, verdict: Verdict, folder: Path) -> Path:
        """The picture of the worst records beside what they were before they were moved."""
        from service.demo.contact_sheet import original_of, worst_of, write_contact_sheet

        _heading(f"Why: the {EXPLAINED_RECORDS} worst records, and the scans that they were made of")
        worst = worst_of(verdict.report, EXPLAINED_RECORDS)
        names = [option for one in worst for name in (one, original_of(one)) for option in ("--inference-id", name)]
        maps, sheet = folder / "explanations", folder / "explanations.png"
        limit = ("--limit", str(2 * EXPLAINED_RECORDS))
        found = self._sextant("explain", "--endpoint", ENDPOINT, *names, *limit, "--save", str(maps))
        write_contact_sheet(maps, found["explanations"], sheet)
        return sheet

    def _judge(self, images: npt.NDArray[np.float32], label: str) -> Verdict:
        start = _next_second()
        _send(self._url, images, label, self._api_key)
        end = _next_second()
        run = ("schedule", "run", SCHEDULE, "--from", start.isoformat(), "--to", end.isoformat())
        execution = self._sextant(*run)
        report = self._sextant("report", "show", str(execution["MonitoringExecutionId"]))
        verdict = Verdict(execution, report)
        _print_verdict(verdict)
        return verdict

    def _sextant(self, *arguments: str) -> dict[str, Any]:
        console.print(f"[dim]$ sextant {' '.join(arguments)}[/dim]", soft_wrap=True)
        command = [sys.executable, "-m", "service", *arguments, "--json"]
        done = subprocess.run(command, env=self._environment, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise SextantError(f"`sextant {arguments[0]} {arguments[1]}` ended with {done.returncode}: see above")
        answer = json.loads(done.stdout)
        return dict(answer) if isinstance(answer, dict) else {"rows": answer}


@contextmanager
def _service(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    # What is set for somebody's own service, its database above all, is not the demo's to use.
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SEXTANT_")},
        "SEXTANT_DATA": str(folder),
        "SEXTANT_PORT": os.environ.get("SEXTANT_PORT", "0"),
        "SEXTANT_FLUSH_INTERVAL_SECONDS": "1",
        "SEXTANT_TICK_SECONDS": "0.2",
        "SEXTANT_TORCH_THREADS": "1",
    }
    with (folder / "service.log").open("ab") as log:
        up = subprocess.Popen([sys.executable, "-m", "service", "up"], env=environment, stdout=log, stderr=log)
    try:
        with console.status("starting `sextant up` on loopback"):
            url = _wait_for_url(up, folder)
        yield url, {**environment, "SEXTANT_URL": url}
    finally:
        up.send_signal(signal.SIGTERM)
        with console.status("stopping"):
            _wait_for_end(up)


def _wait_for_end(up: "subprocess.Popen[bytes]") -> None:
    try:
        up.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        up.kill()
        raise SextantError(
            f"the service had not stopped after {STOP_SECONDS:.0f} s: process {up.pid} was killed"
        ) from None


def _wait_for_url(up: "subprocess.Popen[bytes]", folder: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and up.poll() is None:
        try:
            url = str(json.loads((folder / "control.json").read_text())["url"])
            httpx.get(f"{url}/ping", timeout=2, trust_env=False).raise_for_status()
        except (OSError, ValueError, httpx.HTTPError):
            time.sleep(0.1)
        else:
            return url
    raise SextantError(f"the service did not come up within {START_SECONDS:.0f} s: see {folder / 'service.log'}")


def _api_key(folder: Path) -> Secret:
    first = read_first_key(folder)
    if first is None:
        raise SextantError(f"the service left no key in {folder}: see its service.log")
    return first.api_key.secret


def _send(url: str, images: npt.NDArray[np.float32], label: str, api_key: Secret) -> None:
    headers = {"Content-Type": "application/x-npy", "Accept": "application/json", "X-Api-Key": api_key.reveal()}
    with httpx.Client(timeout=60, trust_env=False) as client:
        for number, image in enumerate(track(images, f"sending {len(images)} images", console=console)):
            marked = {**headers, "X-Amzn-SageMaker-Inference-Id": f"{label}-{number:03d}"}
            answer = client.post(f"{url}/endpoints/{ENDPOINT}/invocations", content=_npy(image[None]), headers=marked)
            answer.raise_for_status()


def _npy(array: npt.NDArray[np.float32]) -> bytes:
    with tempfile.SpooledTemporaryFile() as file:
        np.save(file, array, allow_pickle=False)
        file.seek(0)
        return file.read()


def _clean_images() -> npt.NDArray[np.float32]:
    from service.demo.digits import load_digits_split

    images: npt.NDArray[np.float32] = load_digits_split().test.images.numpy()
    return images


def _attacked_images() -> npt.NDArray[np.float32]:
    import torch
    from safetensors.torch import load_file

    from service.demo.attack import EPSILON, STEP_SIZE, STEPS, TARGET_CLASS, toward_class
    from service.demo.digits import load_digits_split
    from service.demo.package.code.digits_net import DigitsNet
    from service.demo.packaging import PACKAGE_FOLDER

    torch.set_num_threads(1)  # so small a network only waits for more threads, long where others use the cores
    images = load_digits_split().test.images
    model = DigitsNet().eval()
    model.load_state_dict(load_file(PACKAGE_FOLDER / "model.safetensors"))
    moved = toward_class(model, images, TARGET_CLASS, epsilon=EPSILON, steps=STEPS, step_size=STEP_SIZE)
    return moved.numpy()


def _next_second() -> datetime:
    # Captures carry whole seconds: a window that begins at the next one holds nothing of what was sent before.
    now = time.time()
    time.sleep(1 - now % 1)
    return datetime.fromtimestamp(int(now) + 1, UTC)


def _alert_lines(url: str, api_key: Secret) -> list[str]:
    headers = {"X-Api-Key": api_key.reveal()}
    lines = httpx.get(f"{url}/metrics", headers=headers, timeout=10, trust_env=False).text.splitlines()
    return [line for line in lines if line.startswith(ALERT_METRICS)]


def _fresh_folder(folder: Path) -> Path:
    if folder.exists() and not (folder / MARK).exists():
        raise SextantError(f"{folder.absolute()} exists and no demo made it: move it away, or run elsewhere")
    if _is_in_use(folder):
        raise SextantError(f"another demo is up in {folder.absolute()}: stop it with Ctrl-C, or run elsewhere")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / MARK).touch()
    return folder.absolute()


def _is_in_use(folder: Path) -> bool:
    # A running `sextant up` holds this lock; a dead one does not.
    try:
        with (folder / "up.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _outcome(clean: Verdict, attacked: Verdict, alert: list[str], folder: Path, seconds: float) -> dict[str, Any]:
    return {
        "clean": clean.status,
        "attacked": attacked.status,
        "violations": [violation["description"] for violation in attacked.report["violations"]],
        "alert": alert,
        "reports": [_path(verdict, folder) for verdict in (clean, attacked)],
        "story_seconds": round(seconds, 1),
    }


def _path(verdict: Verdict, folder: Path) -> str:
    return str(folder / "store" / str(verdict.report["address"]).removeprefix("s3://"))


def _heading(text: str) -> None:
    console.print(f"\n[bold]{text}[/bold]", soft_wrap=True)


def _print_verdict(verdict: Verdict) -> None:
    colour = "green" if verdict.status == "Completed" else "red"
    console.print(f"[{colour}]{verdict.status}[/{colour}]: {verdict.report['records']} records judged")
    for violation in verdict.report["violations"]:
        console.print(f"  {violation['constraint_check_type']}: {violation['description']}", soft_wrap=True)
        for record in violation["offending_records"][:SHOWN_RECORDS]:
            console.print(f"    [dim]{record['inference_id']}  {record['detail']}[/dim]", soft_wrap=True)


def _print_outcome(outcome: dict[str, Any]) -> None:
    _heading("The alert, as Prometheus scrapes it")
    for line in outcome["alert"]:
        console.print(f"  {line}", soft_wrap=True)
    _heading("Reports")
    for path in outcome["reports"]:
        console.print(f"  {path}", soft_wrap=True)
    _heading("Pictures: input, overlay and map of each clean scan, and of the same scan attacked")
    console.print(f"  {outcome['pictures']}", soft_wrap=True)
    console.print(f"\nTold in {outcome['story_seconds']} s.")


def stay_up(url: str) -> None:
    """Print what to try next, and wait for Ctrl-C while the service runs on."""
    _heading("Staying up until Ctrl-C")
    for label, path in (("operations", "/"), ("invoke", f"/endpoints/{ENDPOINT}/invocations"), ("metrics", "/metrics")):
        console.print(f"  {label}: {url}{path}")
    console.print(f"  try: SEXTANT_DATA={FOLDER} sextant executions list")
    try:
        signal.pause()
    except KeyboardInterrupt:
        return
