"""What became of every acknowledged record: read from the store, and compared with what endpoints and gaps tell.

What lives here: counting. What does not: making faults, or goals.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from monitor_jobs.contract.watermark import Gap, floor_second
from monitor_jobs.object_store.folder import FolderStore
from tests.integration.capture_spool import CAPTURES, gaps
from tests.servers.fault_load import Call, Load


@dataclass(frozen=True)
class Account:
    """Where the records of one campaign are.

    `missing` are acknowledged and not stored; `untold` are those of them in whose time no gap lies. A torn line is no
    capture record.
    """

    acked: int
    refused: int
    stored: int
    missing: int
    untold: int
    duplicates: int
    torn: int
    dropped: int  # as the endpoint counted it
    gap_records: int

    @property
    def lost(self) -> int:
        """Acknowledged, not stored, and not counted by the endpoint as dropped."""
        return max(0, self.missing - self.dropped)

    @property
    def uncounted(self) -> int:
        """Acknowledged, not stored, and in no gap."""
        return max(self.untold, self.missing - self.gap_records)

    @property
    def miscounted(self) -> int:
        """How far what was dropped is from what is missing, by the endpoint's counter or by the gaps."""
        return max(abs(self.dropped - self.missing), abs(self.gap_records - self.missing))

    def __str__(self) -> str:
        return f"{self.acked} acknowledged, {self.refused} refused, {self.missing} dropped, {self.gap_records} in gaps"


def account_of(folder: Path, loads: Sequence[Load], *, dropped: int = 0) -> Account:
    """The account of all that these loads sent to the endpoints of one folder."""
    store = FolderStore(folder / "data")
    events, inferences, torn = stored_ids(store)
    acked = [call for load in loads for call in load.acknowledged]
    missing = [call for call in acked if call.inference_id not in inferences]
    told = gaps(store)
    return Account(
        acked=len(acked),
        refused=sum(len(load.refused) for load in loads),
        stored=len(inferences),
        missing=len(missing),
        untold=sum(not is_told(call, told) for call in missing),
        duplicates=max(counted.total() - len(counted) for counted in (events, inferences)),
        torn=torn,
        dropped=dropped,
        gap_records=sum(gap.dropped for gap in told),
    )


def missing_calls(folder: Path, load: Load) -> list[Call]:
    """Every acknowledged call that is not stored."""
    _, inferences, _ = stored_ids(FolderStore(folder / "data"))
    return [call for call in load.acknowledged if call.inference_id not in inferences]


def stored_ids(store: FolderStore) -> tuple[Counter[str], Counter[str], int]:
    """How often each event id and each inference id is stored, and how many lines are no records."""
    events: Counter[str] = Counter()
    inferences: Counter[str] = Counter()
    torn = 0
    for found in store.list(CAPTURES):
        *lines, tail = store.get(found.address).split(b"\n")
        torn += bool(tail)
        for line in lines:
            try:
                metadata = orjson.loads(line)["eventMetadata"]
            except (orjson.JSONDecodeError, KeyError, TypeError):
                torn += 1
            else:
                events[metadata["eventId"]] += 1
                inferences[metadata["inferenceId"]] += 1
    return events, inferences, torn


def is_told(call: Call, told: Sequence[Gap]) -> bool:
    """True where a gap overlaps the time between question and answer."""
    return any(gap.start <= call.answered and gap.end > floor_second(call.sent) for gap in told)
