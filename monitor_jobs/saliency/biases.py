"""Biases of layers: what a layer adds that does not grow with its input.

Of a convolution or a dense layer that is its `bias`. A batch normalisation in evaluation scales by fixed numbers and so
has another one beside its own. Of any other layer it depends on the input: for a differentiable η at z it is
b = η(z) - η'(z) z, which makes η at z the affine function η'(z) z + b.

What lives here: which layers have which bias. What does not: calling them (decomposing).
"""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from monitor_jobs.contract.errors import ModelUnsuitable

# η(z) = η'(z) z throughout: they have no bias of either kind
HOMOGENEOUS: Final[tuple[type[nn.Module], ...]] = (
    nn.ReLU,
    nn.LeakyReLU,
    nn.PReLU,
    nn.RReLU,
    nn.MaxPool1d,
    nn.MaxPool2d,
    nn.MaxPool3d,
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AvgPool3d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveAvgPool3d,
    nn.AdaptiveMaxPool1d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveMaxPool3d,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
    nn.Flatten,
    nn.Unflatten,
    nn.Identity,
    nn.ZeroPad2d,
    nn.ReflectionPad2d,
    nn.ReplicationPad2d,
    nn.Upsample,
    nn.PixelShuffle,
    nn.PixelUnshuffle,
    nn.ChannelShuffle,
)
# they do all themselves: their children are not called, or with what makes no sense alone
WHOLE: Final[tuple[type[nn.Module], ...]] = (nn.MultiheadAttention,)


def has_fixed_bias(module: nn.Module) -> bool:
    """Whether the layer is affine: its bias, if it has one, is the same for all inputs."""
    return isinstance(module, (_ConvNd, nn.Linear, _BatchNorm))


def channel_axis(module: nn.Module) -> int | None:
    """Where a layer's output has its channels: last or second; None where it leaves them where they are."""
    if isinstance(module, (nn.Linear, nn.LayerNorm, nn.RMSNorm, *WHOLE)):
        return -1
    return 1 if isinstance(module, (_ConvNd, _BatchNorm, nn.GroupNorm)) else None


def fixed_bias(module: nn.Module) -> Tensor | None:
    """The bias [C] of an affine layer; None where it has none. Raises ModelUnsuitable as `batch_norm_bias`."""
    if isinstance(module, _BatchNorm):
        return batch_norm_bias(module)
    bias = module.bias
    return bias.detach() if isinstance(bias, Tensor) else None


def batch_norm_bias(module: _BatchNorm) -> Tensor:
    """What a batch normalisation adds in evaluation, β - μγ/√(σ² + ε), [C].

    Raises ModelUnsuitable where it has no running statistics: then what it does depends on the whole batch.
    """
    if module.running_mean is None or module.running_var is None:
        raise ModelUnsuitable("a batch normalisation without running statistics mixes the inputs of a batch")
    shift = -module.running_mean / torch.sqrt(module.running_var + module.eps)
    if module.weight is not None:
        shift = shift * module.weight.detach() + module.bias.detach()
    return shift


def depends_on_input(module: nn.Module) -> bool:
    """Whether the layer's bias is another one for each input: no affine layer, nor a homogeneous one."""
    leaf = next(module.children(), None) is None
    return (leaf or isinstance(module, WHOLE)) and not has_fixed_bias(module) and not isinstance(module, HOMOGENEOUS)


def bias_at(layer: Callable[..., object], inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    """What a layer adds at these inputs, η(z) - η'(z) z, of the output's shape.

    Raises ModelUnsuitable where the layer cannot be differentiated forwards.
    """

    def first(*values: Tensor) -> Tensor:
        return first_tensor(layer(*map(torch.clone, values)))  # a copy: it may work in place

    try:
        slope: Tensor = torch.func.jvp(first, inputs, inputs)[1]
    except (RuntimeError, NotImplementedError) as error:
        raise ModelUnsuitable(f"what it adds to its input cannot be found: {error}") from error
    return output - slope.detach()  # a network for training takes gradients of its weights


def first_tensor(output: object) -> Tensor:
    """The output itself, or the first of several, as of attention with its weights. Raises ModelUnsuitable."""
    first = output[0] if isinstance(output, (tuple, list)) and output else output
    if not isinstance(first, Tensor):
        raise ModelUnsuitable(f"it returns {type(output).__name__}, no tensor")
    return first
