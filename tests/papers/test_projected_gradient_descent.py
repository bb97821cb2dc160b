"""Madry, Makelov, Schmidt, Tsipras, Vladu: Towards deep learning models resistant to adversarial attacks, ICLR 2018."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import cross_entropy

from service.demo.attack import project, toward_class
from service.demo.digits import load_digits_split
from service.demo.package.code.digits_net import DigitsNet
from service.demo.packaging import PACKAGE_FOLDER
from tests.benchmarks.adversarial_attacks import attacked as attacked_from_its_class

TARGET = 4
EPSILON = 1 / 16
pixels = st.lists(st.floats(0, 1, width=32), min_size=6, max_size=6).map(torch.tensor)
moved = st.lists(st.floats(-3, 3, width=32), min_size=6, max_size=6).map(torch.tensor)


@pytest.fixture(scope="module")
def model():
    net = DigitsNet()
    net.load_state_dict(load_file(PACKAGE_FOLDER / "model.safetensors"))
    return net.eval()


@pytest.fixture(scope="module")
def others():
    """A hundred scans that are no fours."""
    test = load_digits_split().test
    return test.images[test.labels != TARGET][:100]


def attacked(model, images, *, epsilon=EPSILON, steps=20):
    return toward_class(model, images, TARGET, epsilon=epsilon, steps=steps, step_size=epsilon / 4)


def loss_toward_target(model, images):
    with torch.inference_mode():
        return cross_entropy(model(images), torch.full((len(images),), TARGET)).item()


def target_share(model, images):
    with torch.inference_mode():
        return (model(images).argmax(dim=1) == TARGET).double().mean().item()


@given(image=moved, centre=pixels, epsilon=st.floats(0, 1))
def test_a_projection_lies_in_the_ball_and_in_the_box(image, centre, epsilon):
    projected = project(image, centre, epsilon)
    assert ((projected - centre).abs() <= epsilon + 1e-6).all()
    assert ((projected >= 0) & (projected <= 1)).all()


@given(image=moved, centre=pixels, epsilon=st.floats(0, 1))
def test_projecting_twice_is_projecting_once(image, centre, epsilon):
    once = project(image, centre, epsilon)
    assert torch.equal(project(once, centre, epsilon), once)


@given(image=moved, centre=pixels, other=pixels, epsilon=st.floats(0, 1))
def test_no_other_allowed_image_is_nearer_than_the_projection(image, centre, other, epsilon):
    allowed = project(other, centre, epsilon)
    assert torch.dist(project(image, centre, epsilon), image) <= torch.dist(allowed, image) + 1e-5


def test_one_full_step_is_the_fast_gradient_sign_method(model, others):
    images = others[:5].clone().requires_grad_()
    wanted = torch.full((5,), TARGET)
    gradient = torch.autograd.grad(cross_entropy(model(images), wanted, reduction="sum"), images)[0]
    expected = (others[:5] - EPSILON * gradient.sign()).clamp(0, 1)
    once = toward_class(model, others[:5], TARGET, epsilon=EPSILON, steps=1, step_size=EPSILON)
    assert torch.allclose(once, expected, atol=1e-6)


def test_on_a_linear_model_the_best_image_is_reached_exactly():
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, -2.0, 3.0], [0.0, 0.0, 0.0]]))
    image = torch.full((1, 3), 0.5)
    found = toward_class(model, image, 0, epsilon=0.125, steps=9, step_size=0.05)
    assert torch.allclose(found, torch.tensor([[0.625, 0.375, 0.625]]))


def test_the_mean_loss_falls_with_every_five_steps(model, others):
    losses = [loss_toward_target(model, attacked(model, others, steps=steps)) for steps in (0, 5, 10, 15, 20)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.2 * losses[0]


def test_a_larger_ball_holds_more_images_of_the_target(model, others):
    reached = [target_share(model, attacked(model, others, epsilon=epsilon)) for epsilon in (0.01, 0.03, 0.06, 0.12)]
    assert reached == sorted(reached)
    assert reached[-1] > 0.95


def test_many_small_steps_reach_more_than_one_large_step(model, others):
    once = toward_class(model, others, TARGET, epsilon=EPSILON, steps=1, step_size=EPSILON)
    assert target_share(model, attacked(model, others)) > target_share(model, once) + 0.1


def test_random_changes_of_the_same_size_reach_nothing(model, others):
    signs = torch.randint(0, 2, others.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    shaken = project(others + EPSILON * signs, others, EPSILON)
    assert target_share(model, shaken) < 0.05
    assert target_share(model, attacked(model, others)) > 0.6


def test_random_changes_do_not_lower_the_loss_as_the_attack_does(model, others):
    signs = torch.randint(0, 2, others.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    clean = loss_toward_target(model, others)
    gained_at_random = clean - loss_toward_target(model, project(others + EPSILON * signs, others, EPSILON))
    gained_by_attack = clean - loss_toward_target(model, attacked(model, others))
    assert gained_by_attack > 5 * max(gained_at_random, 0.1)


@pytest.mark.parametrize("epsilon", [0.01, 0.06])
def test_without_a_target_an_attack_stays_in_the_ball_and_leaves_the_class(model, others, epsilon):
    with torch.inference_mode():
        classes = model(others).argmax(dim=1)
    chance = torch.Generator().manual_seed(0)
    turned = attacked_from_its_class(model, others, classes.clone(), epsilon=epsilon, generator=chance)
    assert (turned - others).abs().max() <= epsilon + 1e-6
    assert (turned.min() >= 0) & (turned.max() <= 1)
    with torch.inference_mode():
        left = (model(turned).argmax(dim=1) != classes).double().mean()
    assert (left > 0.9) == (epsilon > 0.05)
