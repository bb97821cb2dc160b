"""Benchmarks print one JSON object, time in turn, and count what they time."""

import json
from datetime import date
from pathlib import Path

import pytest

from tests.benchmarks import skew_captures
from tests.benchmarks.all import page_of, sections_of
from tests.benchmarks.class_skew import counts_of, naive_counts, summarise
from tests.benchmarks.figures import Figure, Pairs, interleaved, median_at_most, publish


def test_json_is_exactly_one_object(capsys: pytest.CaptureFixture[str]):
    publish("name", {"speed": Figure(2.5, "x", ">= 2", "how")}, {"memory": "no kernel"}, True)
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {"benchmark", "machine", "figures", "missing"}
    assert printed["figures"] == {"speed": {"value": 2.5, "unit": "x", "goal": ">= 2", "note": "how"}}


def test_a_table_names_what_is_missing(capsys: pytest.CaptureFixture[str]):
    publish("name", {}, {"memory": "no kernel"}, False)
    assert "memory  missing: no kernel" in capsys.readouterr().out


def test_pairs_take_turns_in_going_first():
    order: list[str] = []
    pairs = interleaved(lambda pair: order.append(f"ours {pair}"), lambda pair: order.append(f"theirs {pair}"), 2)
    assert order == ["theirs 0", "ours 0", "ours 1", "theirs 1"]
    assert len(pairs.ratios) == 2


def test_the_bound_is_the_end_that_is_worse_for_us():
    pairs = Pairs((3.0, 4.0, 5.0, 6.0, 7.0), our_seconds=1, their_seconds=5)
    assert 3 <= pairs.at_least < pairs.median == 5
    assert pairs.times(10).median == 50


def test_the_monitor_and_the_naive_loop_agree_on_all_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(skew_captures, "BENCH_FOLDER", tmp_path)
    monkeypatch.setattr(skew_captures, "UNREADABLE_SHARE", 0.3)
    path = skew_captures.skew_captures(2400)[0]
    summary = summarise(path)
    assert counts_of(summary) == naive_counts(path)
    assert set(summary.unreadable) == set(skew_captures.KINDS)


def test_the_same_seed_makes_the_same_captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = []
    for name in ("first", "second"):
        monkeypatch.setattr(skew_captures, "BENCH_FOLDER", tmp_path / name)
        made.append([path.read_bytes() for path in skew_captures.skew_captures(240)])
    assert made[0] == made[1]


def test_of_a_median_the_end_is_given_at_which_it_is_larger():
    seconds = [1.0 + number / 100 for number in range(101)]
    assert 1.5 < median_at_most(seconds) < 1.7
    assert median_at_most([2.0, 2.0, 2.0]) == 2.0


def test_what_is_measured_again_replaces_its_section_and_the_others_stay():
    machine = {"cpu": "a processor", "cores": 2, "memory_gib": 24, "packages": {}}

    def result(benchmark: str, value: float) -> dict[str, object]:
        figures = {"seconds": {"value": value, "unit": "s", "goal": "none", "note": ""}}
        return {"benchmark": benchmark, "machine": machine, "figures": figures, "missing": {}}

    first = page_of([result("cli", 1), result("demo", 2)], "", date(2026, 11, 20))
    again = page_of([result("cli", 3)], first, date(2026, 11, 27))
    assert sections_of(again)["demo"] == sections_of(first)["demo"]
    assert "| seconds | 3 s |" in sections_of(again)["cli"]
    assert "2026-11-27" in sections_of(again)["cli"]
