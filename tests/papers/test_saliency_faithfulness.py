"""What maps are held to: pixel perturbation, deletion and insertion, and weights that have forgotten what they learnt.

Srinivas & Fleuret, NeurIPS 2019; Petsiuk, Das & Saenko (RISE), BMVC 2018; Adebayo et al., Sanity checks for saliency
maps, NeurIPS 2018. On the demo's network and digits that it has not seen; traffic signs and other methods are measured
by tests/benchmarks/saliency_curves.py.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from scipy.stats import spearmanr
from torch import nn

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.saliency.decomposing import decompose
from service.demo.digits import load_digits_split
from service.demo.package.code.digits_net import DigitsNet
from service.demo.packaging import PACKAGE_FOLDER
from tests.benchmarks.saliency_measures import (
    SHARES,
    area,
    cascade,
    changes_by_the_least_salient,
    curve,
    exchanged,
    grey,
    mean_of,
    places,
    rank_correlation,
)
from tests.benchmarks.saliency_methods import CHANCE, FULLGRAD, METHODS, magnitude

STAGES = (("classifier",), ("block3",), ("block2",), ("block1",), ("stem",))
COUNT = 60
OURS = [name for name in METHODS if "FullGrad" in name and "Smooth" not in name]  # a mean of 25 takes 25 times as long
TENTH = SHARES.index(0.1)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def network():
    net = DigitsNet()
    net.load_state_dict(load_file(PACKAGE_FOLDER / "model.safetensors"))
    return net.eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="module")
def images():
    return load_digits_split().test.images[:COUNT]


@pytest.fixture(scope="module")
def classes(network, images):
    return network(images).argmax(1)


@pytest.fixture(scope="module")
def orders(network, images, classes):
    """Places of pixels by method, and by FullGrad upside down."""
    maps = {name: METHODS[name](network, images, classes) for name in (*OURS, CHANCE)}
    maps["upside down"] = -maps[FULLGRAD]
    return {name: places(each, generator=chance()) for name, each in maps.items()}


@pytest.fixture(scope="module")
def perturbed(network, images, classes, orders):
    """How much the logit changes where a tenth of the pixels, the least salient by each method, is gone."""
    found = {name: curve(network, grey(images), images, order, classes).logits for name, order in orders.items()}
    return {name: changes_by_the_least_salient(logits)[TENTH] for name, logits in found.items()}


@pytest.mark.parametrize("name", OURS)
def test_pixels_that_fullgrad_says_matter_least_change_the_logit_less_than_others_do(perturbed, name):
    gained = mean_of(perturbed[CHANCE] - perturbed[name])
    assert gained.value - gained.reach > 0


def test_a_map_upside_down_would_be_found_out(perturbed):
    gained = mean_of(perturbed[CHANCE] - perturbed["upside down"])
    assert gained.value + gained.reach < 0


def test_what_fullgrad_says_matters_most_is_missed_sooner_and_enough_sooner(network, images, classes, orders):
    without = grey(images)
    for worse, better in ((CHANCE, FULLGRAD), ("upside down", CHANCE)):
        deleted, inserted = (
            {name: area(curve(network, *pair, orders[name], classes).confidences) for name in (worse, better)}
            for pair in ((images, without), (without, images))
        )
        lost, won = mean_of(deleted[worse] - deleted[better]), mean_of(inserted[better] - inserted[worse])
        assert lost.value - lost.reach > 0
        assert won.value - won.reach > 0


@pytest.mark.parametrize("name", OURS)
def test_a_map_looks_less_like_itself_the_more_layers_forget(network, images, classes, name):
    before = METHODS[name](network, images[:20], classes[:20])
    alike = [
        rank_correlation(METHODS[name](forgetful, images[:20], classes[:20]), before).mean()
        for forgetful in cascade(network, STAGES, generator=chance())
    ]
    assert alike[-1] < min(alike[0], 0.6)


def test_a_map_that_does_not_look_at_the_network_would_be_found_out(network, images, classes):
    before = METHODS["centre"](network, images, classes)
    *_, forgetful = cascade(network, STAGES, generator=chance())
    assert rank_correlation(METHODS["centre"](forgetful, images, classes), before) == pytest.approx(np.ones(COUNT))


def test_a_cascade_leaves_the_network_and_every_layer_below_as_they_were(network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first, *_ = cascade(network, STAGES, generator=chance())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    changed = {name.split(".")[0] for name, value in first.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"classifier"}


def test_what_is_forgotten_is_shuffled_not_rescaled(network):
    *_, last = cascade(network, STAGES, generator=chance())
    for name, value in last.state_dict().items():
        assert torch.equal(value.flatten().sort().values, network.state_dict()[name].flatten().sort().values)


def test_a_linear_networks_curves_are_those_by_hand():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    network[1].weight.data = torch.tensor([[4.0, 3.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    image, asked = torch.ones(1, 1, 2, 2), torch.zeros(1, dtype=torch.int64)
    order = places(magnitude(decompose(network, image).input_term), generator=chance())
    found = curve(network, image, grey(image), order, asked)
    by_share = dict(zip(SHARES, found.logits[:, 0].tolist(), strict=True))
    assert [by_share[share] for share in (0.0, 0.3, 0.5, 0.7, 1.0)] == [10, 6, 3, 1, 0]
    assert found.confidences[0, 0] == pytest.approx(1 / (1 + math.exp(-10)))
    changes = changes_by_the_least_salient(curve(network, grey(image), image, order, asked).logits)
    assert dict(zip(SHARES, changes[:, 0].tolist(), strict=True))[0.5] == pytest.approx(0.3)


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=12), st.integers(0, 99))
def test_places_are_each_taken_once_and_fall_with_saliency(values, seed):
    found = places(torch.tensor(values).view(1, 1, -1), generator=chance(seed))[0, 0]
    assert sorted(found.tolist()) == list(range(len(values)))
    by_place = torch.tensor(values)[found.argsort()]
    assert (by_place[:-1] >= by_place[1:]).all()


def test_pixels_alike_are_ordered_by_lot():
    even = torch.zeros(1, 8, 8)
    assert not torch.equal(places(even, generator=chance(1)), places(even, generator=chance(2)))
    assert torch.equal(places(even, generator=chance(1)), places(even, generator=chance(1)))


def test_a_map_with_nan_is_refused():
    maps = torch.zeros(3, 4, 4)
    maps[1, 2, 2] = torch.nan
    with pytest.raises(BadInput, match="map 1 of 3 is not finite"):
        places(maps, generator=chance())


def test_nothing_and_everything_are_exchanged_at_the_ends(images):
    order = places(images[:, 0], generator=chance())
    assert torch.equal(exchanged(images, grey(images), order, 0.0), images)
    assert torch.equal(exchanged(images, grey(images), order, 1.0), grey(images))


def test_rank_correlation_is_spearmans_and_0_of_an_even_map():
    maps, others = torch.rand(2, 3, 5, 6, generator=chance()).round(decimals=1)
    others[2] = 0.5
    expected = [spearmanr(maps[at].flatten(), others[at].flatten()).statistic for at in range(2)]
    assert rank_correlation(maps, others) == pytest.approx([*expected, 0])


def test_the_area_below_a_line_and_the_interval_of_a_mean_are_those_known():
    assert area(np.array(SHARES)[:, None]) == pytest.approx([0.5])
    assert area(np.ones((len(SHARES), 2))) == pytest.approx([1, 1])
    found = mean_of(np.array([1.0, 2.0, 3.0]))
    assert (found.value, found.reach) == pytest.approx((2, 1.96 / math.sqrt(3)))
    assert math.isnan(mean_of(np.ones(1)).reach)
