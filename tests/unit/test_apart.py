"""Work in a fork, seen from processes of their own: what comes back, and what does not stay."""

import subprocess
import sys

PROGRAM = """
import sys
from monitor_jobs.contract.errors import Conflict
from service.apart import done_apart

def work():
    import sqlalchemy
    print("the fork's own line", flush=True)
    return sqlalchemy.__name__, "sqlalchemy" in sys.modules

def refused():
    raise Conflict("another has it")

def broken():
    return 1 / 0

print(*done_apart(work), "sqlalchemy" in sys.modules)
try:
    done_apart(refused)
except Conflict as error:
    print(error)
try:
    done_apart(broken)
except ChildProcessError as error:
    print(error)
try:
    done_apart(lambda: sys.exit(0))
except ChildProcessError as error:
    print(error)
"""


def test_a_fork_hands_back_what_it_returns_or_raises_and_nothing_else_of_it_stays():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == [
        "the fork's own line",
        "sqlalchemy True False",
        "another has it",
        "a process of its own ended with 1",
        "a process of its own ended with 1",
    ]
    assert "ZeroDivisionError" in done.stderr
