"""Opening a dataset's file.

What lives here: unpacking by the file's name, as Spark does. What does not: what is in it.
"""

import gzip
from pathlib import Path
from typing import BinaryIO, cast


def open_unpacked(path: Path) -> BinaryIO:
    """The file to read, unpacked where its name ends in `.gz`. Raises OSError; reading raises it too, or EOFError."""
    return cast("BinaryIO", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
