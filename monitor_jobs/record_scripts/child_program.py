"""The program of the child process in which a user's script runs: records come in by a pipe, answers go out by another.

Run by process as a script of its own, with nothing imported but the standard library: `python -I child_program.py
'{"script": ..., "handler": ..., "requests": fd, "replies": fd, "limits": {...}}'`.

What lives here: limits, loading the script, calling its handler, and making rows of what that returns. What does not:
how long it may take, and its end (process). A request is a line of JSON: a record, or a text that is handed over as it
is; no record asks for a handler without arguments. An answer is a line of JSON too: `{"rows": [...]}` or `{"error":
text}`, in the order of the requests, after a first one that says whether the script was loaded; an error is the last.
"""

import ctypes
import functools
import importlib.util
import inspect
import json
import logging
import math
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
GRACE_SECONDS = 5
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
NAME_WIDTH = 20  # AWS's samples number columns so: they sort as they count
NOT_ROWS = "return a flat dict, a list of them (one for each row), or [] to leave the record out"


def main() -> None:
    """Serve requests until there are no more."""
    task = json.loads(sys.argv[1])
    _confine(task["limits"])
    for descriptor in (task["requests"], task["replies"]):
        os.set_inheritable(descriptor, False)  # noqa: FBT003  the signature is its own
    requests = os.fdopen(task["requests"], "rb")
    try:
        handler = _handler(Path(task["script"]), task["handler"])
    except BaseException as error:  # noqa: BLE001  whatever a script may raise, exit() included
        _answer(task["replies"], _failure(error))
        return
    _answer(task["replies"], {"rows": []})
    for line in requests:
        reply = _reply(handler, json.loads(line))
        _answer(task["replies"], reply)
        if "error" in reply:
            return  # it ends the job: what later records would print came behind the sentence that says why


def record_of(request: dict[str, Any]) -> SimpleNamespace:
    """A captured record as AWS's container hands it over; what was not captured is None."""
    captured, metadata = request.get("captureData", {}), request.get("eventMetadata", {})
    return SimpleNamespace(
        endpoint_input=_payload(captured.get("endpointInput")),
        endpoint_output=_payload(captured.get("endpointOutput")),
        batch_transform_output=_payload(captured.get("batchTransformOutput")),
        ground_truth=_payload(request.get("groundTruthData")),
        event_metadata=SimpleNamespace(
            event_id=metadata.get("eventId"),
            event_time=metadata.get("inferenceTime"),
            custom_attribute=metadata.get("customAttributes"),
            inference_id=metadata.get("inferenceId"),
        ),
        event_version=request.get("eventVersion", "0"),
    )


def rows_of(returned: object) -> list[dict[str, Any]]:
    """What a handler returned, as rows of JSON's values. Raises TypeError saying what it should have been."""
    rows = [returned] if isinstance(returned, dict) else returned
    if not isinstance(rows, list | tuple) or not all(isinstance(row, dict | list | tuple) for row in rows):
        raise TypeError(f"the handler returned {_shown(returned)}: {NOT_ROWS}")
    return [dict(_cells(row)) for row in rows]


def _cells(row: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    named = row.items() if isinstance(row, dict) else ((str(n).zfill(NAME_WIDTH), cell) for n, cell in enumerate(row))
    for name, cell in named:
        yield str(name), _value(name, cell)


def _value(name: object, cell: Any) -> Any:  # noqa: ANN401
    if hasattr(cell, "item") and not getattr(cell, "ndim", 0):
        cell = cell.item()  # a number of numpy's
    if isinstance(cell, float) and not math.isfinite(cell):
        return None if math.isnan(cell) else str(cell)
    if cell is None or isinstance(cell, bool | int | float | str):
        return cell
    raise TypeError(f"the handler returned {_shown(cell)} as {name!r}, which is no number and no text: {NOT_ROWS}")


def _shown(value: object) -> str:
    return f"{type(value).__name__} {value!r}"[:200]


def _payload(half: dict[str, Any] | None) -> SimpleNamespace | None:
    if half is None:
        return None
    return SimpleNamespace(
        data=half.get("data"),
        encoding=half.get("encoding"),
        observedContentType=half.get("observedContentType"),
        mode=half.get("mode"),
    )


def _confine(limits: dict[str, int]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for name, wanted in {**limits, "RLIMIT_CORE": 0}.items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        most = sys.maxsize if hard == resource.RLIM_INFINITY else hard
        # Beyond the first limit of time comes a signal that tells why, beyond the second the end.
        grace = GRACE_SECONDS if name == "RLIMIT_CPU" else 0
        resource.setrlimit(number, (min(wanted, most), min(wanted + grace, most)))


def _handler(script: Path, name: str) -> Callable[..., object]:
    sys.argv = [str(script)]
    sys.path.insert(0, str(script.parent))
    spec = importlib.util.spec_from_file_location("record_script", script)
    if spec is None or spec.loader is None:
        raise ImportError(f"{script.name} is no Python script: its name must end with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    handler = getattr(module, name, None)
    if not callable(handler):
        raise AttributeError(f"{script.name} defines no function {name}")  # noqa: TRY004  it is absent
    return _with_logger(handler)


def _with_logger(handler: Callable[..., object]) -> Callable[..., object]:
    """The handler, given a logger where it takes one: by the name `logger`, else second, where it has no default."""
    try:
        parameters = inspect.signature(handler).parameters
    except (TypeError, ValueError):
        return handler
    if "logger" in parameters and parameters["logger"].kind in BY_NAME:
        return functools.partial(handler, logger=_logger())
    positional = [parameter for parameter in parameters.values() if parameter.kind in POSITIONAL]
    if len(positional) > 1 and positional[1].default is inspect.Parameter.empty:
        logger = _logger()
        return lambda record: handler(record, logger)
    return handler


def _logger() -> logging.Logger:
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
    return logging.getLogger("record_script")


def _reply(handler: Callable[..., object], request: Any) -> dict[str, Any]:  # noqa: ANN401
    try:
        if request is None:
            handler()
            return {"rows": []}
        return {"rows": rows_of(handler(record_of(request) if isinstance(request, dict) else request))}
    except BaseException as error:  # noqa: BLE001  whatever a script may raise, exit() included
        return _failure(error)


def _failure(error: BaseException) -> dict[str, Any]:
    traceback.print_exc()
    return {"error": f"{type(error).__name__}: {error}"[:1000]}


def _answer(descriptor: int, reply: dict[str, Any]) -> None:
    line = json.dumps(reply, allow_nan=False, ensure_ascii=False).encode(errors="replace") + b"\n"
    while line:
        line = line[os.write(descriptor, line) :]


if __name__ == "__main__":
    main()
