"""Full-Gradient Representation for Neural Network Visualization, Srinivas & Fleuret, NeurIPS 2019, and its two codes.

What the paper's equations say, written here channel by channel, is what the product does layer by layer.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor, nn
from torch.nn.functional import interpolate

from monitor_jobs.saliency.decomposing import decompose
from monitor_jobs.saliency.folding import folded
from monitor_jobs.saliency.maps import blog, gradcam, idiap
from monitor_jobs.saliency.reduced import idiap_of, reduced
from monitor_jobs.saliency.smoothing import smooth
from monitor_jobs.saliency.terms import EXACT_ERROR, simple
from tests.saliency_networks import PlainNet, networks, unsettled

NETWORKS = networks()
SIZE = (33, 40)


def images(count: int = 4, seed: int = 3, size: tuple[int, int] = SIZE) -> Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def by_hand(network: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """Bias times gradient of each layer of one image, as the paper says: the gradient of an output that is kept."""
    outputs: dict[str, tuple[Tensor, Tensor]] = {}

    def keep(name, bias):
        def hook(module, given, output):
            del module, given
            output.retain_grad()
            outputs[name] = (bias, output)
            return output.clone()  # what works in place works on the copy

        return hook

    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            deviation = torch.sqrt(module.running_var + module.eps)
            bias = -(module.running_mean * module.weight / deviation) + module.bias
            hooks.append(module.register_forward_hook(keep(name, bias.detach())))
        elif isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
            hooks.append(module.register_forward_hook(keep(name, module.bias.detach())))
    image = image[None].clone().requires_grad_()
    network(image).max().backward()
    for hook in hooks:
        hook.remove()
    network.zero_grad()
    parts = {name: out.grad[0] * bias.view(-1, *[1] * (out.ndim - 2)) for name, (bias, out) in outputs.items()}
    return {"input": (image.grad * image.detach())[0], **parts}


def idiap_by_hand(parts: dict[str, Tensor]) -> Tensor:
    """Rescaled by layer, resized by channel, summed: the formula of fullgrad-saliency."""
    total = torch.zeros(SIZE)
    for part in parts.values():
        if part.ndim == 3:
            values = part.abs() - part.abs().min()
            values = values / (values.max() + 1e-6)
            total += interpolate(values[None], SIZE, mode="bilinear", align_corners=True)[0].sum(0)
    return total


def gradcam_by_hand(parts: dict[str, Tensor]) -> Tensor:
    """Rescaled by channel, resized by channel, summed and rescaled: the formula of pytorch-grad-cam."""
    total = torch.zeros(SIZE)
    for part in parts.values():
        for channel in part.abs() if part.ndim == 3 else ():
            values = channel - channel.min()
            values = values / (1e-7 + values.max())
            total += interpolate(values[None, None], SIZE, mode="bilinear", align_corners=False)[0, 0]
    total = total - total.min()
    return total / (1e-7 + total.max())


def blog_by_hand(parts: dict[str, Tensor]) -> Tensor:
    """Rescaled by layer, zoomed by channel as scipy does, summed: the formula of AWS's sample."""
    total = np.zeros(SIZE)
    for name, part in parts.items():
        if part.ndim == 3 and name != "input":
            values = part.abs().double().numpy()
            values = (values - values.min()) / (values.max() - values.min())
            for channel in values:
                total += ndimage.zoom(channel, [SIZE[0] / channel.shape[0], SIZE[1] / channel.shape[1]], order=1)
    return torch.from_numpy(total)


def difference(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.double()).abs().max() / other.double().abs().max())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_parts_sum_to_the_logit(name):
    parts = decompose(NETWORKS[name], images(16))
    with torch.no_grad():
        logits = NETWORKS[name](images(16))
    assert torch.equal(parts.targets, logits.argmax(1))
    assert torch.allclose(parts.logits, logits.amax(1))
    assert parts.errors().max() < 1e-5


@pytest.mark.parametrize("name", NETWORKS)
def test_without_the_hidden_bias_of_normalisations_they_do_not(name):
    parts = decompose(NETWORKS[name], images())
    modules = dict(NETWORKS[name].named_modules())
    others = tuple(term for term in parts.layers if not isinstance(modules[term.layer], nn.BatchNorm2d))
    explicit = replace(parts, layers=others)
    assert (explicit.errors().max() > EXACT_ERROR) == any(isinstance(m, nn.BatchNorm2d) for m in modules.values())


