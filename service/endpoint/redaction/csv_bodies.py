"""CSV: columns by their index, redacted in every row, be it a heading."""

import csv
import io
from collections.abc import Mapping

from service.core.redaction import Action
from service.endpoint.redaction.values import Hash, redacted
from service.endpoint.redaction.withheld import Withheld, WithheldReason


def redact_csv(body: bytes, columns: Mapping[int, Action], hashed: Hash) -> bytes:
    """The body with these columns redacted; quotes remain where they are needed.

    Raises Withheld where it is no CSV in UTF-8, or a row lacks one of the columns: it is not the CSV, or not with the
    separator, that the rules were written for.
    """
    try:
        text = body.decode()
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
        for row in rows:
            for column, action in columns.items():
                row[column] = redacted(row[column], action, hashed) or ""
    except (UnicodeDecodeError, csv.Error, IndexError) as error:
        raise Withheld(WithheldReason.NOT_CSV) from error
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode() if text.endswith(("\n", "\r")) else stream.getvalue()[:-1].encode()
