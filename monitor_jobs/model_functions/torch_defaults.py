"""What a package without input_fn or predict_fn gets: tensors in, the torch module's own answer out.

What lives here: the two defaults that need torch. What does not: choosing them (functions), the formats (codecs).
Contract: sagemaker-pytorch-inference-toolkit, default_pytorch_inference_handler.py.
"""

from typing import Any

import numpy as np
import torch

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.model_functions.codecs import decode
from monitor_jobs.torch_model import device


def default_input_fn(data: bytes | str, content_type: str) -> torch.Tensor:
    """The body as a tensor; numbers that came as text are float32, as the toolkit reads them. Raises BadInput."""
    array = decode(data, content_type)
    if isinstance(data, str):
        with np.errstate(over="ignore"):  # by numpy: torch would start its threads for it
            array = array.astype(np.float32)
    try:
        return torch.from_numpy(array)
    except TypeError as error:
        raise BadInput(f"an array of {array.dtype} cannot become a tensor: {error}") from error


def default_predict_fn(data: object, model: Any) -> object:  # noqa: ANN401  # whatever model_fn returned
    """The model's answer to the data, which goes where the module's weights are; no gradients, evaluation mode."""
    # Asked first, because eval() walks all layers, and that would cost every request.
    if isinstance(model, torch.nn.Module) and model.training:
        model.eval()
    with torch.inference_mode():
        return model(data.to(_device_of(model)) if isinstance(data, torch.Tensor) else data)


def _device_of(model: object) -> torch.device:
    weight = next(model.parameters(), None) if isinstance(model, torch.nn.Module) else None
    return device() if weight is None else weight.device
