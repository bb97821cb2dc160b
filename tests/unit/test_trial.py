"""A trial as users of smdebug know it, over a store and over a folder that was staged from one."""

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from monitor_jobs.contract.debug_hook import Collection, SaveSteps, TensorKind
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.tensor_files import (
    END_FILE,
    HOOK_FILE,
    NAMES_FOLDER,
    PARAMETERS_FOLDER,
    LoadFacts,
    ModeKeys,
    StepFacts,
    load_name,
    step_path,
)
from monitor_jobs.object_store import ObjectMissing, S3Address
from monitor_jobs.object_store.folder import FolderStore
from monitor_jobs.tensors import create_trial
from monitor_jobs.tensors.step_file import names_digest, packed
from monitor_jobs.tensors.trial import StepState
from monitor_jobs.tensors.unavailable import (
    NoMoreData,
    StepNotYetAvailable,
    StepUnavailable,
    TensorUnavailable,
    TensorUnavailableForStep,
)
from tests.unit.capture_io_files import NOON

VARIANT = S3Address("bucket", "tensors/signs/AllTraffic")
WEIGHT = np.arange(3, dtype=np.float32)


class Written:
    """A load, written step by step."""

    def __init__(self, folder: Path, *, minutes: int = 0) -> None:
        self.folder = folder
        self.store = FolderStore(folder)
        started = NOON + timedelta(minutes=minutes)
        self.load = VARIANT.joined(load_name(started, "0" * 8))
        facts = LoadFacts(
            endpoint="signs",
            variant="AllTraffic",
            model_name="signs",
            model_data_url="s3://bucket/model.tar.gz",
            model_sha256="0",
            started_at=started,
            kind=TensorKind.RAW,
            network="ResNet",
            collections=(Collection(name="bn", patterns=("bn",), steps=SaveSteps()),),
            parameters="p.safetensors.zst",
        )
        self.store.put(VARIANT.joined(PARAMETERS_FOLDER, "p.safetensors.zst"), packed({"ResNet_bn1.weight": WEIGHT}))
        self.store.put(self.load.joined(HOOK_FILE), facts.model_dump_json().encode())

    def step(self, number: int, **arrays: np.ndarray) -> None:
        names = sorted(arrays)
        facts = StepFacts(event_id=f"event-{number}", answered_at=NOON, scores=((1.0,),), targets=(0,))
        digest = names_digest(names)
        self.store.put(self.load.joined(NAMES_FOLDER, f"{digest}.json"), json.dumps(names).encode())
        body = packed(arrays, facts.model_dump_json())
        self.store.put(self.load.joined(step_path(NOON, number, digest)), body)

    def end(self) -> None:
        self.store.put(self.load.joined(END_FILE), b"{}")


@pytest.fixture
def written(tmp_path):
    written = Written(tmp_path)
    written.step(0, bn1_output_0=np.ones((1, 2)), fc_output_0=np.zeros((1, 3)))
    written.step(5, bn1_output_0=np.full((1, 2), 5.0))
    return written


@pytest.fixture(params=["store", "folder"])
def trial(request, written):
    if request.param == "store":
        return create_trial(str(VARIANT), written.store)
    return create_trial(written.folder / "store" / "bucket" / "tensors")


def test_steps_modes_workers_and_collections(trial):
    assert trial.steps() == trial.steps(mode=ModeKeys.PREDICT, show_incomplete_steps=True) == [0, 5]
    assert trial.steps(mode=ModeKeys.TRAIN) == []
    assert trial.modes() == {ModeKeys.PREDICT}
    assert trial.workers() == ["worker_0"]
    assert list(trial.collections()) == ["bn"]


def test_names_of_tensors_are_sorted_and_asked_for_by_step_regex_or_collection(trial):
    assert trial.tensor_names() == ["ResNet_bn1.weight", "bn1_output_0", "fc_output_0"]
    assert trial.tensor_names(step=5) == ["ResNet_bn1.weight", "bn1_output_0"]
    assert trial.tensor_names(regex="output") == ["bn1_output_0", "fc_output_0"]
    assert trial.tensor_names(regex=["^fc", "weight$"]) == ["ResNet_bn1.weight", "fc_output_0"]
    assert trial.tensor_names(collection="bn") == ["ResNet_bn1.weight", "bn1_output_0"]
    assert trial.tensor_names(mode=ModeKeys.EVAL) == []
    with pytest.raises(BadInput, match="not both"):
        trial.tensor_names(regex="bn", collection="bn")
    with pytest.raises(BadInput, match="no collection 'relu': there are bn"):
        trial.tensor_names(collection="relu")


