"""SageMaker's own clients against one whole installation, with nothing but the environment block."""

from collections.abc import Iterator

import pytest

from tests.e2e import boto3_flow, sdk_v2, sdk_v3
from tests.e2e.client_environment import Installation, on_ceph
from tests.e2e.flow_command import Flow, ignore, run

FLOWS = (boto3_flow.FLOW, sdk_v2.FLOW, sdk_v3.FLOW)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with on_ceph(tmp_path_factory.mktemp("clients")) as running:
        yield running


@pytest.mark.server("radosgw")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("flow", FLOWS, ids=[flow.name for flow in FLOWS])
def test_every_call_of_a_client_that_came_from_sagemaker_is_answered(installed: Installation, flow: Flow) -> None:
    outcome = run(flow, installed, tell=ignore)
    assert outcome.succeeded, f"{outcome.failed} with exit code {outcome.exit_code}\n{outcome.printed[-4000:]}"
