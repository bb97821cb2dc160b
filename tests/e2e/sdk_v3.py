"""The SageMaker SDK's third version against `sextant up` and Ceph's gateway: `python -m tests.e2e.sdk_v3 [--json]`.

What lives here: what the flow is given. What does not: its calls (sdk_v3_calls).
"""

import sys
from functools import partial
from pathlib import Path

from tests.e2e import flow_command
from tests.e2e.packages.signs import draw_photographs, npy, write_package
from tests.e2e.sdk_environment import sdk_python


def write_material(folder: Path) -> None:
    """A model package, and two request bodies: photographs of all signs in turn, and many of one sign."""
    write_package(folder / "model.tar.gz")
    photographs = draw_photographs(40, seed=7)
    (folder / "all.npy").write_bytes(npy(photographs))
    (folder / "one.npy").write_bytes(npy([photographs[0]] * 60))


FLOW = flow_command.Flow("sdk_v3", "tests.e2e.sdk_v3_calls", partial(sdk_python, "sagemaker_v3"), write_material)

if __name__ == "__main__":
    sys.exit(flow_command.main(FLOW))
