"""What runs a model's network in its place: programs compiled from it, held to its answers before they are used.

What lives here: compiling (openvino), the proof that a program answers as its network does (parity), which is
faster (timing), and which is used (choosing). What does not: the package's functions, which call whatever is chosen
(model_functions).
"""

from importlib.util import find_spec

from monitor_jobs.model_functions.functions import ServedModel


def may_be_replaced(served: ServedModel) -> bool:
    """Whether another engine may answer unasked: one is installed, and the package leaves calling its network to us."""
    return served.stages is not None and served.stages.predicts_by_default and find_spec("openvino") is not None
