"""Parts of a logit from captured tensors alone: no model, none of its code, none of its weights but biases.

What lives here: arrays to a Decomposition, or to what is left of one. What does not: networks (saliency.decomposing).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from monitor_jobs.contract.debug_hook import TensorKind
from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.contract.tensor_files import LayerFacts, LoadFacts
from monitor_jobs.saliency.reduced import Reduced
from monitor_jobs.saliency.terms import Decomposition, LayerTerm
from monitor_jobs.tensors.debugger_names import (
    IMAGE_GRADIENT,
    bias_name,
    gradient_name,
    input_name,
    parameter_name,
    statistic_name,
)
from monitor_jobs.tensors.kinds import LEVEL_PREFIX, SUMS
from monitor_jobs.tensors.trial import Trial

Arrays = Mapping[str, NDArray[Any]]

_LEVEL: Final = re.compile(re.escape(LEVEL_PREFIX) + r"(?P<height>[0-9]+)x(?P<width>[0-9]+)")


def decomposition_of(trial: Trial, step: int) -> Decomposition:
    """The parts of a step's logits, of kind raw.

    Raises ModelUnsuitable where a tensor that they are made of was not kept; as Trial.facts_of does otherwise.
    Srinivas & Fleuret, NeurIPS 2019, equation 3; checked in tests/papers/test_fullgrad_from_tensors.py.
    """
    load, facts = trial.facts, trial.facts_of(step)
    arrays = _Arrays({**trial.parameters(), **trial.arrays(step)}, load)
    images, gradient = arrays.tensor(input_name(load.network, 0)), arrays.tensor(IMAGE_GRADIENT)
    layers = (_term(label, axis, arrays) for label, axis in facts.layers.items())
    return Decomposition(
        scores=torch.tensor(facts.scores),
        targets=torch.tensor(facts.targets),
        input_gradient=gradient,
        input_term=images * gradient,
        layers=tuple(layers),
    )


def inputs_of(trial: Trial, step: int) -> Tensor:
    """What the network was given at a step, [N, C, H, W]. Raises as `decomposition_of` does."""
    return _Arrays(trial.arrays(step), trial.facts).tensor(input_name(trial.facts.network, 0))


def reduced_of(trial: Trial, step: int) -> Reduced:
    """What is left of the parts of a step's logits, of kind reduced. Raises as `decomposition_of` does."""
    load, facts = trial.facts, trial.facts_of(step)
    arrays = _Arrays(trial.arrays(step), load)
    scores, targets = torch.tensor(facts.scores, dtype=torch.float64), torch.tensor(facts.targets)
    if facts.size is None:
        raise ModelUnsuitable(f"step {step} does not say how large its inputs were")
    return Reduced(
        logits=scores.gather(1, targets[:, None])[:, 0],
        targets=targets,
        size=facts.size,
        levels=dict(_levels(arrays)),
        layers=tuple(facts.layers),
        sums=arrays.tensor(SUMS),
    )


class _Arrays:
    """Arrays by name, and what to say where one is missing."""

    def __init__(self, arrays: Arrays, load: LoadFacts) -> None:
        self.arrays = arrays
        self.load = load

    def tensor(self, name: str) -> Tensor:
        if name not in self.arrays:
            asked = ", ".join(pattern for one in self.load.collections for pattern in one.patterns)
            wanted = f"; include_regex is {asked}" if self.load.kind is TensorKind.RAW else ""
            raise ModelUnsuitable(f"the tensor {name!r}, which the logit is made of, was not kept{wanted}")
        return torch.from_numpy(np.array(self.arrays[name]))

    def parameter(self, layer: str, name: str) -> Tensor | None:
        """A parameter that the layer may have been made without."""
        path = parameter_name(self.load.network, f"{layer}.{name}" if layer else name)
        return self.tensor(path) if path in self.arrays else None


def _term(label: str, axis: int, arrays: _Arrays) -> LayerTerm:
    layer = label.partition("#")[0]
    facts = arrays.load.layers.get(layer)
    if facts is None:
        raise ModelUnsuitable(f"nothing was kept of layer {layer}")
    gradient = arrays.tensor(gradient_name(label)).movedim(axis, 1)
    if facts.bias == "per_request":
        return LayerTerm(label, arrays.tensor(bias_name(label)).movedim(axis, 1), gradient)
    return LayerTerm(label, _fixed_bias(layer, facts, arrays), gradient)


def _fixed_bias(layer: str, facts: LayerFacts, arrays: _Arrays) -> Tensor:
    own = arrays.parameter(layer, "bias")
    if facts.bias == "parameter" or facts.epsilon is None:
        return own if own is not None else arrays.tensor(parameter_name(arrays.load.network, f"{layer}.bias"))
    below = f"{layer}." if layer else ""
    mean, variance = (arrays.tensor(statistic_name(f"{below}running_{name}")) for name in ("mean", "var"))
    shift = -mean / torch.sqrt(variance + facts.epsilon)
    weight = arrays.parameter(layer, "weight")
    scaled = shift if weight is None else shift * weight
    return scaled if own is None else scaled + own


def _levels(arrays: _Arrays) -> "list[tuple[tuple[int, int], Tensor]]":
    found = ((_LEVEL.fullmatch(name), name) for name in arrays.arrays)
    return [((int(match["height"]), int(match["width"])), arrays.tensor(name)) for match, name in found if match]
