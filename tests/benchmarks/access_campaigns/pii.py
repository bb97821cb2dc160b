"""What people send and rules remove, looked for in everything that the service writes.

One `sextant up`, an endpoint with rules and one without, the same requests to both, a report over each; then every file
below the data folder, every log and every page of metrics is searched, bodies in base64 decoded. Without rules the
words must be in the captures, or the search finds nothing at all; and even then in no log and no metric.
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor_jobs.model_archive import pack
from service.endpoint_token import endpoint_token
from tests import plain_http
from tests.aws_clients import SIGNED
from tests.benchmarks.access_campaigns.pii_requests import MODEL, RULES, Request, requests, words
from tests.benchmarks.figures import Figure
from tests.integration.sextant_command import Sextant, sextant_up
from tests.servers.endpoint import write_package
from tests.wait import wait_until

GUARDED, OPEN = "guarded", "open"
ROUNDS = 3  # enough predictions for a verdict that names records
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")
_WORD = re.compile(rb"PII-CANARY-[a-z0-9-]*[a-z0-9]")


@dataclass(frozen=True)
class Found:
    """The words found, by where: a file below the folder, or a page."""

    places: Mapping[str, frozenset[str]]

    def where(self, *parts: str) -> set[str]:
        """The words of all places whose name holds one of these."""
        return {each for place, found in self.places.items() if any(part in place for part in parts) for each in found}


@dataclass(frozen=True)
class Outcome:
    """What was sent, and what was found."""

    captured: set[str]  # that captures hold without rules
    others: set[str]  # that nothing may ever hold
    found: Found

    @property
    def guarded(self) -> set[str]:
        """What was found of the endpoint that has rules, or is nobody's capture."""
        kept = {each for place, found in self.found.places.items() if not _is_of(OPEN, place) for each in found}
        return kept | {each for each in self.found.where("") if each in self.others}

    @property
    def control(self) -> set[str]:
        """What was found in the captures of the endpoint without rules."""
        return {each for place, found in self.found.places.items() if _is_of(OPEN, place) for each in found}

    @property
    def logged(self) -> set[str]:
        """What was found in logs and metrics, whichever endpoint it was sent to."""
        return self.found.where(".log", "log.jsonl", "metrics", "stderr", "stdout")


def run(folder: Path) -> Outcome:
    """The campaign, in a folder of its own."""
    sent = requests()
    package = folder / "model.tar.gz"
    pack(write_package(folder / "package", {"code/inference.py": MODEL}), package)
    with sextant_up(folder) as sextant:
        pages = {}
        for endpoint, options in ((GUARDED, ["--env", f"SEXTANT_REDACTION={json.dumps(RULES)}"]), (OPEN, [])):
            sextant.json("endpoint", "create", endpoint, "--model", str(package), *options)
            _report_on(sextant, endpoint, sent)
            pages |= _metrics(sextant, endpoint)
    found = {str(path.relative_to(folder)): _words_in(path.read_bytes()) for path in _written(folder)}
    return Outcome(*words(sent), Found(found | {name: _words_in(text) for name, text in pages.items()}))


def measured(folder: Path, *, quick: bool) -> tuple[dict[str, Figure], dict[str, str]]:
    """How many words were sent, and how many of them were found."""
    if quick:
        reason = "a service, two endpoints and two verdicts take a minute"
        return {}, dict.fromkeys(("pii_canaries", "pii_canaries_found"), reason)
    outcome = run(folder)
    sent, control = outcome.captured | outcome.others, outcome.control & outcome.captured
    note = f"{len(control)} of {len(outcome.captured)} in captures without rules, {len(outcome.logged)} logged"
    if control != outcome.captured:
        return {}, {"pii_canaries_found": f"the search is blind: {note}"}
    places = "distinct, in bodies, headers, pictures, queries and errors"
    return {
        "pii_canaries": Figure(len(sent), "words", ">= 20", places),
        "pii_canaries_found": Figure(len(outcome.guarded | outcome.logged), "words", "<= 0", note),
    }, {}


def _report_on(sextant: Sextant, endpoint: str, sent: Iterable[Request]) -> None:
    schedule = f"{endpoint}-skew"
    sextant.json("schedule", "create", schedule, "--endpoint", endpoint, "--env", "THRESHOLD=0.5")
    start = datetime.now(UTC).replace(microsecond=0)
    for one in [each for each in sent for _ in range(ROUNDS)]:
        _send(sextant.url, endpoint, one)
    end = start + timedelta(seconds=int((datetime.now(UTC) - start).total_seconds()) + 1)
    wait_until(lambda: datetime.now(UTC) > end, timeout_seconds=5, what="the window's end")
    sextant.json("schedule", "run", schedule, "--from", start.isoformat(), "--to", end.isoformat())


def _send(url: str, endpoint: str, one: Request) -> None:
    headers = {"content-type": one.content_type, **one.headers}
    address = f"{url}/endpoints/{endpoint}/invocations{one.query}"
    answer = plain_http.post(address, content=one.body, headers=headers, auth=SIGNED, timeout=30)
    assert answer.is_success is bool(one.captured), (answer.status_code, answer.text)


def _metrics(sextant: Sextant, endpoint: str) -> dict[str, bytes]:
    (spec,) = (sextant.folder / "endpoints" / endpoint / "AllTraffic").glob("spec-*.json")
    own = f"http://127.0.0.1:{spec.stem.partition('-')[2]}/metrics"
    authorized = {"Authorization": f"Bearer {endpoint_token(sextant.folder)}"}
    pages = {
        f"metrics of {endpoint}": plain_http.get(own, headers=authorized),
        "metrics of control": plain_http.get(f"{sextant.url}/metrics", auth=SIGNED),
    }
    return {name: page.raise_for_status().content for name, page in pages.items()}


def _written(folder: Path) -> list[Path]:
    """Every file that the service wrote."""
    return [path for path in folder.rglob("*") if path.is_file() and path.parts[len(folder.parts)] != "package"]


def _words_in(content: bytes) -> frozenset[str]:
    bodies = b"\n".join(_decoded(run) for run in _BASE64.findall(content))
    return frozenset(each.decode() for each in _WORD.findall(content) + _WORD.findall(bodies))


def _decoded(run: bytes) -> bytes:
    return base64.b64decode(run + b"=" * (-len(run) % 4)) if len(run) % 4 != 1 else b""


def _is_of(endpoint: str, place: str) -> bool:
    return f"/{endpoint}/" in place or f"{endpoint}-skew" in place
