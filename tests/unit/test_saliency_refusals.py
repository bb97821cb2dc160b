"""What cannot be taken apart is refused by name, and what can be leaves the network as it was."""

import copy

import pytest
import torch
from torch import Tensor, nn

from monitor_jobs.contract.errors import BadInput, ModelUnsuitable
from monitor_jobs.saliency.decomposing import decompose
from monitor_jobs.saliency.folding import folded
from monitor_jobs.saliency.maps import blog, gradcam, idiap
from tests.saliency_networks import PlainNet, ResNet, unsettled

IMAGES = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(1))


NETWORK = unsettled(PlainNet(classes=4))


def network() -> nn.Module:
    return copy.deepcopy(NETWORK)


@pytest.mark.parametrize("shape", [(3, 12, 12), (0, 3, 12, 12), (2, 3, 12), ()])
def test_inputs_that_are_no_batch_of_images_are_refused(shape):
    with pytest.raises(BadInput, match=r"inputs are \[N, C, H, W\] with N > 0, not"):
        decompose(network(), torch.zeros(shape))


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (torch.tensor([0, 4]), "target 4 is no class of 0 to 3"),
        (torch.tensor([-1, 0]), "target -1 is no class"),
        (torch.tensor([1]), "targets are 2 integers"),
        (torch.tensor([[1], [2]]), "targets are 2 integers"),
        (torch.tensor([1.0, 2.0]), "targets are 2 integers, not torch.float32"),
    ],
)
def test_targets_that_are_no_classes_are_refused(targets, message):
    with pytest.raises(BadInput, match=message):
        decompose(network(), IMAGES, targets)


def test_a_target_may_be_any_class():
    parts = decompose(network(), IMAGES, torch.tensor([3, 0], dtype=torch.uint8))
    assert torch.allclose(parts.logits, network()(IMAGES)[[0, 1], [3, 0]])
    assert parts.errors().max() < 1e-4


@pytest.mark.parametrize("layer", ["bn1", "bn2"])
def test_a_layer_in_training_mode_is_refused_by_name(layer):
    training = network()
    training.get_submodule(layer).train()
    with pytest.raises(ModelUnsuitable, match=rf"layer {layer} \(BatchNorm2d\) is in training mode"):
        decompose(training, IMAGES)


def test_a_normalisation_without_statistics_is_refused():
    mixing = network()
    mixing.bn1 = nn.BatchNorm2d(16, track_running_stats=False).eval()
    with pytest.raises(ModelUnsuitable, match="without running statistics"):
        decompose(mixing, IMAGES)


def test_a_normalisation_without_weights_has_its_hidden_bias():
    plain = network()
    plain.bn1 = nn.BatchNorm2d(16, affine=False).eval()
    plain.bn1.running_mean.normal_()
    parts = decompose(plain, IMAGES)
    assert "bn1" in [term.layer for term in parts.layers]
    assert parts.errors().max() < 1e-4


class Answering(nn.Module):
    """Answers with what it is given."""

    def __init__(self, answer) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, given: Tensor) -> object:
        return self.answer(given)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda given: {"logits": given.sum((2, 3))}, "answers with dict: logits are one tensor"),
        (lambda given: given, r"answers 2 inputs with \[2, 3, 12, 12\], not \[2, classes\]"),
        (lambda given: given.sum((2, 3))[:1], r"answers 2 inputs with \[1, 3\]"),
        (lambda given: given.detach().sum((2, 3)), "has no gradient at its input: does it run under no_grad"),
        (lambda given: torch.ones(len(given), 3), "has no gradient at its input"),
    ],
)
def test_answers_that_are_no_logits_are_refused(answer, message):
    with pytest.raises(ModelUnsuitable, match=message):
        decompose(Answering(answer), IMAGES)


class Undifferentiable(nn.Module):
    """An activation with a backward of its own, and none forwards."""

    class Function(torch.autograd.Function):
        """Squares."""

        @staticmethod
        def forward(context, given):
            context.save_for_backward(given)
            return given**2

        @staticmethod
        def backward(context, gradient):
            return 2 * context.saved_tensors[0] * gradient

    def forward(self, given: Tensor) -> Tensor:
        return self.Function.apply(given)


def test_a_layer_whose_bias_cannot_be_found_is_refused_by_name():
    strange = nn.Sequential(nn.Conv2d(3, 4, 3), Undifferentiable(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(
        ModelUnsuitable, match=r"layer 1 \(Undifferentiable\): what it adds to its input cannot be found"
    ):
        decompose(strange.eval(), IMAGES)


def test_the_network_is_left_as_it_was():
    used = unsettled(ResNet(blocks=(1,), width=8))
    before = {name: value.clone() for name, value in used.state_dict().items()}
    folded(used, IMAGES)
    decompose(used, IMAGES)
    with pytest.raises(BadInput):
        decompose(used, IMAGES, torch.tensor([99, 99]))
    assert all(torch.equal(value, before[name]) for name, value in used.state_dict().items())
    assert all(parameter.grad is None for parameter in used.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in used.modules())
    assert IMAGES.grad is None
    assert not IMAGES.requires_grad


def test_it_works_where_gradients_are_turned_off():
    with torch.no_grad():
        assert decompose(network(), IMAGES).errors().max() < 1e-4


@pytest.mark.parametrize("drawn", [idiap, gradcam, blog])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_map_of_an_image_of_one_colour_is_finite(drawn, value):
    maps = drawn(decompose(network(), torch.full((1, 3, 12, 12), value)))
    assert maps.isfinite().all()
    assert maps.min() >= -1e-6


@pytest.mark.parametrize("drawn", [idiap, gradcam, blog])
def test_a_layer_without_a_gradient_is_nowhere_on_a_map(drawn):
    dead = network()
    dead.fc.weight.data.zero_()
    parts = decompose(dead, IMAGES)
    assert torch.equal(drawn(parts), torch.zeros(2, 12, 12))
    assert parts.errors().max() < 1e-6  # the last bias is the logit


def test_nan_in_an_image_is_nan_in_its_own_map_only():
    images = IMAGES.clone()
    images[0, 0, 0, 0] = torch.nan
    parts = decompose(network(), images)
    assert not parts.errors()[0] <= 1
    assert parts.errors()[1] < 1e-4
    assert torch.allclose(idiap(parts)[1], idiap(decompose(network(), IMAGES))[1])


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 3)])
def test_images_of_any_size_have_maps_of_their_size(size):
    small = unsettled(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    for drawn in (idiap, gradcam, blog):
        assert drawn(decompose(small, torch.rand(3, 3, *size))).shape == (3, *size)


def test_a_network_whose_normalisations_change_its_answer_is_not_folded():
    class Counting(PlainNet):
        def forward(self, given: Tensor) -> Tensor:
            return super().forward(given) * (2 if isinstance(self.bn1, nn.BatchNorm2d) else 1)

    with pytest.raises(ModelUnsuitable, match="cannot be folded: it answers otherwise without them"):
        folded(unsettled(Counting()), IMAGES)
