"""Hostile packages, weights, addresses and names: what they wrote outside, and what of theirs ran.

What does not live here: the corpora and the look at what they did (tests.hostile).
"""

import sys
import warnings
from pathlib import Path

from tests.benchmarks.figures import Figure
from tests.hostile.addresses import offer
from tests.hostile.archives import ARCHIVES, LARGE
from tests.hostile.names import NAMES, administrator, ask, make_world, operation_questions, route_questions
from tests.hostile.pickles import executions
from tests.hostile.unpacking import outcomes_of
from tests.hostile.verdict import faults
from tests.servers.control import control_process

NOBODY = "127.0.0.1:9"
QUICK_SHARE, FULL_SHARE = 200, 4  # one name in so many, in each member that holds one; in routes ten times as many
SHOWN = 10


def measured(folder: Path, *, quick: bool) -> tuple[dict[str, Figure], dict[str, str]]:
    """The figures, and why others could not be taken."""
    archives = [hostile for hostile in ARCHIVES if not quick or hostile not in LARGE]
    outcomes = outcomes_of([hostile.content for hostile in archives], folder / "archives")
    wrong = [fault for pair in zip(archives, outcomes, strict=True) for fault in faults(*pair)]
    touched = [name for outcome in outcomes for name in outcome.outside]
    ran = [event for outcome in outcomes for event in outcome.code]
    tried, executed = _pickles(folder / "pickles")
    asked, escapes = _names(folder / "names", QUICK_SHARE if quick else FULL_SHARE)
    offered, taken = (0, []) if quick else _addresses(folder / "addresses")
    for line in [*wrong, *executed, *escapes, *taken][:SHOWN]:
        print(line, file=sys.stderr)
    handled = len(archives) - len({fault.partition(":")[0] for fault in wrong})
    refused = sum(outcome.refused is not None for outcome in outcomes)
    outside = f"by {len(archives)} archives, {asked} requests with one of {len(NAMES)} names, {offered} with an address"
    return {
        "hostile_archives": Figure(
            handled,
            "archives",
            ">= 40",
            f"of {len(archives)}: {refused} refused by name, the others harmless",
        ),
        "writes_outside": Figure(len(touched) + len(escapes) + len(taken), "escapes", "<= 0", outside),
        "code_executions": Figure(
            len(ran) + len(executed), "executions", "<= 0", f"{tried} ways of pickles into packages and requests"
        ),
    }, {}


def _pickles(folder: Path) -> tuple[int, list[str]]:
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit's
        return executions(folder)


def _names(folder: Path, share: int) -> tuple[int, list[str]]:
    here = make_world(folder)
    with control_process(folder / "data") as url, administrator(url) as client:
        by_member = ask(operation_questions(share), client, folder)
        by_route = ask(route_questions(max(1, share // 10)), client, folder)
    here.database.engine.dispose()
    return by_member.requests + by_route.requests, [*by_member.escapes, *by_route.escapes]


def _addresses(folder: Path) -> tuple[int, list[str]]:
    here = make_world(folder, allowed_buckets=frozenset({"captures", "models", "reports", "labels", "rules"}))
    taken = offer(here, NOBODY)
    here.database.engine.dispose()
    return taken.requests, taken.wrongly
