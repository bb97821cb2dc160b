"""Takes the logits of a batch apart: one forward and one backward for all.

In evaluation no input of a batch has a part in another's logit, so that the gradient of the sum of all logits holds
each one's own.

What lives here: networks to parts. What does not: which layer has which bias (biases), maps (maps).
"""

from typing import Any

import torch
from torch import Tensor, nn

from monitor_jobs.contract.errors import BadInput, ModelUnsuitable
from monitor_jobs.saliency.calls import LayerCall, watched
from monitor_jobs.saliency.terms import Decomposition, LayerTerm


def decompose(model: nn.Module, inputs: Tensor, targets: Tensor | None = None) -> Decomposition:
    """The parts of one logit of each input: of the target class, else of the one that the network predicts.

    inputs [N, C, H, W], targets [N] integers. Raises BadInput where they are not that, ModelUnsuitable where the
    network answers with no [N, classes], is in training mode, or a layer's bias cannot be found. A bias that no layer
    shows, as of an activation that is called as a function, is missing from the sum: see Decomposition.errors.
    Srinivas & Fleuret, NeurIPS 2019, equations 2 and 3; checked in tests/papers/test_fullgrad.py.
    """
    if inputs.ndim != 4 or not len(inputs):
        raise BadInput(f"inputs are [N, C, H, W] with N > 0, not {list(inputs.shape)}")
    # a copy that is outside of inference mode, whoever made the inputs within it
    at = inputs.detach().clone().requires_grad_()
    with torch.enable_grad(), watched(model) as calls:
        logits = logits_of(model(at), len(inputs))
        classes = logits.argmax(1) if targets is None else _checked(targets, logits)
        chosen = logits.gather(1, classes[:, None])[:, 0]
        if not chosen.requires_grad:
            raise ModelUnsuitable("the network's answer has no gradient at its input: does it run under no_grad?")
        places: list[Any] = [at, *(call.output for call in calls)]  # the annotation of grad knows no mixture
        gradient, *gradients = torch.autograd.grad(chosen.sum(), places, allow_unused=True)
    return Decomposition(
        scores=logits.detach(),
        targets=classes,
        input_gradient=gradient,
        input_term=at.detach() * gradient,
        layers=tuple(
            _term(call, gradient)
            for call, gradient in zip(calls, gradients, strict=True)
            if gradient is not None  # what it does reaches another logit only
        ),
    )


def _term(call: LayerCall, gradient: Tensor) -> LayerTerm:
    bias = call.bias.movedim(call.channel_axis, 1) if call.bias.ndim > 1 else call.bias
    return LayerTerm(call.layer, bias, gradient.movedim(call.channel_axis, 1))


def logits_of(answer: object, count: int) -> Tensor:
    """A network's answer to so many inputs, [N, classes]. Raises ModelUnsuitable where it is none."""
    if not isinstance(answer, Tensor):
        raise ModelUnsuitable(f"the network answers with {type(answer).__name__}: logits are one tensor [N, classes]")
    if answer.ndim != 2 or len(answer) != count:
        raise ModelUnsuitable(f"the network answers {count} inputs with {list(answer.shape)}, not [{count}, classes]")
    return answer


def _checked(targets: Tensor, logits: Tensor) -> Tensor:
    count, classes = logits.shape
    if targets.shape != (count,) or targets.is_floating_point() or targets.is_complex():
        raise BadInput(f"targets are {count} integers, not {targets.dtype} {list(targets.shape)}")
    if len(strange := targets[(targets < 0) | (targets >= classes)]):
        raise BadInput(f"target {int(strange[0])} is no class of 0 to {classes - 1}")
    return targets.to(device=logits.device, dtype=torch.int64)
