"""Opening a dataset's file.

What lives here: unpacking by the file's name, as Spark does. What does not: what is in it.
"""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from monitor_jobs.contract.errors import BadInput


@contextmanager
def open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """The file to read, unpacked where its name ends in `.gz`. Raises OSError, and BadInput where it is damaged."""
    if path.suffix != ".gz":
        with path.open("rb") as file:
            yield file
        return
    try:
        with gzip.open(path, "rb") as packed:
            yield cast("BinaryIO", packed)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise BadInput(f"{path.name} cannot be unpacked: {error}") from error
