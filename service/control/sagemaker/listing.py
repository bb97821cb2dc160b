"""Lists as AWS pages, filters and sorts them; one function for all resources."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar, get_type_hints

from pydantic import TypeAdapter

from monitor_jobs.contract.errors import BadInput
from service.control.moments import moment
from service.control.sagemaker.context import Context, Json
from service.core.access import EVERY_NAME
from service.core.pagination import DEFAULT_MAX_RESULTS, checked_max_results, decode_token, encode_token
from service.core.ports import Table
from service.core.records import Query, SortOrder

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Listing:
    """How one resource is listed: its record's key column, AWS's sort words and filters as columns.

    `fixed` are values that every row listed has in common. `governed` is the column that grants are compared with.
    """

    record: type
    key: str
    sort_columns: Mapping[str, str]
    default_sort: str = "CreationTime"
    equal: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, object] = field(default_factory=dict)
    page_size: int = DEFAULT_MAX_RESULTS
    governed: str = "name"

    def among(self, **fixed: object) -> Self:
        """The same listing of only those rows that have these values."""
        return replace(self, fixed=fixed)

    def query(self, request: Mapping[str, Any], *, readable: Collection[str] = (EVERY_NAME,)) -> Query:
        """The rows that a list request asks for and whose names are readable, one more than fits its page."""
        order_by = self.sort_columns[str(request.get("SortBy", self.default_sort))]
        filters = {column: request[name] for name, column in self.equal.items() if name in request}
        return Query(
            equal={**filters, **self.fixed},
            at_least=self._moments(request, "After"),
            below=self._moments(request, "Before"),
            contains={"name": request["NameContains"]} if self._filters_names(request) else {},
            fits={} if EVERY_NAME in readable else {self.governed: readable},
            order_by=order_by,
            order=SortOrder(request.get("SortOrder", SortOrder.DESCENDING)),
            limit=checked_max_results(request.get("MaxResults", self.page_size)) + 1,
            after=self._after(request.get("NextToken"), order_by),
        )

    def _filters_names(self, request: Mapping[str, Any]) -> bool:
        return "NameContains" in request and "name" in self._types()

    def _moments(self, request: Mapping[str, Any], suffix: str) -> dict[str, object]:
        columns = {name + suffix: column for name, column in _TIME_COLUMNS.items() if column in self._types()}
        return {column: moment(request[name]) for name, column in columns.items() if name in request}

    def _after(self, token: str | None, order_by: str) -> tuple[object, str] | None:
        if token is None:
            return None
        try:
            value, key = decode_token(token)
            return TypeAdapter(self._types()[order_by]).validate_python(value), str(key)
        except ValueError as error:
            raise BadInput("NextToken belongs to another listing: repeat the request without it") from error

    def _types(self) -> dict[str, Any]:
        return get_type_hints(self.record)


def page(
    table: Table[Record],
    listing: Listing,
    request: Json,
    context: Context,
    *,
    summary: Callable[[Record], Json],
    rows: str,
) -> Json:
    """One page of summaries below `rows` of what the caller may read, with NextToken where more follow."""
    query = listing.query(request, readable=context.access.readable)
    found = table.find(query)
    size = (query.limit or len(found) + 1) - 1
    answer: Json = {rows: [summary(record) for record in found[:size]]}
    if len(found) > size:
        last = found[size - 1]
        answer["NextToken"] = encode_token((getattr(last, query.order_by), str(getattr(last, listing.key))))
    return answer


_TIME_COLUMNS = {"CreationTime": "created_at", "LastModifiedTime": "modified_at", "ScheduledTime": "scheduled_at"}
