"""Pages of a listing: opaque tokens that hold the place where the last page ended.

What lives here: tokens, the check of MaxResults. What does not: queries (records.Query takes the same place as
`after`). A token holds the last item's sort key, not a count, so rows that come and go between two pages neither hide
nor repeat others.
"""

from base64 import b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Strict, TypeAdapter

from monitor_jobs.contract.errors import BadInput
from service.core.names import validation_error

DEFAULT_MAX_RESULTS: Final = 10
LARGEST_MAX_RESULTS: Final = 100
MAX_TOKEN_CHARACTERS: Final = 8192

Place = tuple[str | int | datetime, ...]


class _Moment(BaseModel):
    """A time inside a token; the name tells it from a text."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    utc: AwareDatetime


_PLACE: Final = TypeAdapter(tuple[Annotated[str, Strict()] | Annotated[int, Strict()] | _Moment, ...])


def checked_max_results(value: int | None) -> int:
    """How many items a page holds: 1-100, 10 where nothing is said, as AWS does. Raises BadInput in AWS's words."""
    size = DEFAULT_MAX_RESULTS if value is None else value
    if size < 1:
        raise validation_error("maxResults", size, ["have value greater than or equal to 1"])
    if size > LARGEST_MAX_RESULTS:
        raise validation_error("maxResults", size, [f"have value less than or equal to {LARGEST_MAX_RESULTS}"])
    return size


def encode_token(place: Place) -> str:
    """The NextToken of a place: URL-safe text."""
    cells = tuple(_Moment(utc=cell) if isinstance(cell, datetime) else cell for cell in place)
    return urlsafe_b64encode(_PLACE.dump_json(cells)).decode("ascii")


def decode_token(token: str) -> Place:
    """The place of a NextToken. Raises BadInput for anything that encode_token does not write."""
    try:
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise _foreign_token()
        cells = _PLACE.validate_json(b64decode(token, altchars=b"-_", validate=True))
    except ValueError as error:
        raise _foreign_token() from error
    return tuple(cell.utc.astimezone(UTC) if isinstance(cell, _Moment) else cell for cell in cells)


def _foreign_token() -> BadInput:
    return BadInput("NextToken is not one that this listing gave: repeat the request without it to begin again")
