"""Compiles a network by OpenVINO, for this machine's processor.

What lives here: the one program and how it is called. What does not: whether it may be used (parity, choosing).
OpenVINO is an extra: pip install 'sextant[openvino]'.
"""

import warnings
from typing import Any, Final

import torch
from torch import Tensor, nn

from monitor_jobs.contract.errors import ModelUnsuitable
from service.endpoint.engines.parity import require_one_tensor
from service.endpoint.engines.reporting import report_to_nobody
from service.endpoint.model_folder import model_folder

EXTRA: Final = "pip install 'sextant[openvino]'"
MODEL_FILE: Final = "model.xml"  # its weights lie beside it


class OpenVinoNetwork(nn.Module):
    """A compiled network under its own face: a module without parameters, in evaluation, called with one tensor.

    For the model's thread alone: it has one inference request.
    """

    def __init__(self, compiled: Any) -> None:  # noqa: ANN401  # openvino.CompiledModel, which has no types
        super().__init__()
        self._request = compiled.create_infer_request()
        self.eval()

    def forward(self, given: Tensor) -> Tensor:
        """The network's answer. Raises RuntimeError where the shape is none that the network takes."""
        found = self._request.infer({0: given.contiguous().numpy()}, share_inputs=True, share_outputs=False)
        return torch.from_numpy(found[0])


def compile_network(network: nn.Module, example: Tensor, *, precision: torch.dtype) -> OpenVinoNetwork:
    """The network as a program for batches of any size of what `example` is one of; it computes in `precision`.

    float32, where asked for, is what the program computes in: processors with a fast bfloat16 would take that unasked.
    Raises ModelUnsuitable where OpenVINO is not installed, or cannot compile the network, or that answers with other
    than one tensor.
    """
    openvino = import_openvino()
    options = {
        "INFERENCE_PRECISION_HINT": {torch.float32: "f32", torch.bfloat16: "bf16"}[precision],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    try:
        compiled = openvino.Core().compile_model(_converted(openvino, network, example), "CPU", options)
    except Exception as error:  # whatever its frontend raises
        raise ModelUnsuitable(f"OpenVINO cannot compile the network: {str(error)[:400]}") from error
    require_one_tensor(len(compiled.outputs))
    return OpenVinoNetwork(compiled)


def import_openvino() -> Any:  # noqa: ANN401  # it has no types
    """OpenVINO, whose converter reports to nobody. Raises ModelUnsuitable where it is not installed."""
    report_to_nobody()
    try:
        import openvino
    except ImportError as error:
        raise ModelUnsuitable(f"OpenVINO is not installed: {EXTRA}") from error
    return openvino


def _converted(openvino: Any, network: nn.Module, example: Tensor) -> Any:  # noqa: ANN401  # they have no types
    """The network as OpenVINO's model, whose weights are pages of a file that has no name any more.

    OpenVINO keeps them beside the form that it computes with, and never reads them again: the kernel may take such
    pages back, and another copy in memory it could not (service.memory).
    """
    with model_folder() as folder:
        openvino.save_model(_traced(openvino, network, example), folder / MODEL_FILE, compress_to_fp16=False)
        return openvino.Core().read_model(folder / MODEL_FILE)


def _traced(openvino: Any, network: nn.Module, example: Tensor) -> Any:  # noqa: ANN401  # they have no types
    """The network as its converter reads it from a trace.

    torch would check the trace by another, which takes longer than all else and imports 500 modules. Whether the
    program answers as the network does is seen after (parity), on other inputs than the traced one.
    """
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    any_batch = [openvino.PartialShape([-1, *example.shape[1:]])]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # its converter uses what torch calls deprecated
        trace = TorchScriptPythonDecoder(network, example_input=example, trace_kwargs={"check_trace": False})
        return openvino.convert_model(trace, example_input=example, input=any_batch)
