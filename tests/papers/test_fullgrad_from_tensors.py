"""Srinivas & Fleuret, NeurIPS 2019, from tensors that were kept: no network, no code of it, no weights but biases.

What a trial gives back must make the same map as the network itself, and the parts must sum to its logit.
"""

import numpy as np
import pytest
import torch
from torch import nn

from monitor_jobs.contract.debug_hook import TensorKind
from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.saliency.decomposing import decompose
from monitor_jobs.saliency.maps import blog, gradcam, idiap
from monitor_jobs.saliency.reduced import idiap_of
from monitor_jobs.tensors.kinds import kept, twin_of
from monitor_jobs.tensors.rebuilding import decomposition_of, reduced_of
from tests.kept_tensors import keep
from tests.saliency_networks import OutOfOrderBlock, PlainNet, ResNet, VggLike, unsettled

BLOG = ".*bn|.*bias|.*downsample|.*ResNet_input|.*image|.*fc_output"


class Curved(nn.Module):
    """Its activations and its normalisation have a bias that depends on the input, and one is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.gelu = nn.GELU()
        self.norm = nn.GroupNorm(2, 8)
        self.fc = nn.Linear(8, 5)

    def forward(self, images):
        return self.fc(self.gelu(self.norm(self.gelu(self.conv(images)))).mean((2, 3)))


class WithoutAffine(nn.Sequential):
    """A normalisation that has statistics and nothing else."""

    def __init__(self) -> None:
        body = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, affine=False, eps=0.1), nn.ReLU(inplace=True)]
        super().__init__(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))


NETWORKS = {
    "plain": PlainNet,
    "vgg-like": VggLike,
    "resnet": lambda: ResNet(blocks=(2, 2), width=16),
    "out of order": lambda: ResNet(blocks=(2, 2), width=16, block=OutOfOrderBlock),
    "curved": Curved,
    "without affine": WithoutAffine,
}


def network_of(name: str) -> nn.Module:
    torch.manual_seed(1)
    return unsettled(NETWORKS[name]())


def images(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", NETWORKS)
def test_raw_tensors_make_the_map_that_the_network_makes_and_sum_to_its_logit(tmp_path, name):
    network, inputs = network_of(name), images()
    rebuilt = decomposition_of(keep(tmp_path, network, inputs, kind="raw", include_regex=".*"), 0)
    parts = decompose(network, inputs)
    for drawn in (idiap, gradcam, blog):
        assert torch.allclose(drawn(rebuilt), drawn(parts), rtol=0, atol=1e-6 * float(drawn(parts).abs().max()))
    assert float(rebuilt.errors().max()) < 1e-5
    assert [term.layer for term in rebuilt.layers] == [term.layer for term in parts.layers]


@pytest.mark.parametrize("name", NETWORKS)
def test_so_do_reduced_ones_within_what_float16_holds(tmp_path, name):
    network, inputs = network_of(name), images()
    left = reduced_of(keep(tmp_path, network, inputs, kind="reduced"), 0)
    expected = idiap(decompose(network, inputs))
    assert float(((idiap_of(left) - expected).abs().amax((1, 2)) / expected.amax((1, 2))).max()) < 5e-4
    assert float(left.errors().max()) < 1e-5


def test_the_samples_regex_keeps_what_its_notebook_reads_and_what_its_own_hook_had_to_add(tmp_path):
    network = network_of("resnet")
    trial = keep(tmp_path, network, images(1), kind="raw", include_regex=BLOG)
    names = set(trial.tensor_names())
    assert {
        "ResNet_input_0",
        "gradient/image",
        "fc_output_0",
        "ResNet_bn1.weight",
        "ResNet_bn1.bias",
        "bn1.running_mean_output_0",
        "bn1.running_var_output_0",
        "bn1_output_0",
        "gradient/bn1_output",
        "gradient/ResNet_bn1.bias",
        "layers.1.0.downsample.1_output_0",
    } <= names
    assert not [name for name in names if "relu" in name]
    assert trial.facts.layers["bn1"].epsilon == 1e-5
    # the sample zips the biases that its regex finds, those of gradients among them, with the gradients, and that
    # only works because names are sorted, and parameters come before gradients
    assert trial.tensor_names(regex="bias")[0] == "ResNet_bn1.bias"
    assert trial.tensor_names(regex="bias")[-1].startswith("gradient/")


def test_leaving_epsilon_out_as_the_sample_does_leaves_more_of_the_logit_unexplained(tmp_path):
    network = network_of("plain")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.mul_(1e-4)  # where it matters
    trial = keep(tmp_path, network, images(), kind="raw", include_regex=".*")
    right = float(decomposition_of(trial, 0).errors().max())
    forgotten = {name: facts.model_copy(update={"epsilon": 0.0}) for name, facts in trial.facts.layers.items()}
    trial._load.facts = trial.facts.model_copy(update={"layers": forgotten})
    assert float(decomposition_of(trial, 0).errors().max()) > 100 * right


def test_gradients_of_parameters_are_those_of_the_summed_logits(tmp_path):
    network, inputs = network_of("vgg-like"), images(2)
    trial = keep(tmp_path, network, inputs, kind="raw", include_regex="gradient/VggLike")
    copy = network_of("vgg-like").requires_grad_()
    copy(inputs).amax(1).sum().backward()
    for path, parameter in copy.named_parameters():
        kept_one = trial.tensor(f"gradient/VggLike_{path}").value(0)
        np.testing.assert_allclose(kept_one, parameter.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_what_a_residual_sum_hands_to_both_of_its_ways_is_kept_once(tmp_path):
    trial = keep(tmp_path, network_of("resnet"), images(1), kind="raw", include_regex="gradient/")
    same = trial.facts_of(0).same_as
    assert "gradient/layers.1.0.bn2_output" in {*same, *same.values()}
    for name, holder in same.items():
        assert np.array_equal(trial.tensor(name).value(0), trial.tensor(holder).value(0))


def test_a_map_is_refused_where_a_tensor_that_it_needs_does_not_match(tmp_path):
    trial = keep(tmp_path, network_of("plain"), images(1), kind="raw", include_regex="_input,/image")
    with pytest.raises(ModelUnsuitable, match=r"'gradient/bn1_output'.*was not kept; include_regex is _input, /image"):
        decomposition_of(trial, 0)


def test_replay_keeps_the_input_bit_by_bit(tmp_path):
    inputs = images(2)
    trial = keep(tmp_path, network_of("plain"), inputs, kind="replay")
    assert trial.tensor_names() == ["PlainNet_input_0"]
    assert np.array_equal(trial.tensor("PlainNet_input_0").value(0), inputs.numpy())
    assert trial.facts.kind is TensorKind.REPLAY


def test_taking_gradients_of_the_twin_leaves_the_served_network_as_it_was():
    network, inputs = network_of("resnet"), images(1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    flags = [parameter.requires_grad for parameter in network.parameters()]
    twin = twin_of(network, lambda _: True)
    kept(TensorKind.RAW, twin, inputs, torch.zeros(1, dtype=torch.int64), lambda _: True)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert [parameter.requires_grad for parameter in network.parameters()] == flags
    assert all(
        one.data_ptr() == other.data_ptr() for one, other in zip(network.parameters(), twin.parameters(), strict=True)
    )
    assert not any(module._forward_hooks for module in network.modules())
