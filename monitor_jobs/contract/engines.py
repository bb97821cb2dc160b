"""What runs a model's network: torch, or a program that was compiled from it.

What lives here: the names, as a model's Environment says them. What does not: compiling and choosing
(service.endpoint.engines).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from monitor_jobs.contract.debug_hook import HOOK_VARIABLE, debug_hook_of
from monitor_jobs.contract.errors import BadInput

ENGINE_VARIABLE: Final = "SEXTANT_ENGINE"
THREADS_VARIABLE: Final = "OMP_NUM_THREADS"  # the one that torch reads: how many threads compute


class Engine(StrEnum):
    """Who computes a network's answer."""

    AUTO = "auto"  # the fastest of those that are installed and answer as torch does, in float32
    TORCH = "torch"
    OPENVINO = "openvino"
    OPENVINO_BF16 = "openvino-bf16"  # held to torch's answers on the package's own examples
    ONNXRUNTIME = "onnxruntime"


def engine_of(environment: Mapping[str, str]) -> Engine:
    """The engine that a model's environment asks for: `auto` where it asks for none, torch where tensors are kept.

    Raises BadInput for another name, and for a compiled engine where tensors are to be kept: it has no layers to watch.
    Checked in tests/unit/test_engine_names.py.
    """
    asked = environment.get(ENGINE_VARIABLE, Engine.AUTO)
    if asked not in list(Engine):
        raise BadInput(f"{ENGINE_VARIABLE} is {asked[:40]!r}: it is one of {', '.join(Engine)}")
    engine = Engine(asked)
    if debug_hook_of(environment) is None:
        return engine
    if engine not in (Engine.AUTO, Engine.TORCH):
        raise BadInput(f"{HOOK_VARIABLE} keeps tensors of torch's layers: set {ENGINE_VARIABLE} to torch, not {engine}")
    return Engine.TORCH
