"""Compiles a network by ONNX Runtime, for this machine's processor.

What lives here: the one program, how it comes from torch, and how it is called. What does not: whether it may be used
(parity, choosing). ONNX Runtime is an extra: pip install 'sextant[onnxruntime]'.
"""

import warnings
from itertools import chain
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from monitor_jobs.contract.errors import ModelUnsuitable
from service.endpoint.engines.parity import require_one_tensor
from service.endpoint.engines.reporting import report_to_nobody
from service.endpoint.model_folder import model_folder

EXTRA: Final = "pip install 'sextant[onnxruntime]'"
GIVEN: Final = "given"  # what the program calls its input
MAX_WEIGHT_BYTES: Final = 2**31 - 1  # of one protobuf message, which an ONNX file is
SILENT: Final = 4  # it raises what it would print, on the standard error that is our log


class OnnxRuntimeNetwork(nn.Module):
    """A compiled network under its own face: a module without parameters, in evaluation, called with one tensor."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401  # onnxruntime.InferenceSession, which has no types
        super().__init__()
        self._session = session
        self.eval()

    def forward(self, given: Tensor) -> Tensor:
        """The network's answer. Raises RuntimeError where the shape or type is none that the network takes."""
        try:
            found = self._session.run(None, {GIVEN: given.contiguous().numpy()})
        except Exception as error:  # its exceptions have no other type in common
            raise RuntimeError(f"ONNX Runtime cannot run the network: {str(error)[:400]}") from error
        return torch.from_numpy(found[0])


def compile_network(network: nn.Module, example: Tensor) -> OnnxRuntimeNetwork:
    """The network as a program for batches of any size of what `example` is one of; it computes in their type.

    Raises ModelUnsuitable where ONNX Runtime is not installed, or cannot compile the network, or that has more weights
    than an ONNX file holds, or answers with other than one tensor.
    """
    onnxruntime = import_onnxruntime()
    weight_bytes = sum(weight.nbytes for weight in chain(network.parameters(), network.buffers()))
    if weight_bytes > MAX_WEIGHT_BYTES:
        raise ModelUnsuitable(f"the network has {weight_bytes:,} bytes of weights: an ONNX file holds 2 GiB")
    try:
        # a file that is gone once it was read: bytes would be held beside the program for as long as that is used
        with model_folder() as folder:
            path = folder / "network.onnx"
            _export(network, example, path)
            session = onnxruntime.InferenceSession(path, _options(onnxruntime), providers=["CPUExecutionProvider"])
    except Exception as error:  # whatever torch's exporter or its own parser raises
        raise ModelUnsuitable(f"ONNX Runtime cannot compile the network: {str(error)[:400]}") from error
    require_one_tensor(len(session.get_outputs()))
    return OnnxRuntimeNetwork(session)


def import_onnxruntime() -> Any:  # noqa: ANN401  # it has no types
    """ONNX Runtime, which reports to nobody. Raises ModelUnsuitable where it is not installed, or not all it needs."""
    report_to_nobody()
    try:
        import onnx  # noqa: F401  # which torch's exporter asks for
        import onnxruntime
    except ImportError as error:
        raise ModelUnsuitable(f"ONNX Runtime is not installed: {EXTRA}") from error
    return onnxruntime


def _export(network: nn.Module, example: Tensor, path: Path) -> None:
    # by TorchScript: torch's newer way takes five times as long and two packages more
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls this way deprecated
        torch.onnx.export(
            network, (example,), str(path), dynamo=False, input_names=[GIVEN], dynamic_axes={GIVEN: {0: "rows"}}
        )


def _options(onnxruntime: Any) -> Any:  # noqa: ANN401
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = SILENT
    # Threads that spin wait for one that another process keeps from its core: a picture of 64 x 64 by ResNet-18 then
    # takes 6 to 10 ms in place of 4. Alone on two cores, spinning saves 0.3 ms of 2, and where requests come 4 ms apart
    # 1.4 ms of 3.2, for twice the processor time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
