"""The job that explains captured predictions, as a process on staged files, and the parts that refuse."""

import base64
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from monitor_jobs.contract.capture import (
    WITHHELD_CONTENT_TYPE,
    CaptureData,
    CaptureRecord,
    EventMetadata,
    Payload,
)
from monitor_jobs.contract.errors import BadInput, ModelUnsuitable
from monitor_jobs.contract.explanation import ExplanationRequest, Explanations
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.window import Window
from monitor_jobs.explain.job import _options, parse_request
from monitor_jobs.explain.records import find
from monitor_jobs.model_functions.functions import ModelRequest, ServedModel
from monitor_jobs.model_functions.network import inputs_of, network_of
from monitor_jobs.monitor import CaptureFile
from monitor_jobs.replay.bodies import body_of
from tests.explained_package import CLASSES, SIDE, explained_network, write_explained_package
from tests.kept_tensors import keep, kept_folder
from tests.pictures import encoded, npy, scenes

REPOSITORY = Path(__file__).parents[2]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PICTURES = scenes(4, side=SIDE)


def record(number: int, body: bytes, content_type: str = "image/png", **changes: object) -> CaptureRecord:
    data = base64.b64encode(body).decode()
    half = Payload(observed_content_type=content_type, mode="INPUT", data=data, encoding="BASE64")
    metadata = EventMetadata(
        event_id=f"event-{number}", inference_id=f"frame/{number}", inference_time=NOON + timedelta(seconds=number)
    )
    return CaptureRecord(
        capture_data=CaptureData(endpoint_input=half.model_copy(update=changes)), event_metadata=metadata
    )


