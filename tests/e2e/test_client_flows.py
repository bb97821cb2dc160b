"""SageMaker's own clients against whole installations, with nothing but the environment that `sextant env` prints."""

from collections.abc import Iterator

import pytest

from tests.e2e import boto3_flow, sdk_quality, sdk_v2, sdk_v3
from tests.e2e.client_environment import Installation, on_ceph, on_folder_store
from tests.e2e.flow_command import Flow, ignore, run


@pytest.fixture(scope="module")
def ceph_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with on_ceph(tmp_path_factory.mktemp("clients")) as running:
        yield running


def require_every_call_answered(flow: Flow, installed: Installation) -> None:
    outcome = run(flow, installed, tell=ignore)
    assert outcome.succeeded, f"{outcome.failed} with exit code {outcome.exit_code}\n{outcome.printed[-4000:]}"


@pytest.mark.server("radosgw")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "flow", [boto3_flow.FLOW, sdk_v2.FLOW, sdk_quality.FLOWS[0]], ids=["boto3", "sdk-v2", "sdk-v2-quality"]
)
def test_every_call_of_a_client_that_came_from_sagemaker_is_answered(ceph_installation, flow):
    require_every_call_answered(flow, ceph_installation)


@pytest.mark.server("rclone")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("flow", [sdk_v3.FLOW, sdk_quality.FLOWS[1]], ids=["sdk-v3", "sdk-v3-quality"])
def test_so_is_every_call_of_the_sdks_third_version_through_the_door_on_the_folder_store(tmp_path, flow):
    with on_folder_store(tmp_path) as installed:
        require_every_call_answered(flow, installed)
