"""The names that SageMaker Debugger's hook for PyTorch gives to tensors, and what its sample adds to them.

Parameters begin with the class of the network, modules are called by their path in it, the network itself by its class.
Indexes go on over several tensors of one call, and over several calls; smdebug 1.0.34, core/hook.py.
"""

import re
from typing import Final, NamedTuple

GRADIENT_PREFIX: Final = "gradient/"
IMAGE_GRADIENT: Final = "gradient/image"  # of what the network is given; the name is the sample's
BIAS_PREFIX: Final = "bias/"  # ours: what an activation adds to this input, which no parameter tells

_CALL: Final = re.compile(r"(?P<path>[^/]+)_(?P<side>input|output)_(?P<number>[0-9]+)")


class Call(NamedTuple):
    """What the name of an activation tells: the module's path, whether it was given or returned it, and its number."""

    path: str
    side: str
    number: int


def call_of(name: str) -> Call | None:
    """The call that an activation's name tells; None of gradients, parameters, and whatever else is none."""
    match = _CALL.fullmatch(name)
    return Call(match["path"], match["side"], int(match["number"])) if match else None


def input_name(module: str, index: int) -> str:
    """Of what a module is given."""
    return f"{module}_input_{index}"


def output_name(module: str, index: int) -> str:
    """Of what a module returns."""
    return f"{module}_output_{index}"


def gradient_name(call: str) -> str:
    """Of the gradient at what a module returns; `call` is its path, with #2 behind it at the second call."""
    return f"{GRADIENT_PREFIX}{call}_output"


def bias_name(call: str) -> str:
    """Of what a module adds that does not grow with its input, where that depends on the input."""
    return f"{BIAS_PREFIX}{call}_output"


def parameter_name(network: str, path: str) -> str:
    """Of a parameter."""
    return f"{network}_{path}"


def statistic_name(path: str) -> str:
    """Of a running statistic, as AWS's FullGrad sample saves it; the stock hook leaves it out."""
    return output_name(path, 0)
