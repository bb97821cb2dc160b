"""The benchmark of serving says what it saw: bodies that mean the same, words of peers, bounds, and captures."""

import base64
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.closed_loop import Arm, Turns, Window, is_whole
from tests.benchmarks.serving_figures import Results, against_best, all_names
from tests.benchmarks.serving_load import throughput_ratio
from tests.benchmarks.serving_models import C32, JSON, LENET_5, NPY, PNG, RESNET_64
from tests.benchmarks.serving_overload import Crowd
from tests.benchmarks.serving_peers.network import decode, decode_base64
from tests.benchmarks.serving_peers.ours import Captures
from tests.benchmarks.serving_peers.peers import PEERS, bentoml_words, litserve_words, mlserver_rows, mlserver_words
from tests.benchmarks.serving_peers.started import PeerAbsent, started
from tests.benchmarks.serving_soak import BLOCK_SECONDS, Soaked


def windows(*answers: int) -> list[Window]:
    return [Window(0.0, seconds=[0.01] * count, took_seconds=1.0) for count in answers]


@pytest.mark.parametrize("content_type", [NPY, JSON, PNG])
def test_a_body_of_any_kind_holds_the_same_numbers(content_type: str) -> None:
    found = decode(RESNET_64.body(content_type), content_type)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, RESNET_64.drawn(1), rtol=1e-6)


def test_a_network_has_the_same_weights_each_time() -> None:
    first, second = LENET_5.network().state_dict(), LENET_5.network().state_dict()
    assert all(first[name].equal(second[name]) for name in first)


@pytest.mark.parametrize("words", [litserve_words, bentoml_words], ids=["litserve", "bentoml"])
def test_bodies_that_a_peer_cannot_read_travel_in_json(words) -> None:
    _, said, content_type = words(RESNET_64.body(NPY), NPY)
    (text,) = [part for part in json.loads(said).values() if part != NPY]
    assert content_type == JSON
    np.testing.assert_array_equal(decode_base64(text if isinstance(text, str) else text[0], NPY), RESNET_64.drawn(1))


def test_mlserver_is_given_numbers_as_a_tensor_and_other_bodies_as_text() -> None:
    _, numbers, _ = mlserver_words(RESNET_64.body(JSON), JSON)
    _, picture, _ = mlserver_words(b"picture", PNG)
    assert json.loads(numbers)["inputs"][0]["shape"] == [1, 3, 64, 64]
    assert json.loads(picture)["inputs"][0]["data"] == [base64.b64encode(b"picture").decode()]


def test_mlserver_answers_rows_one_after_another() -> None:
    assert mlserver_rows({"outputs": [{"shape": [2, 2], "data": [1, 2, 3, 4]}]}) == [[1, 2], [3, 4]]


def test_a_peer_whose_program_is_not_installed_is_absent_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (torchserve,) = [peer for peer in PEERS if peer.needs]
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(PeerAbsent, match="torchserve needs java: install openjdk-17-jre-headless"),
        started(torchserve, tmp_path, tmp_path, threads=1),
    ):
        pass


def test_bounds_of_a_ratio_lie_on_both_sides_of_it() -> None:
    turns = Turns(windows(20, 30, 25, 20, 35), windows(10, 12, 11, 9, 10))
    at_least, at_most = turns.at_least(throughput_ratio), turns.at_most(throughput_ratio)
    assert at_least < turns.compared(throughput_ratio) < at_most


def test_the_best_peer_is_the_one_that_leaves_us_the_least() -> None:
    results = Results(turns={(C32, "slow"): Turns(windows(40, 40), windows(10, 10))})
    results.turns[C32, "fast"] = Turns(windows(40, 40), windows(20, 20))
    figure = against_best(results, ["slow", "fast", "absent"])["f32_c32_vs_best_peer"]
    assert figure.value == 2
    assert "best of 2: fast" in figure.note


def test_without_peers_nothing_is_said_of_the_best_one() -> None:
    assert against_best(Results(), ["absent"]) == {}


def test_no_figure_has_two_names() -> None:
    names = all_names(peer.name for peer in PEERS)
    assert len(names) == len(set(names))


def soaked(*megabytes: float) -> Soaked:
    return Soaked([BLOCK_SECONDS * block for block in range(len(megabytes))], list(megabytes), Window(0.0))


def test_memory_that_stays_has_no_slope_and_memory_that_grows_has_its_own() -> None:
    grows = [500 + 0.1 * block for block in range(60)]  # a tenth of a megabyte in half a minute
    assert soaked(*[500.0] * 60).slope() == (0, 0)
    assert soaked(*grows).slope() == pytest.approx((12, 12))


def test_what_memory_does_while_an_endpoint_warms_up_is_no_slope() -> None:
    assert soaked(*[100.0 + 50 * block for block in range(9)], *[500.0] * 51).slope() == (0, 0)


def test_a_time_too_short_for_a_slope_is_refused() -> None:
    with pytest.raises(ValueError, match="30 s are too short"):
        soaked(500, 501).slope()


def test_captures_are_counted_once_and_thrown_away_once_they_are_old(tmp_path: Path) -> None:
    folder, captures = tmp_path / "data" / "store" / "captures" / "bench" / "tiny" / "AllTraffic", Captures()
    folder.mkdir(parents=True)
    (folder / "old.jsonl").write_bytes(b"{}\n{}\n")
    (folder / "new.jsonl").write_bytes(b"{}\n")
    os.utime(folder / "old.jsonl", (time.time() - 100,) * 2)
    captures.take(tmp_path, older_than_seconds=50)
    captures.take(tmp_path, older_than_seconds=50)
    assert captures.stored == 2
    assert [path.name for path in folder.iterdir()] == ["new.jsonl"]


def test_a_request_that_finds_no_connection_is_counted() -> None:
    crowd = Crowd(port=0)
    crowd.send(b"")
    assert crowd.unsent == 1


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


@pytest.mark.parametrize("answer", [b"", HEAD[:25], HEAD, HEAD + b"{"])
def test_an_answer_is_not_whole_before_its_end(answer: bytes) -> None:
    assert not is_whole(answer)
    assert is_whole(HEAD + b"{}")


def test_rates_are_those_of_all_windows_together() -> None:
    assert Arm(windows(10, 30)).per_second == 20
