"""A convolution over unshuffled pixels takes the place of one with strides: same answer, same gradient, same bias."""

import pytest
import torch
from torch import nn

from monitor_jobs.saliency.unshuffling import UnshuffledConv2d, can_be_unshuffled


def answer_and_gradient(layer, images):
    given = images.clone().requires_grad_()
    answer = layer(given)
    (gradient,) = torch.autograd.grad(answer.square().sum(), given)
    return answer.detach(), gradient


CONVOLUTIONS = [
    {"kernel_size": 7, "stride": 2, "padding": 3},
    {"kernel_size": 4, "stride": 4},
    {"kernel_size": 3, "stride": 2, "padding": 1, "bias": False},
    {"kernel_size": 1, "stride": 2},
    {"kernel_size": (5, 2), "stride": 3, "padding": (2, 0)},
]


@pytest.mark.parametrize("size", [(9, 9), (32, 33), (15, 40)])
@pytest.mark.parametrize("arguments", CONVOLUTIONS, ids=str)
def test_a_convolution_of_unshuffled_pixels_answers_as_it_does_in_steps(arguments, size):
    torch.manual_seed(1)
    layer = nn.Conv2d(3, 5, **arguments).double()
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    assert can_be_unshuffled(layer)
    other = UnshuffledConv2d(layer)
    assert other.bias is layer.bias
    for ours, theirs in zip(answer_and_gradient(other, images), answer_and_gradient(layer, images), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, 3),
        nn.Conv2d(8, 4, 3, 2),
        nn.Conv2d(3, 6, 3, 2, groups=3),
        nn.Conv2d(3, 4, 3, 2, dilation=2),
        nn.Conv2d(3, 4, 3, (2, 1)),
        nn.Conv2d(3, 4, 3, 2, 1, padding_mode="reflect"),
        nn.Conv2d(3, 4, 3, 1, "same"),
        nn.Conv1d(3, 4, 3, 2),
        nn.ReLU(),
    ],
    ids=str,
)
def test_others_cannot_be_unshuffled(layer):
    assert not can_be_unshuffled(layer)