def test_values_of_a_tensor(trial):
    tensor = trial.tensor("bn1_output_0")
    assert tensor.steps() == [0, 5]
    assert {step: value.tolist() for step, value in tensor.values().items()} == {0: [[1.0, 1.0]], 5: [[5.0, 5.0]]}
    assert tensor.value(5, mode=ModeKeys.PREDICT, worker="worker_0").tolist() == [[5.0, 5.0]]
    assert tensor.shape(5) == (1, 2)
    assert tensor.reduction_value(5, "l2") == pytest.approx(50**0.5)
    assert [tensor.prev_steps(4), tensor.prev_steps(5, 1), tensor.prev_steps(9)] == [[0], [5], [0, 5]]


def test_what_the_models_version_has_is_there_at_every_step(trial):
    weight = trial.tensor("ResNet_bn1.weight")
    assert weight.steps() == [0, 5]
    assert weight.value(5).tolist() == WEIGHT.tolist()


def test_what_is_not_there_has_smdebugs_names(trial):
    with pytest.raises(TensorUnavailable, match="'conv1'"):
        trial.tensor("conv1")
    fc = trial.tensor("fc_output_0")
    assert fc.steps() == [0]
    with pytest.raises(TensorUnavailableForStep, match="step 5 has no tensor 'fc_output_0'"):
        fc.value(5)
    with pytest.raises(StepUnavailable, match="step 3 of mode GLOBAL was not kept"):
        fc.value(3)
    with pytest.raises(StepNotYetAvailable, match="step 6"):
        fc.value(6)
    with pytest.raises(StepUnavailable):
        fc.value(0, mode=ModeKeys.TRAIN)
    with pytest.raises(BadInput, match="no reduction 'median'"):
        fc.reduction_value(0, "median")


def test_the_last_step_is_there_as_soon_as_it_is_stored(trial, written):
    """smdebug shows a step when the next one begins: the last request before a quiet night was nowhere."""
    assert trial.has_passed_step(6) is StepState.NOT_YET_AVAILABLE
    written.step(6, fc_output_0=np.ones((1, 3)))
    assert trial.has_passed_step(6) is StepState.AVAILABLE
    assert trial.tensor("fc_output_0").value(6).tolist() == [[1.0, 1.0, 1.0]]
    assert trial.has_passed_step(3) is StepState.UNAVAILABLE


def test_waiting_ends_when_the_step_comes_or_never_will(trial, written):
    def come(_seconds: float) -> None:
        written.step(7, fc_output_0=np.ones((1, 3)))

    trial.wait_for_steps([0, 5, 7], sleep=come)
    with pytest.raises(StepUnavailable, match="step 3 was not kept: the next that was is 5"):
        trial.wait_for_steps([3])
    with pytest.raises(StepNotYetAvailable, match="step 9 has not come within 1 s"):
        trial.wait_for_steps([9], timeout_seconds=1, sleep=lambda _: None)
    assert not trial.loaded_all_steps
    written.end()
    assert trial.loaded_all_steps
    with pytest.raises(NoMoreData, match="ended before step 9: its last is 7"):
        trial.wait_for_steps([9])


def test_the_newest_load_is_read_and_any_other_by_its_own_address(written, tmp_path):
    later = Written(tmp_path, minutes=5)
    later.step(0, fc_output_0=np.ones((1, 3)))
    assert create_trial(str(VARIANT), written.store).steps() == [0]
    assert create_trial(str(written.load) + "/", written.store).steps() == [0, 5]
    assert create_trial(str(written.load), written.store).tensor("ResNet_bn1.weight").value(0).tolist() == [0, 1, 2]


def test_where_no_load_is_there_is_no_trial(tmp_path):
    with pytest.raises(ObjectMissing, match=r"holds no hook\.json, nor an index of Debugger's"):
        create_trial(str(VARIANT), FolderStore(tmp_path))
    with pytest.raises(BadInput, match="no folder: name one, or an address"):
        create_trial(tmp_path / "nowhere")


def test_a_damaged_hook_or_step_is_refused_by_its_name(written):
    store, trial = written.store, create_trial(str(VARIANT), written.store)
    path = next(found.address for found in store.list(written.load.joined("steps")))
    store.put(path, packed({"x": np.zeros(1)}, '{"event_id": 3}'))
    with pytest.raises(BadInput, match="does not say what it is"):
        trial.facts_of(0)
    store.put(written.load.joined(HOOK_FILE), b"{}")
    with pytest.raises(BadInput, match=r"hook\.json in s3://bucket/tensors/signs/AllTraffic/.* is none"):
        create_trial(str(VARIANT), store)
