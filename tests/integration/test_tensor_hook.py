"""An endpoint that keeps tensors: by its model's environment alone, after each answer, and never in place of one."""

import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from monitor_jobs.contract.debug_hook import TensorKind
from monitor_jobs.contract.tensor_files import HOOK_FILE
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from monitor_jobs.saliency.maps import idiap
from monitor_jobs.tensors import Trial, create_trial
from monitor_jobs.tensors.rebuilding import decomposition_of, reduced_of
from tests import plain_http
from tests.endpoint_token import AUTHORIZED
from tests.explained_package import INFERENCE, SIDE
from tests.pictures import encoded, npy, scenes
from tests.servers.endpoint import RunningEndpoint, running_endpoint, started_endpoint, write_package
from tests.wait import wait_until

PICTURES = scenes(4, side=SIDE)
CARD = json.dumps({"classes": ["stop", "yield", "limit 30"]})
PNG = {"content-type": "image/png"}
OUTPUT = "s3://sextant/tensors"
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://sextant/captures",
    "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
}


def hooked(tmp_path: Path, inference: str = INFERENCE, *, capture: bool = False, **parameters: str):
    environment = {"SEXTANT_DEBUG_HOOK": json.dumps({"S3OutputPath": OUTPUT, "HookParameters": parameters})}
    package = write_package(tmp_path / "package", {"code/inference.py": inference, "code/model_card.json": CARD})
    settings = {"data_capture": CAPTURE} if capture else {}
    return running_endpoint(package, tmp_path, environment=environment, **settings)


def ask(endpoint: RunningEndpoint, body: bytes, content_type: str = "image/png", inference_id: str = "") -> dict:
    headers = {**AUTHORIZED, "content-type": content_type, "accept": "application/json"}
    if inference_id:
        headers["x-amzn-sagemaker-inference-id"] = inference_id
    answer = plain_http.post(f"{endpoint.url}/invocations", content=body, headers=headers)
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


def trial_of(endpoint: RunningEndpoint, steps: list[int]) -> Trial:
    """What was kept, once these steps were."""
    store = FolderStore(endpoint.folder / "data")
    wait_until(lambda: any(loads(store)), timeout_seconds=60, what="the first tensors")
    wait_until(lambda: create_trial(OUTPUT, store).steps() == steps, timeout_seconds=60, what=f"steps {steps}")
    return create_trial(OUTPUT, store)


def loads(store: FolderStore) -> list[str]:
    keys = (found.address.key for found in store.list(S3Address.parse(f"{OUTPUT}/tiny/AllTraffic/")))
    return [key for key in keys if key.endswith(HOOK_FILE)]


def outcomes(endpoint: RunningEndpoint) -> dict[str, int]:
    text = plain_http.get(f"{endpoint.url}/metrics", headers=AUTHORIZED).text
    lines = [line for line in text.splitlines() if line.startswith("sextant_tensor_steps_total{")]
    return {line.split('outcome="')[1].split('"')[0]: int(float(line.split()[-1])) for line in lines}


def test_raw_tensors_of_each_request_explain_its_answer_without_the_model(tmp_path):
    with hooked(tmp_path, kind="raw", include_regex=".*") as endpoint:
        answers = [ask(endpoint, encoded(picture), inference_id=f"frame-{n}") for n, picture in enumerate(PICTURES[:2])]
        trial = trial_of(endpoint, [0, 1])
    assert trial.facts.kind is TensorKind.RAW
    assert (trial.facts.endpoint, trial.facts.variant, trial.facts.classes[1]) == ("tiny", "AllTraffic", "yield")
    assert len(trial.facts.model_sha256) == 64
    for step, answer in enumerate(answers):
        facts, parts = trial.facts_of(step), decomposition_of(trial, step)
        assert facts.inference_id == f"frame-{step}"
        assert int(np.argmax(answer["predictions"][0])) == facts.targets[0]
        assert parts.scores.double().softmax(1)[0].tolist() == pytest.approx(answer["predictions"][0], abs=1e-6)
        assert float(parts.errors().max()) < 1e-5
        assert idiap(parts).shape == (1, SIDE, SIDE)


def test_a_batch_is_one_step_and_each_of_its_inputs_has_a_map(tmp_path):
    with hooked(tmp_path, kind="reduced") as endpoint:
        ask(endpoint, npy(np.stack(PICTURES[:3])), "application/x-npy")
        left = reduced_of(trial_of(endpoint, [0]), 0)
    assert left.sums.shape[0] == 3
    assert float(left.errors().max()) < 1e-5


