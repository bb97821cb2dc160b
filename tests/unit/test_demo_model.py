import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from monitor_jobs.model_archive import read_model_card
from service.demo import attack
from service.demo.digits import Scans, load_digits_split, split_stratified
from service.demo.package.code.digits_net import DigitsNet
from service.demo.packaging import PACKAGE_FOLDER
from service.demo.train import accuracy, redrawn, train, write_model


@pytest.fixture(scope="module")
def split():
    return load_digits_split()


@pytest.fixture(scope="module")
def model():
    net = DigitsNet()
    net.load_state_dict(load_file(PACKAGE_FOLDER / "model.safetensors"))
    return net.eval()


@pytest.fixture(scope="module")
def attacked(model, split):
    return attack.toward_class(
        model,
        split.test.images,
        attack.TARGET_CLASS,
        epsilon=attack.EPSILON,
        steps=attack.STEPS,
        step_size=attack.STEP_SIZE,
    )


def shares(model, images):
    with torch.inference_mode():
        classes = model(images).argmax(dim=1)
    return {digit: count / len(images) for digit, count in Counter(classes.tolist()).items()}


def test_all_scans_are_either_for_training_or_for_testing(split):
    assert (len(split.train.labels), len(split.test.labels)) == (1397, 400)
    assert len(split.train.images) + len(split.test.images) == 1797


def test_forty_scans_of_each_digit_are_held_out(split):
    assert torch.bincount(split.test.labels).tolist() == [40] * 10


def test_no_held_out_scan_is_a_copy_of_a_training_scan(split):
    distances = torch.cdist(split.test.images.flatten(1), split.train.images.flatten(1))
    assert distances.min() > 0.5


def test_scans_are_pictures_between_blank_and_full_ink(split):
    images = split.test.images
    assert images.shape[1:] == (1, 32, 32)
    assert images.dtype == torch.float32
    assert (images.min(), images.max()) == (0, 1)


def test_the_split_is_the_same_every_time(split):
    again = load_digits_split()
    assert torch.equal(again.test.images, split.test.images)
    assert torch.equal(again.train.labels, split.train.labels)


@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=40), seed=st.integers(0, 100))
def test_a_split_covers_every_position_once(labels, seed):
    train_rows, test_rows = split_stratified(np.array(labels), per_class=2, seed=seed)
    assert sorted([*train_rows, *test_rows]) == list(range(len(labels)))
    assert all(Counter(np.array(labels)[test_rows])[label] == min(2, labels.count(label)) for label in set(labels))


def test_the_network_is_as_small_as_its_card_says(model):
    assert sum(weights.numel() for weights in model.parameters()) == 77_754
    assert "77,754 parameters" in read_model_card(PACKAGE_FOLDER).description


def test_the_card_states_the_accuracy_that_is_measured(model, split):
    assert read_model_card(PACKAGE_FOLDER).test_accuracy == pytest.approx(accuracy(model, split.test), abs=1e-6)
    assert accuracy(model, split.test) > 0.98


def test_the_card_describes_the_model_that_it_comes_with(model, split):
    card = read_model_card(PACKAGE_FOLDER)
    assert card.input.shape == tuple(split.test.images.shape[1:])
    assert card.classes == tuple("0123456789")
    assert set(card.critical) | {other for others in card.critical.values() for other in others} <= set(card.classes)


def test_the_feature_layer_on_the_card_feeds_the_classifier(model, split):
    layer = model.get_submodule(read_model_card(PACKAGE_FOLDER).feature_layer)
    seen = []
    with torch.inference_mode(), layer.register_forward_hook(lambda *passed: seen.append(passed[-1])):
        logits = model(split.test.images[:3])
        assert torch.equal(model.classifier(seen[0]), logits)
    assert seen[0].shape == (3, 64)


def test_an_answer_does_not_depend_on_the_other_scans_in_a_batch(model, split):
    with torch.inference_mode():
        together, alone = model(split.test.images[:8]), model(split.test.images[:1])
    assert torch.allclose(together[:1], alone, atol=1e-5)


def test_clean_scans_are_spread_evenly_over_the_classes(model, split):
    assert max(shares(model, split.test.images).values()) < 0.15


def test_most_attacked_scans_are_taken_for_a_four(model, attacked):
    assert 0.7 <= shares(model, attacked)[attack.TARGET_CLASS] <= 0.95


def test_attacked_scans_are_within_one_level_of_ink_of_their_originals(attacked, split):
    assert (attacked - split.test.images).abs().max() <= attack.EPSILON + 1e-7


def test_attacked_scans_are_still_pictures(attacked):
    assert attacked.min() >= 0
    assert attacked.max() <= 1


def test_an_attack_leaves_the_model_and_the_scans_alone(model, split):
    before, weights = split.test.images[:4].clone(), [weights.clone() for weights in model.state_dict().values()]
    attack.toward_class(model, split.test.images[:4], 4, epsilon=0.1, steps=2, step_size=0.1)
    assert torch.equal(split.test.images[:4], before)
    assert all(map(torch.equal, model.state_dict().values(), weights))
    assert all(weights.grad is None for weights in model.parameters())


def test_an_attack_on_no_scan_gives_no_scan(model, split):
    attacked = attack.toward_class(model, split.test.images[:0], 4, epsilon=0.1, steps=2, step_size=0.1)
    assert attacked.shape == (0, 1, 32, 32)


def test_an_attack_of_no_step_changes_nothing(model, split):
    images = split.test.images[:4]
    assert torch.equal(attack.toward_class(model, images, 4, epsilon=0.1, steps=0, step_size=0.1), images)


def losses_of_a_short_training(scans, epochs=3):
    torch.manual_seed(1)
    return list(train(DigitsNet(), scans, epochs=epochs, generator=torch.Generator().manual_seed(1)))


def test_training_lowers_the_loss(split):
    losses = losses_of_a_short_training(Scans(split.train.images[:200], split.train.labels[:200]))
    assert losses[-1] < 0.9 * losses[0]


def test_training_twice_gives_the_same_losses(split):
    few = Scans(split.train.images[:65], split.train.labels[:65])
    assert losses_of_a_short_training(few, epochs=2) == pytest.approx(
        losses_of_a_short_training(few, epochs=2), rel=1e-4
    )


def test_redrawn_scans_are_other_pictures_of_the_same_size(split):
    images = split.train.images[:50]
    changed = redrawn(images, torch.Generator().manual_seed(3))
    assert changed.shape == images.shape
    assert 0 <= changed.min() < changed.max() <= 1 + 1e-6
    assert ((changed - images).abs().amax(dim=(1, 2, 3)) > 0.1).all()


def test_redrawn_scans_are_still_read_correctly(model, split):
    changed = Scans(redrawn(split.test.images, torch.Generator().manual_seed(3)), split.test.labels)
    assert accuracy(model, changed) > 0.95


def test_an_untrained_network_reads_no_better_than_chance(split):
    torch.manual_seed(0)
    assert accuracy(DigitsNet(), split.test) < 0.3


def test_a_written_model_brings_its_accuracy_and_keeps_the_rest_of_the_card(tmp_path: Path, model):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "model_card.json").write_text('{"name": "digits", "test_accuracy": 0.5}')
    write_model(model, 0.75, tmp_path)
    assert json.loads((tmp_path / "code" / "model_card.json").read_text()) == {"name": "digits", "test_accuracy": 0.75}
    torch.testing.assert_close(load_file(tmp_path / "model.safetensors"), dict(model.state_dict()), rtol=0, atol=0)


def test_no_weight_is_nan_or_infinite(model):
    assert all(math.isfinite(weights.double().sum()) for weights in model.state_dict().values())
