"""What people send is nowhere where rules remove it, and in no log or metric whether they do or not."""

from pathlib import Path

import pytest

from tests.benchmarks.access_campaigns.pii import Outcome, run


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder: Path = tmp_path_factory.mktemp("pii")
    return run(folder)


def test_at_least_twenty_words_were_sent(outcome: Outcome) -> None:
    assert len(outcome.captured | outcome.others) >= 20


def test_nothing_that_rules_remove_is_written_anywhere(outcome: Outcome) -> None:
    assert outcome.guarded == set()


def test_without_rules_every_word_is_in_the_captures(outcome: Outcome) -> None:
    assert outcome.captured <= outcome.control


def test_no_word_is_logged_or_exported_whether_there_are_rules_or_not(outcome: Outcome) -> None:
    assert outcome.logged == set()


def test_what_captures_never_hold_is_nowhere(outcome: Outcome) -> None:
    assert outcome.others & outcome.found.where("") == set()


def test_captures_indexes_manifests_reports_and_the_database_were_searched(outcome: Outcome) -> None:
    kinds = (".jsonl", ".parquet", "manifests/", "watermarks/", "report.json", "sextant.db", "up.log", "metrics of")
    assert [kind for kind in kinds if not any(kind in place for place in outcome.found.places)] == []


def test_without_rules_reports_and_indexes_name_the_inference_id_too(outcome: Outcome) -> None:
    for place in ("report.json", ".parquet"):
        assert "PII-CANARY-inference-id" in outcome.found.where(place)
