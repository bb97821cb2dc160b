"""Each habit of the house is measured, and catches an offender that was planted for it."""

from pathlib import Path

import pytest

from tests.house_rules import ROOT, Figure, measure

SHORT = "".join(f"def short_{number}():\n    return {number}\n\n\n" for number in range(20))
LONG_BODY = "    x = 1\n"


def tree(folder: Path, files: dict[str, str]) -> Path:
    """A product and tests of the same size, which keep every habit, and these files beside them."""
    kept = {"service/kept.py": SHORT, "monitor_jobs/kept.py": SHORT, "tests/test_kept.py": SHORT * 2 + "x = 1\n" * 30}
    for name, text in {**kept, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def broken(root: Path) -> dict[str, Figure]:
    return {figure.name: figure for figure in measure(root) if not figure.kept}


def test_a_tree_that_keeps_every_habit_breaks_none(tmp_path):
    assert broken(tree(tmp_path, {})) == {}


@pytest.mark.parametrize(
    ("file", "text", "habit", "offender"),
    [
        (
            "service/long.py",
            "def long():\n" + LONG_BODY * 50,
            "functions over 50 lines",
            "service/long.py:1 long: 51 lines",
        ),
        ("service/cached.py", "async def slow():\n" + LONG_BODY * 50, "functions over 50 lines", "51 lines"),
        ("service/huge.py", "x = 1\n" * 301, "files of at most 300 lines, share", "service/huge.py: 301 lines"),
        (
            "service/flag.py",
            "def f(loud: bool):\n    return 1\n",
            "boolean flag parameters",
            "service/flag.py:1 f(loud)",
        ),
        ("service/flag.py", "def f(*, loud: bool = True):\n    return 1\n", "boolean flag parameters", "f(loud)"),
        ("service/flag.py", "def f(loud: bool | None):\n    return 1\n", "boolean flag parameters", "f(loud)"),
        ("service/flag.py", "def f(loud: 'bool'):\n    return 1\n", "boolean flag parameters", "f(loud)"),
        ("service/utils.py", "x = 1\n", "modules without a name of their own", "service/utils.py"),
        ("monitor_jobs/common/x.py", "x = 1\n", "modules without a name of their own", "monitor_jobs/common/x.py"),
    ],
)
def test_a_planted_offender_is_caught_and_named(tmp_path, file, text, habit, offender):
    figure = broken(tree(tmp_path, {file: text}))[habit]
    assert any(offender in named for named in figure.offenders)


@pytest.mark.parametrize(("lines", "habit"), [(10, "function lines, median"), (40, "function lines, 90th percentile")])
def test_many_long_functions_move_the_figures(tmp_path, lines, habit):
    many = "".join(f"def f_{number}():\n{LONG_BODY * lines}\n\n" for number in range(60))
    assert habit in broken(tree(tmp_path, {"service/many.py": many}))


@pytest.mark.parametrize(("file", "length"), [("service/more.py", 200), ("tests/test_more.py", 200)])
def test_too_few_and_too_many_tests_are_both_caught(tmp_path, file, length):
    assert "lines of tests per line of code" in broken(tree(tmp_path, {file: "x = 1\n" * length}))


@pytest.mark.parametrize(
    "kept",
    [
        {"service/cli/shout.py": "def shout(loud: bool = False):\n    return loud\n"},
        {"service/answers.py": "def count(answers: list[bool]):\n    return sum(answers)\n"},
        {"service/database/versions/0001.py": "def upgrade():\n" + LONG_BODY * 60},
        {"tests/benchmarks/long.py": "x = 1\n" * 500},
    ],
    ids=["options of the command line", "lists of flags are data", "migrations", "benchmarks are no tests"],
)
def test_what_is_excepted_is_not_counted(tmp_path, kept):
    assert broken(tree(tmp_path, kept)) == {}


def test_a_folder_above_the_tree_gives_no_module_its_name(tmp_path):
    assert broken(tree(tmp_path / "common" / "utils", {})) == {}


def test_the_house_keeps_its_habits():
    # The ratio lags while a room is being written; `make check` holds it.
    figures = {name: figure.offenders for name, figure in broken(ROOT).items()}
    assert figures.keys() <= {"lines of tests per line of code"}, figures