def with_answer(record: CaptureRecord, text: str) -> CaptureRecord:
    half = Payload(observed_content_type="application/json", mode="OUTPUT", data=text, encoding="JSON")
    return record.model_copy(update={"capture_data": record.capture_data.model_copy(update={"endpoint_output": half})})


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Captures of three pictures one by one, of two at once, and of what is no picture; the model beside them."""
    root = tmp_path_factory.mktemp("explain")
    records = [record(number, encoded(picture)) for number, picture in enumerate(PICTURES[:3])]
    records[1] = with_answer(records[1], '{"predictions": [[0.1, 0.8, 0.1]]}')
    records[2] = with_answer(records[2], "no JSON")
    records.append(record(3, npy(np.stack(PICTURES[:2])), "application/x-npy"))
    records.append(record(4, b"no picture"))
    captures = root / "opt/ml/processing/input/endpoint/signs/AllTraffic/2026/11/20/12/00-00-000-a.jsonl"
    captures.parent.mkdir(parents=True)
    captures.write_bytes(b"".join(each.to_line() for each in records) + b'{"cut short')
    (root / "opt/ml/processing/model").mkdir(parents=True)
    shutil.copy(write_explained_package(root / "package"), root / "opt/ml/processing/model/model.tar.gz")
    return root


def job(root: Path, **asked: object) -> "subprocess.CompletedProcess[str]":
    environment = {
        "PATH": os.environ["PATH"],
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "output_path": "/opt/ml/processing/outputs",
        "sagemaker_endpoint_name": "signs",
    }
    shutil.rmtree(root / "opt/ml/processing/outputs", ignore_errors=True)
    options = {"event_ids": "event-id", "inference_ids": "inference-id", "limit": "limit", "map_kind": "map"}
    values = [(options[name], each) for name, value in asked.items() for each in np.atleast_1d(value)]
    arguments = [f"--{option}={value}" for option, value in values]
    command = [sys.executable, "-m", "monitor_jobs.explain", "--root", str(root), *arguments]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def left(root: Path) -> tuple[Path, Explanations]:
    outputs = root / "opt/ml/processing/outputs"
    return outputs, Explanations.from_json((outputs / "explanations.json").read_bytes())


@pytest.fixture(scope="module")
def everything(root, tmp_path_factory) -> tuple[Path, Explanations, str]:
    done = job(root, limit=100)
    assert done.returncode == 0, done.stderr
    kept = tmp_path_factory.mktemp("kept") / "outputs"
    outputs, found = left(root)
    shutil.copytree(outputs, kept)
    return kept, found, (root / "opt/ml/output/message").read_text() + done.stdout


def test_every_input_of_every_request_is_explained(everything):
    found = everything[1]
    assert [(one.event_id, one.position) for one in found.explanations] == [
        ("event-0", 0),
        ("event-1", 0),
        ("event-2", 0),
        ("event-3", 0),
        ("event-3", 1),
    ]
    assert all(one.exact and one.completeness_error < 1e-5 for one in found.explanations)
    assert all(one.predicted.name in CLASSES for one in found.explanations)


def test_one_picture_has_one_explanation_however_it_was_sent(everything):
    folder, found, _ = everything
    alone, among = found.explanations[0], found.explanations[3]
    maps = [np.load(folder / one.map_file) for one in (alone, among)]
    assert maps[0].shape == (SIDE, SIDE)
    assert np.allclose(*maps, rtol=1e-4, atol=1e-5)
    assert alone.predicted.logit == pytest.approx(among.predicted.logit, rel=1e-5)


def test_an_explanation_says_the_answer_and_its_parts(everything):
    one = everything[1].explanations[0]
    assert one.predicted.logit == pytest.approx(sum(one.parts.values()), rel=1e-5)
    assert set(one.parts) == {"input", "1", "4", "8"}
    assert one.predicted.probability > one.runner_up.probability
    assert one.predicted.name != one.runner_up.name
    assert 0 < one.outside_centre < 1


def test_what_was_answered_then_is_said_beside_what_is_predicted_now(everything):
    assert [one.answered for one in everything[1].explanations] == [None, "yield", None, None, None]


def test_a_picture_shows_input_overlay_and_map_beside_each_other(everything):
    folder, found, _ = everything
    with Image.open(folder / found.explanations[1].picture_file) as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    side = 240  # of 24 pixels enlarged ten times
    panels = [pixels[8 : 8 + side, start : start + side] for start in (8, 256, 504)]
    shown = panels[0][5::10, 5::10]
    given = PICTURES[1].astype(int)
    assert np.abs(shown - 255 * (given - given.min()) / (given.max() - given.min())).max() <= 2
    assert len({panel.tobytes() for panel in panels}) == 3


def test_what_cannot_be_explained_is_named_with_why(everything):
    found, said = everything[1], everything[2]
    (one,) = found.unexplained
    assert one.event_id == "event-4"
    assert "input_fn raised UnidentifiedImageError" in one.reason
    assert said.startswith("Completed: 5 predictions explained, 1 records not explained.")
    assert "event-4 is not explained: input_fn raised" in said


def test_ids_choose_and_those_in_no_capture_are_named(root):
    done = job(root, event_ids=["event-2", "event-9"], inference_ids=["frame/0"], map_kind="gradcam")
    assert done.returncode == 0, done.stderr
    _, found = left(root)
    assert [one.event_id for one in found.explanations] == ["event-0", "event-2"]
    assert [one.inference_id for one in found.explanations] == ["frame/0", "frame/2"]
    assert {one.map_kind for one in found.explanations} == {"gradcam"}
    assert found.absent == ("event-9",)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"event_ids": ["event-9"]}, "nothing could be explained: no request that was kept is asked for"),
        ({"event_ids": ["event-4"]}, "nothing could be explained: input_fn raised"),
        ({"map_kind": "rainbow"}, "nothing can be explained so: map_kind: input should be 'idiap'"),
    ],
)
def test_a_job_without_an_explanation_fails_with_why(root, asked, message):
    done = job(root, **asked)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert re.match(message, (root / "opt/ml/output/message").read_text())


def file_of(path: Path, *records: CaptureRecord, window: Window | None = None) -> CaptureFile:
    path.write_bytes(b"".join(each.to_line() for each in records))
    return CaptureFile(path, path.name, window, ModelCard())


def test_without_ids_the_windows_first_are_found(tmp_path):
    hour = Window(NOON + timedelta(seconds=1), NOON + timedelta(seconds=9))
    file = file_of(tmp_path / "a.jsonl", *(record(number, b"x") for number in range(9)), window=hour)
    found = [each.event_metadata.event_id for each in find([file], ExplanationRequest(limit=3))]
    assert found == ["event-1", "event-2", "event-3"]


def test_an_id_is_found_however_json_writes_it(tmp_path):
    file = file_of(tmp_path / "a.jsonl", record(1, b"x"))
    file.path.write_bytes(file.path.read_bytes().replace(b"frame/1", rb"fr\u0061me\/1"))
    (found,) = find([file], ExplanationRequest(inference_ids=frozenset({"frame/1"})))
    assert found.event_metadata.event_id == "event-1"


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (record(1, b"x", data="%%%"), "its request is no base64"),
        (record(1, b"x", observed_content_type=WITHHELD_CONTENT_TYPE), "withheld by the rules of redaction"),
        (
            CaptureRecord(capture_data=CaptureData(), event_metadata=record(1, b"x").event_metadata),
            "its request was not captured: add Input to the endpoint's CaptureOptions",
        ),
    ],
)
def test_a_request_that_is_not_there_is_said_so(damaged, message):
    with pytest.raises(BadInput, match=message):
        body_of(damaged)


NET = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


class Holder:
    def __init__(self) -> None:
        self.network = NET
        self.classes = ("a", "b")


@pytest.mark.parametrize("model", [NET, Holder(), {"net": NET, "size": 3}, (NET, "labels")])
def test_the_network_is_found_in_what_model_fn_returned(model):
    assert network_of(model) is NET


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("cats", "returns str, which holds 0 networks"),
        (None, "returns NoneType, which holds 0 networks"),
        ([NET, nn.Linear(2, 2)], "returns list, which holds 2 networks: an explanation needs one"),
    ],
)
def test_a_model_without_one_network_is_refused(model, message):
    with pytest.raises(ModelUnsuitable, match=message):
        network_of(model)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_refused():
    with pytest.raises(ModelUnsuitable, match="TorchScript shows no layers: write a model_fn"):
        network_of(torch.jit.trace(NET, torch.zeros(1, 3, 8, 8)))


PICTURE = torch.rand(1, 3, 8, 8)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (type, "is called 0 times for one request"),
        (lambda network: [network(PICTURE), network(PICTURE)], "is called 2 times for one request"),
        (lambda network: network(PICTURE[0]), r"is called with torch.float32 \[3, 8, 8\]"),
    ],
)
def test_a_call_that_cannot_be_explained_is_refused_and_leaves_no_hook(asked, message):
    served = ServedModel(ModelCard(), "application/json", NET, lambda network, *_: (str(asked(network)), "text/plain"))
    with pytest.raises(ModelUnsuitable, match=message):
        inputs_of(served, NET, ModelRequest(b"", "application/x-npy", ""))
    assert not NET._forward_pre_hooks


@pytest.mark.parametrize("asked", [{"limit": "0"}, {"limit": "many"}, {"events": ["a"]}, {"map_kind": "rainbow"}])
def test_a_request_that_is_none_is_refused_by_what_is_wrong(asked):
    with pytest.raises(BadInput, match=f"nothing can be explained so: {next(iter(asked))}"):
        parse_request(asked)


NAMES = st.text(min_size=1, max_size=64)


@given(st.frozensets(NAMES, max_size=40), st.frozensets(NAMES, max_size=40), st.integers(1, 1000))
def test_a_request_is_the_same_behind_the_command_line(events, callers, limit):
    asked = ExplanationRequest(event_ids=events, inference_ids=callers, limit=limit, map_kind="blog")
    options, others = _options().parse_known_args(asked.arguments())
    assert parse_request(vars(options)) == asked
    assert others == []


def test_more_ids_than_a_job_has_arguments_are_refused_with_how_many_there_may_be():
    with pytest.raises(BadInput, match="99 records are named: at most 98"):
        ExplanationRequest(event_ids=frozenset(map(str, range(99)))).arguments()
    both = frozenset(map(str, range(50)))
    with pytest.raises(BadInput, match="100 records are named: at most 98"):
        ExplanationRequest(event_ids=both, inference_ids=both).arguments()


def test_a_map_file_is_an_array_without_pickles(everything):
    folder, found, _ = everything
    content = (folder / found.explanations[0].map_file).read_bytes()
    assert np.load(io.BytesIO(content), allow_pickle=False).dtype == np.float32


def with_tensors(tmp_path: Path, **asked: str) -> Path:
    """The root of a job that has tensors of two pictures at once, and neither captures nor a model."""
    network = explained_network()
    inputs = torch.from_numpy(np.stack(PICTURES[:2])).permute(0, 3, 1, 2).float() / 255
    keep(tmp_path, network, (inputs - 0.45) / 0.25, card=ModelCard(classes=CLASSES), **asked)
    shutil.copytree(kept_folder(tmp_path), tmp_path / "opt/ml/processing/tensors")
    return tmp_path


@pytest.mark.parametrize("asked", [{"kind": "raw", "include_regex": ".*"}, {"kind": "reduced"}])
def test_kept_tensors_are_explained_without_the_models_code_or_weights(root, tmp_path, asked):
    with_model = job(root, event_ids=["event-0", "event-1"])
    assert with_model.returncode == 0, with_model.stderr
    outputs, expected = left(root)
    maps = [np.load(outputs / one.map_file) for one in expected.explanations]
    done = job(with_tensors(tmp_path, **asked), inference_ids=["frame/0"])
    assert done.returncode == 0, done.stderr
    outputs, found = left(tmp_path)
    assert [(one.event_id, one.position) for one in found.explanations] == [("event-0", 0), ("event-0", 1)]
    for one, other, map_ in zip(found.explanations, expected.explanations, maps, strict=True):
        assert one.exact
        assert one.predicted.name == other.predicted.name == one.answered
        assert one.predicted.probability == pytest.approx(other.predicted.probability, rel=1e-4)
        assert np.abs(np.load(outputs / one.map_file) - map_).max() < 1e-3 * map_.max()
        with Image.open(outputs / one.picture_file) as picture:
            assert (picture.width > picture.height * 2) is (asked["kind"] == "raw")


def test_what_reduced_tensors_do_not_hold_is_refused(tmp_path):
    done = job(with_tensors(tmp_path, kind="reduced"), map_kind="gradcam")
    assert done.returncode != 0
    assert "tensors of kind reduced hold the map idiap alone, not gradcam" in done.stderr


def test_kept_inputs_are_explained_by_the_model_that_answered_them_and_by_no_other(root, tmp_path):
    archive = root / "opt/ml/processing/model/model.tar.gz"
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    for folder, sha256 in ((right, hashlib.sha256(archive.read_bytes()).hexdigest()), (wrong, "f" * 64)):
        with_tensors(folder, kind="replay", sha256=sha256)
        (folder / "opt/ml/processing/model").mkdir()
        shutil.copy(archive, folder / "opt/ml/processing/model")
    done = job(right)
    assert done.returncode == 0, done.stderr
    assert all(one.exact for one in left(right)[1].explanations)
    refused = job(wrong)
    assert refused.returncode != 0
    assert "it was answered by s3://bucket/model.tar.gz as it was then, of SHA-256 ffffffffffff" in refused.stderr


def test_a_folder_without_a_load_is_refused(tmp_path):
    (tmp_path / "opt/ml/processing/tensors").mkdir(parents=True)
    done = job(tmp_path)
    assert done.returncode != 0
    assert "holds no load of a model that keeps tensors" in done.stderr
