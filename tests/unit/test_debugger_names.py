"""Names of tensors, held to those that smdebug 1.0.34 gave to the same network: its own list, as it printed it."""

from pathlib import Path

import torch

from tests.kept_tensors import keep
from tests.saliency_networks import ResNet, unsettled

THEIRS = (Path(__file__).parent / "smdebug_names.txt").read_text().split()


def test_every_tensor_that_smdebug_saves_of_a_prediction_has_its_name_here(tmp_path):
    network = unsettled(ResNet(blocks=(1, 1), width=8))
    ours = keep(tmp_path, network, torch.rand(1, 3, 32, 32), kind="raw", include_regex=".*").tensor_names()
    assert "layers.0.0.relu_output_1" in THEIRS  # one module, called twice
    assert set(THEIRS) <= set(ours)
    beside = set(ours) - set(THEIRS)
    # what its stock hook leaves out: gradients, for it saw no backward pass, and running statistics
    assert all(name.startswith("gradient/") or ".running_" in name or ".num_batches" in name for name in beside)
