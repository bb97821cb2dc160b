"""A process that captures, and prints each inference id once its record is written; it runs until it is killed.

Arguments: folder, first id. With SEXTANT_TEST_UNWRITTEN set it prints what is in memory only: the negative control.
"""

import os
import sys
from itertools import count
from pathlib import Path

from tests.integration.capture_spool import NOON, Clock, FolderStore, exchange_of, spec_of, started


def main() -> None:
    folder, prefix = Path(sys.argv[1]), sys.argv[2]
    # no tick of this clock ever comes: nothing is sealed, so all there is to find is what was spooled
    capture = started(spec_of(folder), FolderStore(folder / "data"), clock=Clock(NOON))
    for number in count():
        capture.offer(exchange_of(f"{prefix}-{number}", at=NOON))
        if "SEXTANT_TEST_UNWRITTEN" not in os.environ:
            assert capture.wait_until_written(30)
        os.write(1, f"{prefix}-{number}\n".encode())


if __name__ == "__main__":
    main()
