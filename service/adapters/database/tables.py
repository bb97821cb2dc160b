"""Records to rows and back, for any frozen dataclass whose fields are named as its table's columns."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select
from sqlalchemy import Table as SqlTable
from sqlalchemy.exc import IntegrityError

from monitor_jobs.contract.errors import Conflict
from service.adapters.database.fitting import fitting
from service.core.records import Query, SortOrder


class _Versioned(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def version(self) -> int: ...


Row = TypeVar("Row", bound=_Versioned)
Open = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True, slots=True)
class Doors:
    """How a table gets at the database: for reading, and for writing."""

    reading: Open
    writing: Open


class RecordTable(Generic[Row]):
    """The port core.ports.Table over one SQL table whose primary key is its first column."""

    def __init__(self, record: type[Row], table: SqlTable, doors: Doors) -> None:
        self._record = record
        self._table = table
        self._doors = doors
        self._key = next(iter(table.primary_key.columns))

    def add(self, record: Row) -> None:
        """Insert a row. Raises Conflict where a unique value is taken."""
        with self._doors.writing() as connection:
            try:
                connection.execute(self._table.insert().values(**_row(record)))
            except IntegrityError as error:
                raise Conflict(f"{self._table.name} already has {self._key_of(record)!r}") from error

    def get(self, key: str) -> Row | None:
        """The row of that key."""
        with self._doors.reading() as connection:
            row = connection.execute(select(self._table).where(self._key == key)).mappings().first()
        return None if row is None else self._record(**row)

    def find(self, query: Query) -> list[Row]:
        """The rows that a query asks for."""
        statement = self._ordered(select(self._table).where(*self._conditions(query)), query)
        with self._doors.reading() as connection:
            rows = connection.execute(statement.limit(query.limit)).mappings().all()
        return [self._record(**row) for row in rows]

    def count(self, query: Query) -> int:
        """How many rows a query asks for, its limit aside."""
        statement = select(func.count()).select_from(self._table).where(*self._conditions(query))
        with self._doors.reading() as connection:
            return connection.execute(statement).scalar_one()

    def save(self, record: Row) -> Row:
        """Replace the row of this key and version; the next version. Raises Conflict when it is stale or gone."""
        following = replace(record, version=record.version + 1)
        unchanged = and_(self._key == self._key_of(record), self._table.c.version == record.version)
        with self._doors.writing() as connection:
            written = connection.execute(self._table.update().where(unchanged).values(**_row(following)))
        if written.rowcount != 1:
            raise Conflict(f"{self._table.name} {self._key_of(record)!r} was changed by someone else: read it again")
        return following

    def remove(self, key: str) -> None:
        """Delete the row; nothing happens where there is none."""
        with self._doors.writing() as connection:
            connection.execute(self._table.delete().where(self._key == key))

    def _key_of(self, record: Row) -> str:
        return str(getattr(record, self._key.name))

    def _conditions(self, query: Query) -> list[ColumnElement[bool]]:
        columns = self._table.c
        conditions = [columns[name] == value for name, value in query.equal.items()]
        conditions += [columns[name].in_(values) for name, values in query.any_of.items()]
        conditions += [columns[name] >= value for name, value in query.at_least.items()]
        conditions += [columns[name] < value for name, value in query.below.items()]
        conditions += [columns[name].icontains(value, autoescape=True) for name, value in query.contains.items()]
        conditions += [
            or_(false(), *(fitting(columns[name], pattern) for pattern in of)) for name, of in query.fits.items()
        ]
        return conditions + self._beyond(query)

    def _beyond(self, query: Query) -> list[ColumnElement[bool]]:
        if query.after is None:
            return []
        value, key = query.after
        column = self._table.c[query.order_by]
        if query.order is SortOrder.ASCENDING:
            return [or_(column > value, and_(column == value, self._key > key))]
        return [or_(column < value, and_(column == value, self._key < key))]

    def _ordered(self, statement: Select[Any], query: Query) -> Select[Any]:
        column = self._table.c[query.order_by]
        if query.order is SortOrder.ASCENDING:
            return statement.order_by(column.asc(), self._key.asc())
        return statement.order_by(column.desc(), self._key.desc())


def _row(record: _Versioned) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}
