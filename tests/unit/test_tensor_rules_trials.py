"""Rules over trials: of kept tensors of every kind, of early files without classes, and of Debugger's own."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from monitor_jobs.object_store.folder import FolderStore
from monitor_jobs.tensor_rules import check_trial
from monitor_jobs.tensor_rules.parameters import Rules
from monitor_jobs.tensors import create_trial
from tests.kept_tensors import OUTPUT, keep, kept_folder

DEBUGGER_RUN = Path(__file__).parent / "smdebug_run"
INPUTS = torch.rand(40, 3, 8, 8, generator=torch.Generator().manual_seed(1))


class Logarithm(nn.Module):
    """Not a number below zero."""

    def forward(self, values: Tensor) -> Tensor:
        return torch.log(values)


def network(*last: nn.Module) -> nn.Sequential:
    torch.manual_seed(4)
    layers = (nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Sigmoid(), nn.Flatten(), nn.Linear(8 * 36, 4))
    return nn.Sequential(*layers, *last).eval()


def broken() -> nn.Sequential:
    """A convolution whose ReLU never answers, and answers that are no numbers."""
    made = network(Logarithm())
    with torch.no_grad():
        made[0].bias.fill_(-100)
        made[4].weight.fill_(-1)
    return made


def test_hook_json_says_the_class_of_each_module(tmp_path):
    trial = keep(tmp_path, network(), INPUTS, kind="raw", include_regex=".*")
    assert list(trial.facts.modules.items())[:3] == [("0", "Conv2d"), ("1", "ReLU"), ("2", "Sigmoid")]


def test_a_healthy_network_raises_nothing(tmp_path):
    verdict = check_trial(keep(tmp_path, network(), INPUTS, kind="raw", include_regex=".*"))
    assert (verdict.violations, verdict.remark) == ((), "")


def test_a_layer_is_found_dead_by_its_class_whatever_it_is_called(tmp_path):
    verdict = check_trial(keep(tmp_path, broken(), INPUTS, kind="raw", include_regex=".*"))
    (dead,) = (row for row in verdict.violations if row.constraint_check_type == "dead_relu_check")
    assert (dead.feature_name, dead.description.split(":")[1].strip()[:21]) == ("1_output_0", "8 of 8 units are dead")
    exploding = [row for row in verdict.violations if row.constraint_check_type == "exploding_tensor_check"]
    assert exploding[0].feature_name == "5_output_0"
    assert exploding[0].offending_records[0].event_id == "event-0"


@pytest.mark.parametrize("kind", ["reduced", "replay"])
def test_what_holds_no_activations_is_looked_at_for_numbers_and_says_what_it_cannot_tell(tmp_path, kind):
    verdict = check_trial(keep(tmp_path, broken(), INPUTS, kind=kind))
    assert {row.constraint_check_type for row in verdict.violations} == {"exploding_tensor_check"}
    assert "scores" in {row.feature_name for row in verdict.violations}
    assert f"DeadRelu found no output of a ReLU in 1 steps, of which kind {kind} is kept" in verdict.remark


def test_hook_files_without_classes_are_read_and_names_are_all_there_is(tmp_path):
    trial = keep(tmp_path, broken(), INPUTS, kind="raw", include_regex=".*")
    (path,) = kept_folder(tmp_path).rglob("hook.json")
    early = json.loads(path.read_text())
    del early["modules"]
    path.write_text(json.dumps(early))
    trial = create_trial(OUTPUT, FolderStore(tmp_path / "data"))
    verdict = check_trial(trial, Rules(DeadRelu={}))
    assert verdict.remark.startswith("No verdict: DeadRelu found no output of a ReLU in 1 steps")
    assert check_trial(trial, Rules(DeadRelu={"tensor_regex": "^1_output"})).violations


def test_what_debuggers_own_hook_left_is_judged_by_names():
    trial = create_trial(DEBUGGER_RUN)
    assert not trial.says_of_requests
    verdict = check_trial(trial, Rules(ExplodingTensor={}, AllZero={"tensor_regex": ".*"}))
    assert verdict.statistics.dataset.item_count == len(trial.steps())
    looked_at = {one.name: one.value for one in verdict.measurements if one.name.endswith("looked_at")}
    assert looked_at["exploding_tensor_looked_at"] == len(trial.tensor_names())
