"""A server that runs, ours or another: how a load is put to it, and whether it answers as the network does.

What lives here: what they have in common. What does not: starting them (ours, started).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psutil
import torch

from tests import plain_http
from tests.benchmarks.closed_loop import request_of
from tests.benchmarks.serving_load import Asked
from tests.benchmarks.serving_models import Workload
from tests.benchmarks.serving_peers.peers import Peer
from tests.endpoint_token import AUTHORIZED

AGREE = 1e-4  # of an answer's largest number


@dataclass(frozen=True)
class Running:
    """A server's name among figures, what computes in it, its words, its port, and its processes when asked for."""

    name: str
    engine: str
    words: Peer
    port: int
    processes: Callable[[], list[psutil.Process]]

    def asked(self, workload: Workload) -> Asked:
        """The request of a load, and what its answers cost."""
        path, body, content_type = self._said(workload)
        return Asked(self.port, request_of(body, path, **{"content-type": content_type}), self.processes())

    def answer(self, workload: Workload) -> object:
        """The rows that it answers."""
        path, body, content_type = self._said(workload)
        headers = {"content-type": content_type, **AUTHORIZED}
        answer = plain_http.post(f"http://127.0.0.1:{self.port}{path}", content=body, headers=headers, timeout=60)
        assert answer.is_success, f"{self.name} answers {workload.name} with {answer.status_code}: {answer.text[:400]}"
        return self.words.rows(answer.json())

    def _said(self, workload: Workload) -> tuple[str, bytes, str]:
        return self.words.words(workload.model.body(workload.content_type), workload.content_type)


def require_same_answers(server: Running, workload: Workload) -> None:
    """Raise AssertionError where a server's answer is not the network's own."""
    with torch.inference_mode():
        expected = workload.model.network()(torch.from_numpy(workload.model.drawn(1))).numpy()
    found = np.array(server.answer(workload))
    said = f"{server.name} answers {workload.name} otherwise"
    np.testing.assert_allclose(found, expected, rtol=0, atol=AGREE * np.abs(expected).max(), err_msg=said)
