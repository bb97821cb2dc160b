"""No route of the control process takes a body without end, and whoever sends one reads why."""

from urllib.parse import urlsplit

import psutil
import pytest

from tests.servers.control import control_process
from tests.servers.long_bodies import Framing, long_body, signature_of

MEBIBYTES = 100
MOST_GROWTH = 16 << 20
INVOCATIONS = "/endpoints/signs/invocations"


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    """The port and the process."""
    with control_process(tmp_path_factory.mktemp("control")) as url:
        living = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
        (process,) = (child for child in living if "control" in child.cmdline())
        yield urlsplit(url).port, process


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize(("path", "words"), [("/", b"longer than 1048576"), (INVOCATIONS, b"longer than 6291456")])
def test_a_known_callers_body_without_end_is_refused_for_its_length(control, path, words, framing):
    port, process = control
    long_body(port, path, framing, mebibytes=10, server=process, header=signature_of(path))
    answer, growth = long_body(port, path, framing, mebibytes=MEBIBYTES, server=process, header=signature_of(path))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert words in answer
    assert growth <= MOST_GROWTH


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize(
    "path",
    [
        "/",
        INVOCATIONS,
        "/endpoints/signs/nothing",
        "/service/CloudWatch/operation/ListMetrics",
        "/metrics",
        "/prometheus/targets",
        "/processing-jobs/job/log",
        "/nobodys",
    ],
)
def test_a_strangers_body_without_end_is_answered_and_not_held(control, path, framing):
    port, process = control
    long_body(port, path, framing, mebibytes=10, server=process)
    answer, growth = long_body(port, path, framing, mebibytes=MEBIBYTES, server=process)
    assert answer.startswith(b"HTTP/1.1 4")
    assert b"connection: close" in answer
    assert growth <= MOST_GROWTH
