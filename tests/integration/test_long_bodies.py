"""No route of the control process takes a body without end, and whoever sends one reads why."""

from urllib.parse import urlsplit

import psutil
import pytest

from tests.servers.control import control_process
from tests.servers.long_bodies import Framing, long_body

MEBIBYTES = 100
MOST_GROWTH = 16 << 20


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    """The port and the process."""
    with control_process(tmp_path_factory.mktemp("control")) as url:
        (process,) = (child for child in psutil.Process().children() if "control" in child.cmdline())
        yield urlsplit(url).port, process


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 400),
        ("/endpoints/signs/invocations", 400),
        ("/endpoints/signs/nothing", 404),
        ("/service/CloudWatch/operation/ListMetrics", 400),
        ("/metrics", 404),
        ("/prometheus/targets", 404),
        ("/processing-jobs/job/log", 404),
        ("/nobodys", 404),
    ],
)
def test_a_body_without_end_is_answered_and_not_held(control, path, status, framing):
    port, process = control
    long_body(port, path, framing, mebibytes=10, server=process)
    answer, growth = long_body(port, path, framing, mebibytes=MEBIBYTES, server=process)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in answer
    assert growth <= MOST_GROWTH
