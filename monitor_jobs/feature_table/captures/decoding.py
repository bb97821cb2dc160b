"""Bodies that are no tables, decoded for many records together: for pictures that is several times as fast.

What lives here: which bodies those are. What does not: decoding them, which is handed in.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import pybase64

from monitor_jobs.contract.capture import media_type
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.feature_table.captures.halves import TABLE_TYPES, DecodeBytes
from monitor_jobs.feature_table.captures.lines import Record

Measures: TypeAlias = Sequence[Mapping[str, float]]
# Bodies and their content types to the named numbers of each one's items, or why it has none, in their order.
DecodeMany: TypeAlias = Callable[[Iterable[tuple[bytes, str]]], Iterable[Measures | BadInput]]


def decoded_together(records: Sequence[Record], decode: DecodeMany | None) -> DecodeBytes | None:
    """What decodes one body, with those of these records at hand already; None where there is no decoder."""
    if decode is None:
        return None
    bodies = list(dict.fromkeys(_bodies(records)))
    known = dict(zip(bodies, decode(bodies), strict=True))

    def decode_one(body: bytes, content_type: str) -> Measures:
        found = known.get((body, content_type))
        if found is None:
            (found,) = decode([(body, content_type)])
        if isinstance(found, BadInput):
            raise found
        return found

    return decode_one


def _bodies(records: Sequence[Record]) -> Iterator[tuple[bytes, str]]:
    captured = [record.capture_data for record in records]
    for half in (half for halves in captured for half in (halves.endpoint_input, halves.endpoint_output)):
        content_type = media_type(half.observed_content_type) if half else ""
        if half is None or half.encoding != "BASE64" or content_type in TABLE_TYPES:
            continue
        try:
            yield pybase64.b64decode(half.data, validate=True), content_type
        except ValueError:
            continue  # its turn comes, and with it the reason
