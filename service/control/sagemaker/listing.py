"""Lists as AWS pages, filters and sorts them; one function for all resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.window import parse_timestamp
from service.control.sagemaker.context import Json
from service.core.pagination import checked_max_results, decode_token, encode_token
from service.core.ports import Table
from service.core.records import Query, SortOrder

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Listing:
    """How one resource is listed: its key column, AWS's sort words and filters as columns."""

    key: str
    sort_columns: Mapping[str, str]
    default_sort: str = "CreationTime"
    equal: Mapping[str, str] = field(default_factory=dict)

    def query(self, request: Mapping[str, Any]) -> Query:
        """The rows that a list request asks for, one more than fits its page."""
        order_by = self.sort_columns[str(request.get("SortBy", self.default_sort))]
        return Query(
            equal={column: request[name] for name, column in self.equal.items() if name in request},
            at_least=_moments(request, "After"),
            below=_moments(request, "Before"),
            contains={self.key: request["NameContains"]} if "NameContains" in request else {},
            order_by=order_by,
            order=SortOrder(request.get("SortOrder", SortOrder.DESCENDING)),
            limit=checked_max_results(request.get("MaxResults")) + 1,
            after=_after(request.get("NextToken")),
        )


def page(
    table: Table[Record], listing: Listing, request: Mapping[str, Any], *, summary: Callable[[Record], Json], rows: str
) -> Json:
    """One page of summaries below `rows`, with NextToken where more follow."""
    query = listing.query(request)
    found = table.find(query)
    size = (query.limit or len(found) + 1) - 1
    answer: Json = {rows: [summary(record) for record in found[:size]]}
    if len(found) > size:
        last = found[size - 1]
        answer["NextToken"] = encode_token((getattr(last, query.order_by), str(getattr(last, listing.key))))
    return answer


_TIME_COLUMNS = {"CreationTime": "created_at", "LastModifiedTime": "modified_at", "ScheduledTime": "scheduled_at"}


def _moments(request: Mapping[str, Any], suffix: str) -> dict[str, object]:
    given = {column: request.get(name + suffix) for name, column in _TIME_COLUMNS.items()}
    return {column: moment(value) for column, value in given.items() if value is not None}


def moment(value: object) -> datetime:
    """A time as clients send it: epoch seconds or ISO 8601. Raises BadInput for anything else."""
    if isinstance(value, str):
        return parse_timestamp(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError) as error:
            raise BadInput(f"{value!r} is no time in epoch seconds") from error
    raise BadInput(f"{value!r} is no time: send epoch seconds or ISO 8601")


def _after(token: str | None) -> tuple[object, str] | None:
    if token is None:
        return None
    place = decode_token(token)
    if len(place) != 2:
        raise BadInput("NextToken belongs to another listing: repeat the request without it")
    return place[0], str(place[1])
