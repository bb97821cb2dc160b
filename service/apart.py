"""Work that a process does once, in a fork of itself, so that what it loads for it is gone after.

What lives here: the fork, and how the outcome comes back. What does not: the work. For a process with one thread, as
`sextant up` has.
"""

import os
import pickle
import sys
from collections.abc import Callable
from typing import Final, TypeVar

from monitor_jobs.contract.errors import SextantError

T = TypeVar("T")
FAILED_EXIT_CODE: Final = 1


def done_apart(work: Callable[[], T]) -> T:
    """What `work` returns, which pickle can hold, from a process that has ended by then; nothing else of it stays.

    Raises the SextantError that `work` raises; ChildProcessError where it fails otherwise: standard error says why.
    Checked in tests/unit/test_apart.py.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _work_and_end(work, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123  # a descriptor
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise ChildProcessError(f"a process of its own ended with {os.waitstatus_to_exitcode(status)}")
    outcome: T | SextantError = pickle.loads(told)  # noqa: S301  # written by the lines below
    if isinstance(outcome, SextantError):
        raise outcome
    return outcome


def _work_and_end(work: Callable[[], object], writing: int) -> None:
    code = FAILED_EXIT_CODE
    try:
        outcome = _outcome(work)
        with open(writing, "wb") as pipe:
            pickle.dump(outcome, pipe)
        code = 0
    except BaseException:  # noqa: BLE001  # nothing of the parent's may go on here: it would run a second time
        sys.excepthook(*sys.exc_info())
    finally:
        # Not sys.exit: what the parent has yet to write, and to do at its end, is the parent's.
        os._exit(code)


def _outcome(work: Callable[[], T]) -> T | SextantError:
    try:
        return work()
    except SextantError as error:
        return error
