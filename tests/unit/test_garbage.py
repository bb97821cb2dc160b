"""The collector's switch, in a process of its own: it belongs to a whole process."""

import subprocess
import sys

PROGRAM = """
import gc, weakref
from service.garbage import collect_from_now_on, stop_collecting

class Cycle:
    def __init__(self):
        self.me = self

stop_collecting()
seen = weakref.ref(Cycle())
made = [[] for _ in range(100_000)]  # more than enough to set a collection off
print(seen() is not None)
collect_from_now_on()
print(gc.isenabled(), gc.get_freeze_count() >= 100_000)
seen = weakref.ref(Cycle())
gc.collect()
print(seen() is None)
"""

SET_ASIDE = """
import gc, weakref
from service.garbage import collect_now, set_aside, stop_collecting

class Cycle:
    def __init__(self):
        self.me = self

stop_collecting()
before = weakref.ref(Cycle())
set_aside()
after = weakref.ref(Cycle())
print(after() is not None)
collect_now()
print(before() is not None, after() is None, gc.isenabled())
"""


def test_garbage_is_collected_among_what_was_made_since_the_rest_was_set_aside():
    done = subprocess.run([sys.executable, "-c", SET_ASIDE], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", "True", "True", "False"]


def test_nothing_is_collected_while_a_process_starts_and_then_only_what_came_later():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True"] * 4