def test_tensors_and_capture_of_a_request_have_one_event_id(tmp_path):
    with hooked(tmp_path, capture=True) as endpoint:
        ask(endpoint, encoded(PICTURES[0]))
        trial = trial_of(endpoint, [0])
        store = FolderStore(endpoint.folder / "data")
        captures = S3Address.parse("s3://sextant/captures/tiny/")
        wait_until(lambda: any(store.list(captures)), timeout_seconds=60, what="the capture")
        line = json.loads(store.get(next(store.list(captures)).address))
    assert line["eventMetadata"]["eventId"] == trial.facts_of(0).event_id
    assert trial.facts.kind is TensorKind.REPLAY
    assert trial.tensor("Sequential_input_0").value(0).shape == (1, 3, SIDE, SIDE)


def test_only_what_has_a_reason_is_kept_and_steps_count_every_answer(tmp_path):
    with hooked(tmp_path, inference_ids="^wanted", save_interval="2") as endpoint:
        for number in range(5):
            ask(endpoint, encoded(PICTURES[0]), inference_id="wanted" if number in (1, 2, 4) else "other")
        trial = trial_of(endpoint, [2, 4])
    assert [trial.facts_of(step).inference_id for step in trial.steps()] == ["wanted", "wanted"]


def test_a_request_that_fails_is_no_step(tmp_path):
    with hooked(tmp_path) as endpoint:
        failed = plain_http.post(f"{endpoint.url}/invocations", content=b"no picture", headers={**AUTHORIZED, **PNG})
        assert failed.status_code == httpx.codes.FAILED_DEPENDENCY
        ask(endpoint, encoded(PICTURES[0]))
        assert trial_of(endpoint, [0]).steps() == [0]


def test_each_load_has_a_folder_of_its_own_and_parameters_of_a_version_are_kept_once(tmp_path):
    for _ in range(2):
        (tmp_path / "stderr").unlink(missing_ok=True)
        with hooked(tmp_path, kind="raw", include_regex="output") as endpoint:
            ask(endpoint, encoded(PICTURES[0]))
            trial_of(endpoint, [0])
            endpoint.process.terminate()
            assert endpoint.process.wait(30) == 0
    store = FolderStore(tmp_path / "data")
    assert len(loads(store)) == 2
    assert len(list(store.list(S3Address.parse(f"{OUTPUT}/tiny/AllTraffic/parameters/")))) == 1
    assert create_trial(OUTPUT, store).loaded_all_steps


SLOW_BACKWARD = INFERENCE.replace(
    "def input_fn",
    """class Slow(torch.autograd.Function):
    @staticmethod
    def forward(context, values):
        return values.clone()

    @staticmethod
    def backward(context, gradient):
        import time
        time.sleep(2)
        return gradient


class Passed(nn.Module):
    def forward(self, values):
        return Slow.apply(values)


before = model_fn


def model_fn(model_dir):
    return nn.Sequential(Passed(), *before(model_dir)).eval()


def input_fn""",
)


def test_no_answer_waits_for_a_backward_pass(tmp_path):
    assert "Slow.apply" in SLOW_BACKWARD
    with hooked(tmp_path, SLOW_BACKWARD, kind="raw", include_regex="output") as endpoint:
        for _ in range(3):
            ask(endpoint, encoded(PICTURES[0]))
        # all three were answered before the first backward pass, which takes 2 s, has ended
        assert outcomes(endpoint)["kept"] + outcomes(endpoint)["failed"] == 0


def test_a_network_that_is_called_twice_is_answered_counted_and_said_once(tmp_path):
    twice = INFERENCE.replace("torch.softmax(network(", "torch.softmax(network(pictures) * 0 + network(")
    with hooked(tmp_path, twice) as endpoint:
        for _ in range(3):
            ask(endpoint, encoded(PICTURES[0]))
        wait_until(lambda: outcomes(endpoint)["failed"] == 3, timeout_seconds=30, what="three failed steps")
        said = [line for line in endpoint.log_lines if line["event"] == "tensors_not_kept"]
    assert len(said) == 1
    assert "called 2 times" in str(said[0]["error"])


LOCKED = INFERENCE.replace("return network.eval()", "network.lock = __import__('threading').Lock()\n    return network")


@pytest.mark.parametrize(
    ("inference", "parameters", "said"),
    [
        ("def model_fn(model_dir):\n    return 3\n", {}, "holds 0 networks"),
        (
            LOCKED,
            {"kind": "reduced"},
            "cannot be copied to take gradients: TypeError: cannot pickle '_thread.lock'",
        ),
    ],
)
def test_a_model_of_which_no_tensor_can_be_kept_is_not_served_and_says_why(tmp_path, inference, parameters, said):
    environment = {"SEXTANT_DEBUG_HOOK": json.dumps({"S3OutputPath": OUTPUT, "HookParameters": parameters})}
    package = write_package(tmp_path / "package", {"code/inference.py": inference})
    with started_endpoint(package, tmp_path, environment=environment) as endpoint:
        assert endpoint.process.wait(60) == 3
        assert said in str(endpoint.log_lines[-1]["error"])
