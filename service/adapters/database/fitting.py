"""Names that fit a pattern of core.access, as a condition of SQL: the same names as in Python, in either dialect.

SQLite's LIKE takes small and capital letters for one, its GLOB does not; PostgreSQL has no GLOB, and its LIKE does not.
Proven by tests/contract/test_database.py.
"""

import re
from typing import Any

from sqlalchemy import ColumnElement, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import Boolean

from service.core.access import EVERY_NAME

ESCAPE = "!"


class _Fitting(ColumnElement[bool]):
    inherit_cache = False
    type = Boolean()

    def __init__(self, column: ColumnElement[str], pattern: str) -> None:
        self.column = column
        self.pattern = pattern


def fitting(column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    """The condition that a column's text fits a pattern in which `*` stands for any characters."""
    return _Fitting(column, pattern)


@compiles(_Fitting)
def _as_like(element: _Fitting, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 -- SQLAlchemy's own
    escaped = re.sub(r"([!%_])", rf"{ESCAPE}\1", element.pattern).replace(EVERY_NAME, "%")
    return compiler.process(element.column.like(literal(escaped), escape=ESCAPE), **options)


@compiles(_Fitting, "sqlite")
def _as_glob(element: _Fitting, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 -- SQLAlchemy's own
    escaped = re.sub(r"([\[?])", r"[\1]", element.pattern)
    return compiler.process(element.column.op("GLOB")(literal(escaped)), **options)
