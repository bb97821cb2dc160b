"""The network inside a model, and what it is called with for a request.

A package's functions may do with a request what they like before they call the network, and with its answer after. So
the request goes their whole way, and is watched as it comes by.

What lives here: finding and watching. What does not: loading packages (model_functions), gradients (saliency).
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.model_functions.functions import ModelRequest, ServedModel


def network_of(model: object) -> nn.Module:
    """The network that model_fn returned: itself, or the only one among what it holds.

    Raises ModelUnsuitable where there is none or more than one, and for TorchScript, which shows no layers.
    """
    found = [model] if isinstance(model, nn.Module) else [one for one in _held(model) if isinstance(one, nn.Module)]
    network = found[0] if len(found) == 1 else None
    if not isinstance(network, nn.Module):
        raise ModelUnsuitable(
            f"model_fn returns {type(model).__name__}, which holds {len(found)} networks: an explanation needs one"
        )
    if isinstance(network, torch.jit.ScriptModule):
        raise ModelUnsuitable("TorchScript shows no layers: write a model_fn that builds the network")
    return network


def inputs_of(served: ServedModel, network: nn.Module, request: ModelRequest) -> Tensor:
    """What the network is called with while the request is answered, [N, C, H, W].

    Raises ModelUnsuitable where it is not called, or more than once, or with something else; and as `answer` does.
    """
    calls: list[list[object]] = []

    def keep(_module: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        calls.append([*positional, *named.values()])

    hook = network.register_forward_pre_hook(keep, with_kwargs=True)
    try:
        served.answer(request)
    finally:
        hook.remove()
    if len(calls) != 1:
        raise ModelUnsuitable(
            f"the network is called {len(calls)} times for one request: an explanation needs one call"
        )
    tensors = [value for value in calls[0] if isinstance(value, Tensor)]
    if len(tensors) != 1 or tensors[0].ndim != 4 or not tensors[0].is_floating_point():
        shapes = ", ".join(f"{value.dtype} {list(value.shape)}" for value in tensors) or "no tensor"
        raise ModelUnsuitable(
            f"the network is called with {shapes}: an explanation needs pictures [N, C, H, W] of floats"
        )
    return tensors[0].detach()


def _held(model: object) -> Iterable[object]:
    if isinstance(model, dict):
        return model.values()
    if isinstance(model, (tuple, list)):
        return model
    return getattr(model, "__dict__", {}).values()
