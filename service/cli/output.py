"""What commands print: data to standard output, everything else to standard error."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]
GAP = "  "
BOLD, PLAIN = "\x1b[1m", "\x1b[0m"


def print_json(value: object) -> None:
    """Print a JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, empty: str) -> None:
    """Print rows as a table; where there are none, the sentence that says what to do next, to standard error.

    Every value is printed whole, on one line: an id or an address that was cut short could not be copied.
    """
    found = [[_cell(row.get(column)) for column in columns] for row in rows]
    if not found:
        say(empty)
        return
    widths = [max(map(len, cells)) for cells in zip(columns, *found, strict=True)]
    heading, *lines = (_line(cells, widths) for cells in (columns, *found))
    print_line(f"{BOLD}{heading}{PLAIN}" if _styled() else heading)
    for line in lines:
        print_line(line)


def print_fields(fields: Mapping[str, object]) -> None:
    """Print one thing as aligned lines, absent fields left out."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        if value not in (None, ""):
            print_line(f"{name:<{width}}{GAP}{_cell(value)}")


def print_line(text: str) -> None:
    """Print one line of data."""
    sys.stdout.write(text + "\n")


def say(text: str) -> None:
    """Tell the person something that is not data."""
    sys.stderr.write(text + "\n")


def _cell(value: object) -> str:
    # What clients sent can hold line breaks, or sequences that steer a terminal: neither belongs in a table.
    text = "" if value is None else str(value)
    return "".join(character if character.isprintable() else " " for character in text)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _styled() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
