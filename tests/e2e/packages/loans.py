"""A third model package for end-to-end tests, of tables: loans by age, income and region, and people who ask for one.

What lives here: the people, whether they paid back, and the archive. What does not: the package's code (loans_package).
"""

import csv
import json
import math
import random
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from monitor_jobs.model_archive import pack

CODE_FOLDER = Path(__file__).parent / "loans_package" / "code"
WEIGHTS = {"bias": -5.0, "age": 0.05, "income": 0.00006, "region": {"north": 0.6, "south": -0.6}}
REGIONS = ("north", "east", "south", "west")
COLUMNS = ("granted", "probability", "age", "income", "region")


@dataclass(frozen=True)
class Person:
    """Someone who asks for a loan, and whether it was paid back: 1 or 0."""

    age: int
    income: float
    region: str
    paid_back: int

    @property
    def line(self) -> str:
        """The body of a request."""
        return f"{self.age},{self.income},{self.region}"

    @property
    def probability(self) -> float:
        """What the model answers."""
        score = WEIGHTS["bias"] + WEIGHTS["age"] * self.age + WEIGHTS["income"] * self.income
        return round(1 / (1 + math.exp(-score - WEIGHTS["region"].get(self.region, 0.0))), 4)


def draw_people(count: int, *, seed: int, older_by: int = 0) -> list[Person]:
    """People as they come; the model is right about them, as far as chances can be."""
    chance = random.Random(seed)
    return [_person(chance, older_by) for _ in range(count)]


def write_package(archive: Path) -> Path:
    """Write the loans package to `archive` and return that path."""
    with TemporaryDirectory() as folder:
        shutil.copytree(CODE_FOLDER, Path(folder, "code"), ignore=shutil.ignore_patterns("__pycache__"))
        Path(folder, "weights.json").write_text(json.dumps(WEIGHTS))
        pack(Path(folder), archive)
    return archive


def write_answers(file: Path, people: Iterable[Person]) -> None:
    """Write a baseline of data quality: what the model answered, before what it was asked, with a header."""
    rows = ((int(one.probability >= 0.5), one.probability, one.age, one.income, one.region) for one in people)
    _write_csv(file, COLUMNS, rows)


def write_truths(file: Path, people: Iterable[Person]) -> None:
    """Write a baseline of model quality: what the model answered, and what came of it, with a header."""
    rows = ((int(one.probability >= 0.5), one.probability, one.paid_back) for one in people)
    _write_csv(file, ("granted", "probability", "paid_back"), rows)


def _write_csv(file: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with file.open("w", newline="") as sink:
        csv.writer(sink).writerows([header, *rows])


def _person(chance: random.Random, older_by: int) -> Person:
    age, income = chance.randint(18, 80) + older_by, round(chance.lognormvariate(10.5, 0.4), 2)
    likely = Person(age, income, chance.choice(REGIONS), 0)
    return Person(age, income, likely.region, int(chance.random() < likely.probability))
