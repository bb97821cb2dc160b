"""A scheduler process that a test can kill: `python -m tests.integration.scheduler_child FOLDER SECONDS`.

Its clock stands at so many seconds past noon, as the test's own clock does.
"""

import sys
import time
from datetime import timedelta
from pathlib import Path

from tests.integration.scheduling import NOON, Clock, House


def main() -> None:
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    process = House(folder, clock=Clock(NOON + timedelta(seconds=seconds))).start()
    while True:
        process.tick()
        time.sleep(0.02)


if __name__ == "__main__":
    main()
