"""The power fails at a thousand moments of a spool's life, and what was promised to be on the disk is looked for.

What lives here: which lives and cuts are tried, the controls, the figures. What does not: the life and what follows a
cut (tests.servers.power_life), what a disk may hold after one (recorded_disk), the judge (spool_verdict). The
note names what finds a cut again: the seed of its life, the number of its event, and its own seed.
"""

import random
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.faults.alone import run_faults
from tests.benchmarks.figures import SEED, Figure
from tests.servers.power_life import AfterCut, Cut, DiskOf, Record, lived, tried
from tests.servers.recorded_disk import LyingDisk, NamelessDisk, RecordedDisk

WORKERS = 4
NAMED = 5  # of what is wrong, in a note
POWER, PROCESS = "power", "process"


@dataclass(frozen=True)
class Size:
    """How much is tried of each durability."""

    lives: int
    cuts: int
    control_cuts: int


FULL = Size(lives=8, cuts=500, control_cuts=40)
QUICK = Size(lives=2, cuts=8, control_cuts=2)


@dataclass(frozen=True)
class Campaign:
    """What came of every cut of some lives."""

    events: int
    cuts: dict[str, AfterCut]

    @property
    def lost(self) -> int:
        """Records that were promised, and that the store does not have."""
        return sum(len(after.verdict.lost) + len(after.verdict.set_aside) for after in self.cuts.values())

    @property
    def wrong(self) -> dict[str, AfterCut]:
        return {cut: after for cut, after in self.cuts.items() if after.verdict}

    def worst(self) -> str:
        """What is wrong, for people."""
        return "; ".join(f"{cut}: {after.verdict}" for cut, after in list(self.wrong.items())[:NAMED])

    def __str__(self) -> str:
        promised = sum(after.promised for after in self.cuts.values())
        young = sum(after.young for after in self.cuts.values())
        return (
            f"{len(self.cuts)} cuts in {self.events} events; {promised} records promised to be there, "
            f"{young} younger than that were not"
        )


def cut_often(
    folder: Path, durability: str, lives: Sequence[int], cuts: int, disk_of: DiskOf = RecordedDisk
) -> Campaign:
    """Record lives of these seeds, and cut them at so many moments; the folders of cuts that went well are removed."""
    records = [lived(folder / f"life-{seed}", seed, durability, disk_of) for seed in lives]
    generator = random.Random(SEED)
    chosen = [records[number % len(records)] for number in range(cuts)]
    moments = [Cut(generator.randrange(len(record) + 1), number) for number, record in enumerate(chosen)]

    def one(record: Record, cut: Cut) -> tuple[str, AfterCut]:
        place = folder / f"cut-{cut.seed}"
        place.mkdir()
        after = tried(record, cut, place)
        if not after.verdict:
            shutil.rmtree(place)
        return f"{durability}, {record.root.name}, {cut}", after

    with ThreadPoolExecutor(WORKERS) as pool:
        return Campaign(sum(map(len, records)), dict(pool.map(one, chosen, moments)))


def measure(folder: Path, *, quick: bool) -> dict[str, Figure]:
    """Every figure; what is wrong is in the notes, with the seeds that find it again."""
    size = QUICK if quick else FULL
    seeds = range(size.lives)
    power = cut_often(folder / POWER, POWER, seeds, size.cuts)
    process = cut_often(folder / PROCESS, PROCESS, seeds, size.cuts)
    lying = cut_often(folder / "lying", POWER, seeds[:1], size.control_cuts, LyingDisk)
    nameless = cut_often(folder / "nameless", POWER, seeds[:1], size.control_cuts, NamelessDisk)
    wrong = {**power.wrong, **process.wrong}
    return {
        "power_cut_lost": Figure(power.lost + process.lost, "records", "<= 0", f"power: {power}; process: {process}"),
        "power_cut_wrong": Figure(
            len(wrong), "cuts", "<= 0", "; ".join(filter(None, (power.worst(), process.worst())))
        ),
        "power_cut_control_lying": Figure(lying.lost, "records", ">= 1", f"fsync does nothing: {lying}"),
        "power_cut_control_nameless": Figure(nameless.lost, "records", ">= 1", f"names are never synced: {nameless}"),
    }


if __name__ == "__main__":
    run_faults("power_cut", measure)