@pytest.mark.parametrize("name", NETWORKS)
def test_each_layers_part_is_its_own_whatever_the_batch_is(name):
    batch = images(3)
    parts = decompose(NETWORKS[name], batch)
    for position, image in enumerate(batch):
        expected = by_hand(NETWORKS[name], image)
        found = {"input": parts.input_term, **{term.layer: term.product() for term in parts.layers}}
        assert found.keys() == expected.keys()
        for layer, part in expected.items():
            assert torch.allclose(found[layer][position], part, rtol=1e-4, atol=1e-6), layer


@pytest.mark.parametrize(
    ("drawn", "formula", "tolerance"),
    [(idiap, idiap_by_hand, 1e-5), (gradcam, gradcam_by_hand, 1e-4), (blog, blog_by_hand, 1e-5)],
)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_map_equals_the_formula_that_resizes_every_channel(name, drawn, formula, tolerance):
    batch = images(2)
    maps = drawn(decompose(NETWORKS[name], batch))
    assert maps.shape == (2, *SIZE)
    for image, found in zip(batch, maps, strict=True):
        assert difference(found, formula(by_hand(NETWORKS[name], image))) < tolerance


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_kept_of_a_reduced_decomposition_draws_the_same_map(name):
    parts = decompose(NETWORKS[name], images())
    kept = reduced(parts)
    assert difference(idiap_of(kept), idiap(parts)) < 5e-4
    assert torch.allclose(kept.errors(), parts.errors(), atol=1e-12)
    assert len(kept.levels) <= 6


def test_the_three_maps_are_not_one():
    parts = decompose(NETWORKS["resnet"], images(1))
    maps = [drawn(parts) / drawn(parts).max() for drawn in (idiap, gradcam, blog)]
    assert all(difference(one, other) > 0.01 for one, other in [maps[:2], maps[1:], maps[::2]])


@pytest.mark.parametrize(("name", "left"), [("plain", 0), ("resnet", 0), ("out of order", 0), ("vgg", 0)])
def test_a_folded_network_has_the_same_map_under_the_same_names(name, left):
    network = folded(NETWORKS[name], images())
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == left
    whole, quick = decompose(NETWORKS[name], images()), decompose(network, images())
    assert [term.layer for term in quick.layers] == [term.layer for term in whole.layers]
    assert quick.errors().max() < 1e-5
    assert difference(idiap(quick), idiap(whole)) < 1e-4


class Branching(PlainNet):
    """A network that looks at a convolution's output beside its normalisation."""

    def forward(self, given: Tensor) -> Tensor:
        first = self.conv1(given)
        features = self.pool(torch.relu(self.bn1(first) + first))
        return self.fc(torch.relu(self.bn2(self.conv2(features))).mean((2, 3)))


def test_a_normalisation_stays_whose_input_is_used_elsewhere():
    network = unsettled(Branching())
    quick = folded(network, images())
    assert isinstance(quick.bn1, nn.BatchNorm2d)
    assert isinstance(quick.bn2, nn.Conv2d)
    assert difference(idiap(decompose(quick, images())), idiap(decompose(network, images()))) < 1e-4


def test_simple_fullgrad_is_the_gradients_alone():
    network, image = NETWORKS["plain"], images(1)
    parts = simple(decompose(network, image))
    expected = {
        term.layer: term.product()[0] / term.bias.view(-1, *[1] * (term.gradient.ndim - 2))
        for term in decompose(network, image).layers
    }
    expected["input"] = parts.input_term[0]
    assert difference(idiap(parts)[0], idiap_by_hand(expected)) < 1e-4
    assert parts.errors().max() > EXACT_ERROR


def test_smooth_fullgrad_is_the_mean_of_signed_parts_of_noisy_inputs():
    network, image = NETWORKS["plain"], images(1)
    targets = network(image).argmax(1)
    found = smooth(network, image, targets, generator=torch.Generator().manual_seed(5), samples=4)
    generator = torch.Generator().manual_seed(5)
    deviation = 0.15 * (image.max() - image.min())
    noisy = [image + deviation * torch.randn(image.shape, generator=generator) for _ in range(4)]
    each = [decompose(network, copy, targets) for copy in noisy]
    assert torch.allclose(found.input_term, sum(part.input_term.sum(1, keepdim=True) for part in each) / 4, atol=1e-6)
    for position, term in enumerate(found.layers):
        mean = sum(part.layers[position].product() for part in each) / 4
        assert torch.allclose(term.product(), mean, atol=1e-6)
    assert found.errors().max() < 1e-5  # the mean of sums is the sum of means


