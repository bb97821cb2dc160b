"""Every operation that a team from SageMaker needs, by boto3: `python -m tests.e2e.boto3_flow [--json]`.

What lives here: what the flow is given. What does not: its calls (boto3_calls).
"""

import sys
from pathlib import Path

from tests.e2e import flow_command
from tests.e2e.packages.signs import draw_photographs, npy, write_package

PHOTOGRAPHS = 24


def own_python() -> Path:
    """The interpreter that runs this."""
    return Path(sys.executable)


def write_material(folder: Path) -> None:
    """A model package, and a request body."""
    write_package(folder / "model.tar.gz")
    (folder / "photographs.npy").write_bytes(npy(draw_photographs(PHOTOGRAPHS, seed=7)))


FLOW = flow_command.Flow("boto3_flow", "tests.e2e.boto3_calls", own_python, write_material)

if __name__ == "__main__":
    sys.exit(flow_command.main(FLOW))
