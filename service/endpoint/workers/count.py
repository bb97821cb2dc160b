"""How many processes answer for one endpoint, as its model's Environment says, and how they share the cores."""

from collections.abc import Mapping, MutableMapping
from typing import Final

from monitor_jobs.contract.engines import THREADS_VARIABLE
from monitor_jobs.contract.errors import BadInput

WORKERS_VARIABLE: Final = "SAGEMAKER_MODEL_SERVER_WORKERS"  # the toolkits'; theirs start one a core where it is not set
WORKERS_MAX: Final = 64


def workers_of(environment: Mapping[str, str]) -> int:
    """The number of workers that a model's environment asks for; 1 where it asks for none.

    Raises BadInput for what is no number from 1 to 64. Checked in tests/unit/test_endpoint_workers.py.
    """
    asked = environment.get(WORKERS_VARIABLE, "1")
    if not (asked.isascii() and asked.isdecimal() and 1 <= int(asked) <= WORKERS_MAX):
        raise BadInput(f"{WORKERS_VARIABLE} is {asked[:40]!r}: it is a number from 1 to {WORKERS_MAX}")
    return int(asked)


def share_cores(environment: MutableMapping[str, str], *, workers: int, cores: int) -> None:
    """Give each worker's torch its share of the cores, at least one, unless somebody has said how many threads."""
    environment.setdefault(THREADS_VARIABLE, str(max(1, cores // workers)))
