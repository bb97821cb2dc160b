"""The SageMaker SDK's second version against `sextant up` and Ceph's gateway: `python -m tests.e2e.sdk_v2 [--json]`.

What lives here: what the flow is given. What does not: its calls (sdk_v2_calls).
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np

from tests.e2e import flow_command
from tests.e2e.packages.signs import draw_photographs, write_parts
from tests.e2e.sdk_environment import sdk_python

PHOTOGRAPHS = 40


def write_material(folder: Path) -> None:
    """What a data scientist has: model.tar.gz with weights only, a folder of code, and pictures with labels."""
    write_parts(folder)
    photographs = draw_photographs(PHOTOGRAPHS, seed=7)
    np.save(folder / "photographs.npy", np.stack([photograph.pixels for photograph in photographs]))
    np.save(folder / "labels.npy", np.array([photograph.label for photograph in photographs]))


FLOW = flow_command.Flow("sdk_v2", "tests.e2e.sdk_v2_calls", partial(sdk_python, "sagemaker_v2"), write_material)

if __name__ == "__main__":
    sys.exit(flow_command.main(FLOW))
