"""What commands print: data to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]


def print_json(value: object) -> None:
    """Print a JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, empty: str) -> None:
    """Print rows as a table; where there are none, the sentence that says what to do next, to standard error."""
    from rich.console import Console
    from rich.table import Table

    found = list(rows)
    if not found:
        say(empty)
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in found:
        table.add_row(*(str(row.get(column, "")) for column in columns))
    console = Console(soft_wrap=not sys.stdout.isatty())
    console.print(table)


def print_fields(fields: Mapping[str, object]) -> None:
    """Print one thing as aligned lines, absent fields left out."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        if value not in (None, ""):
            sys.stdout.write(f"{name:<{width}}  {value}\n")


def print_line(text: str) -> None:
    """Print one line of data."""
    sys.stdout.write(text + "\n")


def say(text: str) -> None:
    """Tell the person something that is not data."""
    sys.stderr.write(text + "\n")
