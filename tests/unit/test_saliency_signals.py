"""The numbers that stand for an input's decomposition in a comparison of many."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.saliency.signals import SIGNALS, map_entropy, outside_centre, signals_of, smoothed
from tests.saliency_networks import networks


def pictures(count: int = 4) -> Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(11))


def named(network: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    return dict(zip(SIGNALS, signals_of(network, inputs).values.T, strict=True))


@pytest.fixture
def network() -> nn.Module:
    """Logits (x + y + 1, 2x + 4) of a picture of two pixels x, y."""
    dense = nn.Linear(2, 2)
    dense.weight.data = torch.tensor([[1.0, 1.0], [2.0, 0.0]])
    dense.bias.data = torch.tensor([1.0, 4.0])
    return nn.Sequential(nn.Flatten(), dense).eval()


def test_each_signal_is_what_its_name_says(network):
    found = named(network, torch.tensor([[[[3.0, 10.0]]]]))  # logits 14 and 10
    assert found["margin"].item() == pytest.approx(4)
    assert found["confidence"].item() == pytest.approx(1 / (1 + math.exp(-4)))
    assert found["log_input_gradient"].item() == pytest.approx(math.log(math.sqrt(2) / 14))
    assert found["log_bias_attribution"].item() == pytest.approx(math.log(1 / 14))
    assert found["log_bias_to_input"].item() == pytest.approx(math.log(1 / 13))


@pytest.mark.parametrize("name", networks())
def test_a_network_whose_logits_are_doubled_keeps_its_relative_signals(name):
    network = networks()[name]
    twice = copy.deepcopy(network)
    last = [module for module in twice.modules() if isinstance(module, nn.Linear)][-1]
    last.weight.data *= 2
    last.bias.data *= 2
    before, after = named(network, pictures()), named(twice, pictures())
    assert torch.allclose(after["margin"], 2 * before["margin"], rtol=1e-4)
    for signal in ("log_input_gradient", "log_bias_attribution", "log_bias_to_input"):
        assert torch.allclose(after[signal], before[signal], atol=1e-3)


def test_an_input_has_the_same_signals_alone_as_among_others():
    network = networks()["resnet"]
    among, alone = named(network, pictures()), named(network, pictures()[2:3])
    assert all(torch.allclose(among[name][2], alone[name][0], atol=1e-4) for name in SIGNALS)


def test_a_network_without_a_gradient_has_finite_signals_and_nan_stays_nan(network):
    flat = copy.deepcopy(network)
    flat[1].weight.data.zero_()
    assert all(torch.isfinite(value).all() for value in named(flat, torch.ones(1, 1, 1, 2)).values())
    assert torch.isnan(named(network, torch.tensor([[[[math.nan, 1.0]]]]))["margin"]).all()


def test_a_network_of_one_logit_is_refused():
    with pytest.raises(ModelUnsuitable, match="answers with one logit: a margin takes two classes"):
        signals_of(nn.Sequential(nn.Flatten(), nn.Linear(2, 1)).eval(), torch.ones(1, 1, 1, 2))


def test_what_smoothing_changes_is_the_difference_of_two_answers(network):
    inputs = torch.tensor([[[[3.0, 9.0]]]])  # logits 13 and 10; smoothed to 5 and 7, 13 and 14
    assert torch.allclose(smoothed(inputs), torch.tensor([[[[5.0, 7.0]]]]))
    found = named(network, inputs)
    assert found["margin_change_smoothed"].item() == pytest.approx((13 - 14) - (13 - 10))
    energies = [math.log(sum(map(math.exp, logits))) for logits in ((13, 10), (13, 14))]
    assert found["energy_change_smoothed"].item() == pytest.approx(energies[1] - energies[0], rel=1e-5)


def test_an_even_picture_is_smooth_already():
    even = torch.full((2, 3, 7, 5), 0.3)
    assert torch.allclose(smoothed(even), even)


def test_the_share_outside_the_centre_is_that_of_the_mass():
    saliency = torch.zeros(1, 10, 10)
    assert outside_centre(saliency).item() == 0
    saliency[0, 5, 5], saliency[0, 0, 0] = 3, 1
    assert outside_centre(saliency).item() == 0.25


def test_of_an_even_map_it_is_the_area():
    assert outside_centre(torch.ones(1, 200, 300)).item() == pytest.approx(1 - math.pi * 0.16, abs=0.01)


def test_entropy_is_one_where_a_map_is_even_and_none_where_it_is_a_point():
    point = torch.zeros(1, 8, 8)
    assert map_entropy(point).item() == 0
    point[0, 3, 3] = 7
    assert map_entropy(point).item() == 0
    assert map_entropy(torch.full((1, 8, 8), 0.2)).item() == pytest.approx(1)
    assert map_entropy(torch.ones(1, 1, 1)).item() == 0


def test_half_of_an_even_map_has_less_entropy_by_one_bit():
    half = torch.ones(1, 8, 8)
    half[:, :4] = 0
    assert map_entropy(half).item() == pytest.approx(5 / 6)
