"""Names that are more than names: two hundred of them, put wherever a request holds one, and what that led to.

What lives here: the names, the requests of operations and routes that carry them, and the look for an escape: a file
outside of the data folder that was read or changed, or an answer of status 5xx. What does not: the ways to members
(members).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from service.control.shapes import published_model
from tests import plain_http
from tests.aws_clients import client
from tests.dialect.fuzz import GOOD, SHAPES, shape_name
from tests.dialect.world import furnish
from tests.hostile.members import is_name, members, with_value
from tests.hostile.sandbox import CANARY, picture
from tests.sagemaker_requests import Installation

USER: Final = "admin"
SECRET: Final = "nobody may read this"
CLIMBS: Final = (
    *("..", "../..", f"../{CANARY}", f"../../{CANARY}", f"../../../{CANARY}", f"signs/../../../{CANARY}", "signs/.."),
    *("done/../../../canary", "./signs", "signs/.", "/etc/passwd", "//etc/passwd", "/", ".", "signs//", "~root/.ssh"),
    *("file:///etc/passwd", "done/log.txt", "signs/AllTraffic/log.jsonl"),
)
DISGUISES: Final[tuple[Callable[[str], str], ...]] = (
    lambda name: name,
    lambda name: name.replace(".", "%2e").replace("/", "%2f"),
    lambda name: name.replace("/", "%252f"),
    lambda name: name.replace("/", "\\"),
    lambda name: name.replace("/", "\u2215").replace(".", "\u2024"),
    lambda name: name.replace("/", "\uff0f").replace(".", "\uff0e"),
    lambda name: f"{name}\0",
    lambda name: f"{name}\n",
    lambda name: f"signs\0{name}",
)
ODD: Final = (
    *("", " ", "-", "a-", "-a", "a--", "a_b", "a.b", "a b", "signs ", " signs", "signs\n", "signs\r\n", "\tsigns"),
    *("signs\0", "signs%00", "signs%0a", "signs;", "signs?x=1", "signs#x", "signs:", "con.txt", "...", ".hidden"),
    *("a" * 64, "a" * 255, "a" * 256, "a" * 4096, "a/" * 2000, "\u00e9", "\u0661\u0662", "\uff41\uff42", "si\u0301gns"),
    *("\u202esngis", "\U0001f6a6", "SIGNS", "s\u0131gns", "$HOME", "${PATH}", "`id`", "$(id)", "a|b", "*", "[a-z]"),
    *("-rf", "--help", "%s%n", "{0}", "' OR 1=1; --", "<script>", "\x1b[2J", "\x7f", "C:\\x", "\\\\host\\share"),
)
NAMES: Final = tuple(dict.fromkeys([*(hide(name) for name in CLIMBS for hide in DISGUISES), *ODD]))
LOGS: Final = ("DescribeLogGroups", "DescribeLogStreams", "GetLogEvents", "FilterLogEvents")
METRICS: Final = ("GetMetricData", "GetMetricStatistics", "ListMetrics", "PutMetricData")
GROUP: Final = "/aws/sagemaker/ProcessingJobs"
GOOD_LOGS: Final = {
    "DescribeLogStreams": {"logGroupName": GROUP},
    "GetLogEvents": {"logGroupName": GROUP, "logStreamName": "done/algo-1-1"},
    "FilterLogEvents": {"logGroupName": GROUP},
}
TARGETS: Final = {"sagemaker": "SageMaker", "logs": "Logs_20140328", "monitoring": "GraniteServiceVersion20100801"}
TEMPLATES: Final = (
    ("POST", "/endpoints/{}/invocations"),
    ("GET", "/processing-jobs/{}/log"),
    ("POST", "/service/{}/operation/x"),
    ("GET", "/executions/{}"),
    ("GET", "/executions/{}.json"),
    ("GET", "/executions/{}/report"),
    ("GET", "/executions/{}/explanations/{}"),
    ("POST", "/schedules/{}/start"),
    ("POST", "/schedules/{}/stop"),
    ("GET", "/assets/{}"),
    ("GET", "/{}"),
    ("POST", "/{}"),
    ("GET", "/metrics/{}"),
    ("GET", "/ping/{}"),
    ("GET", "/prometheus/targets/{}"),
)


@dataclass(frozen=True)
class Question:
    """One request, and how it is sent."""

    what: str
    send: Callable[[httpx.Client], httpx.Response]


@dataclass
class Found:
    """What was sent, and every escape."""

    requests: int = 0
    answered: int = 0
    escapes: list[str] = field(default_factory=list)


def make_world(sandbox: Path, **settings: object) -> Installation:
    """A furnished installation below a sandbox, with logs that may be read and a secret beside it that may not."""
    data = sandbox / "data"
    for path, text in (("jobs/done/log.txt", "a line\n"), ("endpoints/signs/AllTraffic/log.jsonl", "a line\n")):
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).write_text(text)
    (sandbox / CANARY).write_text(SECRET)
    here = Installation(data, **settings)
    furnish(here)
    return here


def ask(questions: Iterator[Question], client: httpx.Client, sandbox: Path) -> Found:
    """Everything that was found by a client that may do everything."""
    found, before = Found(), _outside(sandbox)
    for question in questions:
        found.requests += 1
        try:
            answer = question.send(client)
        except httpx.HTTPError as error:
            found.escapes.append(f"{question.what}: {error!r}")
            continue
        found.answered += answer.is_success
        if answer.status_code >= 500 or SECRET in answer.text or "root:" in answer.text:
            found.escapes.append(f"{question.what}: {answer.status_code} {answer.text[:200]}")
    found.escapes += [f"{name} was touched" for name, _ in before.items() ^ _outside(sandbox).items()]
    return found


@contextmanager
def administrator(url: str) -> Iterator[httpx.Client]:
    """A client with an API key of the first user, which names no path, as a signature would."""
    made = client("iam", url).create_service_specific_credential(UserName=USER, ServiceName="sextant")
    key = made["ServiceSpecificCredential"]["ServiceCredentialSecret"]
    headers = {"Authorization": f"Bearer {key}"}
    with plain_http.Client(base_url=url, headers=headers, timeout=60) as opened:
        yield opened


def operation_questions(share: int) -> Iterator[Question]:
    """Every member that holds a name, in every operation, with every `share`-th of the names."""
    places = list(_places())
    for number, (api, operation, base, shape, shapes, path) in enumerate(places):
        for name in NAMES[number % share :: share]:
            body = json.dumps(with_value(base, shape, shapes, path, name)).encode()
            headers = {
                "X-Amz-Target": f"{TARGETS[api]}.{operation}",
                "Content-Type": f"application/x-amz-json-{'1.0' if api == 'monitoring' else '1.1'}",
            }
            what = f"{operation} {'.'.join(map(str, path))} {name[:60]!r}"
            yield Question(what, _posting(body, headers))


def route_questions(share: int = 1) -> Iterator[Question]:
    """Every route with every `share`-th name in its place, percent-encoded once, and as a request line can hold it."""
    for number, (method, template) in enumerate(TEMPLATES):
        for name in NAMES[number % share :: share]:
            encoded = template.replace("{}", quote(name, safe=""))
            raw = template.replace("{}", quote(name, safe="/.%\\:;?#$*-_~+!@=&,()[]{}|^`'<>"))
            for target in dict.fromkeys((encoded, raw)):
                yield Question(f"{method} {target[:80]}", _requesting(method, target))


def _places() -> Iterator[tuple[str, str, Mapping[str, Any], str, Mapping[str, Any], tuple[str | int, ...]]]:
    for operation in sorted(GOOD):
        shape = shape_name(operation)
        for path in members(shape, SHAPES, is_name):
            yield "sagemaker", operation, GOOD[operation], shape, SHAPES, path
    for api, service, operations in (("logs", "logs", LOGS), ("monitoring", "cloudwatch", METRICS)):
        model = published_model(service)
        for operation in operations:
            asked = str(model.input_shape(operation))
            for path in members(asked, model.shapes, is_name):
                yield api, operation, GOOD_LOGS.get(operation, {}), asked, model.shapes, path


def _posting(body: bytes, headers: Mapping[str, str]) -> Callable[[httpx.Client], httpx.Response]:
    return lambda by: by.post("/", content=body, headers=headers)


def _requesting(method: str, target: str) -> Callable[[httpx.Client], httpx.Response]:
    # httpx would resolve the dots of a URL; what is sent is the very target.
    return lambda by: by.request(method, "/", extensions={"target": target.encode()}, content=b"")


def _outside(sandbox: Path) -> dict[str, tuple[str, ...]]:
    """The whole sandbox but for what a control process itself keeps: its database, and its log."""
    kept = ("data/sextant.db", "data/control.log", "data/audit")
    return {name: seen for name, seen in picture(sandbox).items() if not name.startswith(kept)}
