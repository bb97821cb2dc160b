"""A trial over what SageMaker Debugger's own hook wrote, held to what its own trial says of the same files.

smdebug 1.0.34 made both, of a small network that was trained for four steps and asked twice: `smdebug_run`, and
`said_by_smdebug.json`.
"""

import json
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.tensor_files import ModeKeys
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from monitor_jobs.tensors import create_trial
from monitor_jobs.tensors.event_records import tensor_in_record

HERE = Path(__file__).parent
RUN = HERE / "smdebug_run"
SAID = json.loads((HERE / "said_by_smdebug.json").read_text())
OF_NO_MODE = b'{"meta": {"mode": "GUESS", "mode_step": 0, "event_file_name": "events/0/0_worker_0.tfevents"}}'
RECORD = (RUN / "events/000000000004/000000000004_worker_0.tfevents").read_bytes()


@pytest.fixture(params=["folder", "store"])
def trial(request, tmp_path):
    if request.param == "folder":
        return create_trial(RUN)
    store = FolderStore(tmp_path)
    for path in RUN.rglob("*"):
        if path.is_file():
            store.upload(path, S3Address("bucket", f"debug/{path.relative_to(RUN)}"))
    return create_trial("s3://bucket/debug", store)


def test_it_has_the_steps_modes_and_names_that_smdebug_says(trial):
    assert trial.steps() == SAID["steps"]
    assert trial.steps(mode=ModeKeys.TRAIN) == SAID["train"]
    assert trial.steps(mode=ModeKeys.PREDICT) == SAID["predict"]
    assert trial.steps(mode=ModeKeys.EVAL) == []
    assert sorted(mode.name for mode in trial.modes()) == SAID["modes"]
    assert trial.workers() == SAID["workers"]
    assert trial.tensor_names() == SAID["names"]
    assert trial.tensor_names(regex="^gradient") == SAID["regex"]
    assert trial.tensor_names(collection="biases") == SAID["biases"]
    assert trial.tensor_names(step=4) != trial.tensor_names(step=0)


def test_it_has_the_values_that_smdebug_says(trial):
    for name, values in SAID["values"].items():
        found = trial.tensor(name).values()
        assert {str(step): value.tolist() for step, value in found.items()} == values
    output = trial.tensor("fc_output_0")
    assert output.value(1, mode=ModeKeys.PREDICT).tolist() == SAID["predict_1"]
    assert output.reduction_value(0, "l2") == pytest.approx(SAID["l2"], rel=1e-6)
    assert output.prev_steps(4, 2) == SAID["prev"]
    assert [trial.has_passed_step(step).name for step in (1, 0, 99)] == SAID["state"]
    assert trial.loaded_all_steps


def test_what_it_does_not_say_is_refused(trial):
    with pytest.raises(BadInput, match="which says nothing of requests and layers"):
        _ = trial.facts
    with pytest.raises(BadInput, match="which says nothing of requests and layers"):
        trial.facts_of(0)


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("index/000000000/000000000000_worker_0.json", b"{", "is no index"),
        ("index/000000000/000000000000_worker_0.json", OF_NO_MODE, "is of mode 'GUESS'"),
        ("events/000000000000/000000000000_worker_0.tfevents", RECORD[:100], "holds no tensor"),
        ("collections/000000000/worker_0_collections.json", b"[", "is no JSON"),
    ],
)
def test_a_file_that_is_damaged_is_named(tmp_path, path, content, said):
    folder = shutil.copytree(RUN, tmp_path / "run")
    (folder / path).write_bytes(content)
    with pytest.raises(BadInput, match=said):
        [create_trial(folder).tensor("fc_output_0").value(0), create_trial(folder).collections()]


def test_an_index_that_names_a_file_outside_is_refused(tmp_path):
    folder = shutil.copytree(RUN, tmp_path / "run")
    shutil.copy(RUN / "events/000000000000/000000000000_worker_0.tfevents", tmp_path / "secret")
    index = folder / "index/000000000/000000000000_worker_0.json"
    told = json.loads(index.read_text())
    told["meta"]["event_file_name"] = "events/../../secret"
    index.write_text(json.dumps(told))
    with pytest.raises(BadInput, match="is no index"):
        create_trial(folder).tensor("fc_output_0").value(0)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_record_are_refused(content):
    with pytest.raises(BadInput, match=f"a record of {len(content)} bytes holds no tensor"):
        tensor_in_record(content)


@given(st.integers(0, len(RECORD) - 1), st.integers(1, 255))
@example(place=525, change=5)  # a message of another number: the one that is looked for is not there
def test_a_record_with_a_changed_byte_is_another_tensor_or_is_refused(place, change):
    index = json.loads((RUN / "index/000000000/000000000004_worker_0.json").read_text())
    one = index["tensor_payload"][0]
    record = bytearray(RECORD[one["start_idx"] : one["start_idx"] + one["length"]])
    record[place % len(record)] ^= change
    with suppress(BadInput):
        assert isinstance(tensor_in_record(bytes(record)), np.ndarray)
