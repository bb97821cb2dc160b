"""Secrets whose whole life is searched for them: logs, answers, errors, files, command lines, environments.

What lives here: the count. What does not: the life (tests.secret_life), the search (tests.canaries).
"""

from pathlib import Path

from tests.benchmarks.figures import Figure
from tests.canaries import found
from tests.secret_life import FIRST_SECRET, Life, lived

SHOWN = 5
TOO_LONG = "a whole life of keys, beside an endpoint and a job, takes more than a minute: run without --quick"


def measured(folder: Path, *, quick: bool) -> tuple[dict[str, Figure], dict[str, str]]:
    """How often a secret turned up where it should not; every output is proven to be searched."""
    if quick:
        return {}, {"secret_canaries_found": TOO_LONG}
    life = lived(folder)
    leaks = found(life.canaries, life.outputs)
    blind = [name for name, content in life.outputs.items() if not _is_searched(life, name, content)]
    assert not blind, f"a planted secret is not found in {blind}: the search says nothing"
    note = (
        f"{len(life.canaries)} secrets, each as it is, percent-encoded, in hex and in base64, in {len(life.outputs)} "
        f"outputs of {sum(map(len, life.outputs.values())) / 2**20:.1f} MiB; planted in each, all were found"
    )
    return {"secret_canaries_found": Figure(len(leaks), "leaks", "<= 0", "; ".join([note, *leaks[:SHOWN]]))}, {}


def _is_searched(life: Life, name: str, content: bytes) -> bool:
    return len(found(life.canaries, {name: content + FIRST_SECRET.encode()})) > len(
        found(life.canaries, {name: content})
    )