ACTIVATIONS = [nn.GELU(), nn.SiLU(), nn.Sigmoid(), nn.Tanh(), nn.ELU(), nn.Hardswish(inplace=True), nn.ReLU6()]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda module: type(module).__name__)
def test_an_activation_that_bends_has_a_bias_of_its_own_for_each_input(activation):
    torch.manual_seed(1)  # the lazy layer draws its weights at the first answer
    network = unsettled(
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), activation, nn.Flatten(), nn.LazyLinear(5))
    )
    network(images())
    parts = decompose(unsettled(network), 10 * images())
    assert [term.layer for term in parts.layers if term.varies] == ["2"]
    assert parts.errors().max() < 1e-4
    without = replace(parts, layers=parts.layers[:2] + parts.layers[3:])
    assert without.errors().max() > EXACT_ERROR


class Attentive(nn.Module):
    """A small vision transformer: patches, layer normalisation, attention, GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, 8)
        self.norm = nn.LayerNorm(16)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.mix = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.head = nn.Linear(16, 5)

    def forward(self, given: Tensor) -> Tensor:
        tokens = self.patches(given).flatten(2).transpose(1, 2)
        normal = self.norm(tokens)
        tokens = tokens + self.attention(normal, normal, normal, need_weights=False)[0]
        return self.head((tokens + self.mix(tokens)).mean(1))


def test_layer_normalisation_and_attention_have_one_too():
    parts = decompose(unsettled(Attentive()), images(size=(32, 32)))
    assert {term.layer for term in parts.layers if term.varies} == {"norm", "attention", "mix.1"}
    assert parts.errors().max() < 1e-4


class ChannelsLast(nn.Module):
    """As in Swin and ConvNeXt: dense layers on images whose channels are last."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.LayerNorm(6)
        self.dense = nn.Linear(6, 5)
        self.bend = nn.GELU()

    def forward(self, given: Tensor) -> Tensor:
        return self.bend(self.dense(self.norm(self.conv(given).movedim(1, -1)))).mean((1, 2))


def test_channels_are_found_where_a_layer_has_them():
    parts = decompose(unsettled(ChannelsLast()), images(2))
    assert {term.layer: tuple(term.gradient.shape) for term in parts.layers} == {
        "conv": (2, 6, *SIZE),
        "norm": (2, 6, *SIZE),
        "dense": (2, 5, *SIZE),
        "bend": (2, 5, *SIZE),
    }
    assert parts.errors().max() < 1e-4


class Functional(PlainNet):
    """An activation that no layer shows."""

    def forward(self, given: Tensor) -> Tensor:
        return self.fc(torch.nn.functional.gelu(self.bn1(self.conv1(given))).mean((2, 3)).repeat(1, 2))


def test_a_bias_that_no_layer_shows_is_found_out_by_the_sum():
    assert decompose(unsettled(Functional()), images()).errors().min() > EXACT_ERROR


class Repeated(PlainNet):
    """A layer that is called twice."""

    def forward(self, given: Tensor) -> Tensor:
        features = torch.relu(self.bn1(self.conv1(given)))
        features = torch.relu(self.bn1(features))
        return self.fc(torch.relu(self.bn2(self.conv2(features))).mean((2, 3)))


def test_a_layer_that_is_called_twice_counts_twice():
    network = unsettled(Repeated())
    parts = decompose(network, images())
    assert [term.layer for term in parts.layers] == ["bn1", "bn1#2", "bn2", "fc"]
    assert parts.errors().max() < 1e-5
    assert difference(idiap(decompose(folded(network, images()), images())), idiap(parts)) < 1e-4


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 5), st.integers(1, 4), st.sampled_from([1e-3, 1.0, 1e3]))
def test_parts_sum_whatever_the_network_is(seed, count, depth, scale):
    torch.manual_seed(seed)
    channels = [3, *torch.randint(1, 9, (depth,)).tolist()]
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.LeakyReLU(0.2, inplace=True)]
    network = unsettled(nn.Sequential(*layers, nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(4 * channels[-1], 3)))
    parts = decompose(network.double(), scale * images(count, seed % 1000, (9, 7)).double())
    assert torch.allclose(parts.sums(), parts.logits, rtol=1e-9, atol=1e-9 * scale)


def test_nothing_of_a_decomposition_takes_gradients_also_of_a_network_whose_weights_do():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.GELU(), nn.Flatten(), nn.Linear(144, 3)).eval()
    parts = decompose(network, torch.rand(2, 3, 8, 8))
    assert not idiap(parts).requires_grad
    assert not any(term.bias.requires_grad or term.gradient.requires_grad for term in parts.layers)
