"""Uses hostile addresses as the store does, and says who was asked: `python -m tests.hostile.connecting`.

A process of its own: an audit hook sees every name that is looked up and every connection, and cannot be taken off
again. With `unchecked` instead of an address's own reading, botocore is given what stands between the slashes.
"""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from monitor_jobs.contract.errors import SextantError
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.s3 import connect
from tests.hostile.addresses import OUTPOST, hostile_addresses

KEYS = {"access_key": "any", "secret_key": "thing"}
CHECKED, UNCHECKED = "checked", "unchecked"


@dataclass(frozen=True)
class Unchecked:
    """What an address would be without any rule."""

    bucket: str
    key: str


class Asked:
    """The hosts and ports whose addresses this process looks up, and those that it connects to."""

    def __init__(self) -> None:
        self.hosts: set[str] = set()
        sys.addaudithook(self._seen)

    def _seen(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo":
            self.hosts.add(f"{arguments[0]}:{arguments[1]}")
        elif event == "socket.connect":
            self.hosts.add(":".join(map(str, arguments[1][:2])))


def use(address: Any, endpoint: str) -> None:
    """Everything that a store does with an address."""
    store = connect(endpoint, "us-east-1", **KEYS, connect_timeout_seconds=1, read_timeout_seconds=1)
    tries: list[Callable[[], object]] = [
        lambda: store.put(address, b"1"),
        lambda: store.get(address),
        lambda: store.head(address),
        lambda: list(store.list(address)),
        lambda: store.delete(address),
    ]
    for attempt in tries:
        with suppress(SextantError):
            attempt()


def main() -> None:
    """Print the hosts that were asked, and how many addresses were used."""
    endpoint, victim, reading = sys.argv[1:]
    asked, used = Asked(), 0
    for text in hostile_addresses(victim) if reading == CHECKED else [f"s3://{OUTPOST}/x"]:
        bucket, _, key = text.removeprefix("s3://").partition("/")
        with suppress(SextantError):
            use(S3Address.parse(text) if reading == CHECKED else Unchecked(bucket, key), endpoint)
            used += 1
    print(json.dumps({"hosts": sorted(asked.hosts), "used": used}))


if __name__ == "__main__":
    main()
