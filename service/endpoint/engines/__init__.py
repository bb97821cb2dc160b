"""What runs a model's network in its place: programs compiled from it, held to its answers before they are used.

What lives here: compiling (openvino, onnxruntime), the proof that a program answers as its network does (examples,
parity), which is faster (timing) and used (choosing), and by how many threads torch computes (threads). What does not:
the package's functions, which call whatever is chosen (model_functions).
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final

from monitor_jobs.contract.engines import Engine
from monitor_jobs.model_functions.functions import ServedModel

# What each engine imports that may answer unasked, the one first that starts faster and takes less memory.
PACKAGES: Final[Mapping[Engine, tuple[str, ...]]] = {
    Engine.ONNXRUNTIME: ("onnxruntime", "onnx"),
    Engine.OPENVINO: ("openvino",),
}


def is_called_by_us(served: ServedModel) -> bool:
    """Whether the package leaves calling its network to us: packages of other frameworks do not."""
    return served.stages is not None and served.stages.predicts_by_default


def may_be_replaced(served: ServedModel) -> bool:
    """Whether another engine may answer unasked: one is installed, and the package leaves calling its network to us."""
    return is_called_by_us(served) and any(map(_installed, PACKAGES.values()))


def _installed(packages: tuple[str, ...]) -> bool:
    return all(find_spec(package) is not None for package in packages)
