"""A convolution of a picture with strides, as one without over unshuffled pixels: its gradient takes less time.

Three channels fill no vector of a processor, so that oneDNN takes ten times as long for the gradient at a picture as
for the answer. Unshuffled (Shi et al., CVPR 2016) it has s x s times as many channels, and the convolution no strides.

What lives here: such a convolution. What does not: where in a network it is (folding).
"""

from typing import Final

from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, pixel_unshuffle

PICTURE_CHANNELS: Final = 4  # at most: with more the way back is as quick as it is


class UnshuffledConv2d(nn.Conv2d):
    """Answers as the convolution of which `can_be_unshuffled`, and has its bias.

    Checked in tests/unit/test_saliency_unshuffling.py.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        nn.Module.__init__(self)  # the weights of another shape are those of an answered network: none are drawn
        self.step = convolution.stride[0]
        self.reach = convolution.kernel_size
        self.before = (int(convolution.padding[0]), int(convolution.padding[1]))
        rows, columns = (-size % self.step for size in self.reach)
        weight = pixel_unshuffle(pad(convolution.weight.detach(), (0, columns, 0, rows)), self.step)
        self.kernel_size = (weight.shape[2], weight.shape[3])
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = convolution.bias

    def extra_repr(self) -> str:
        """What it stands for."""
        return f"kernel_size={self.reach}, stride={self.step}, padding={self.before}, unshuffled"

    def forward(self, images: Tensor) -> Tensor:
        """What the convolution answers to pictures [N, C, H, W]."""
        margins = (*self._margins(images.shape[3], 1), *self._margins(images.shape[2], 0))
        return conv2d(pixel_unshuffle(pad(images, margins), self.step), self.weight, self.bias)

    def _margins(self, size: int, axis: int) -> tuple[int, int]:
        """What is added before and behind, or cut off there where it is below 0: what no step reaches."""
        before = self.before[axis]
        steps = (size + 2 * before - self.reach[axis]) // self.step
        return before, (steps + self.kernel_size[axis]) * self.step - size - before


def can_be_unshuffled(layer: nn.Module) -> bool:
    """Whether the layer is a plain convolution of a few channels that goes by the same steps both ways."""
    return (
        type(layer) is nn.Conv2d
        and layer.in_channels <= PICTURE_CHANNELS
        and layer.stride[0] == layer.stride[1] > 1
        and layer.groups == 1
        and layer.dilation == (1, 1)
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )
