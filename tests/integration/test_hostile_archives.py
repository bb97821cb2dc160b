"""The corpus of hostile packages, unpacked for real: refused by name or harmless, and nothing outside is touched."""

import pytest

from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.model_archive import read_model_card_from_archive
from tests.hostile.archives import ARCHIVES, LONG_PATH_CHAIN, TRAVERSAL, HostileArchive
from tests.hostile.sandbox import CANARY, make_sandbox, picture
from tests.hostile.unpacking import ARCHIVE, Outcome, outcomes_of
from tests.hostile.verdict import faults, touched_by_tarfile


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return outcomes_of([hostile.content for hostile in ARCHIVES], folder)


def test_every_archive_is_refused_by_name_or_harmless(outcomes):
    found = [fault for pair in zip(ARCHIVES, outcomes, strict=True) for fault in faults(*pair)]
    assert not found, "\n".join(found)


def test_there_are_many_and_no_two_alike(tmp_path):
    contents = {hostile.content(tmp_path) for hostile in ARCHIVES}
    assert len(contents) == len({hostile.name for hostile in ARCHIVES}) == len(ARCHIVES) > 100


def test_the_harmless_ones_come_out_as_packages(outcomes):
    written = [outcome.written_bytes for outcome in outcomes if outcome.refused is None]
    assert len(written) == sum(hostile.refusal is None for hostile in ARCHIVES) > 10
    assert sum(size > 0 for size in written) > 10


def test_a_card_is_looked_for_under_the_same_rules(tmp_path):
    for number, hostile in enumerate(TRAVERSAL):
        sandbox = make_sandbox(tmp_path / str(number))
        (sandbox / ARCHIVE).write_bytes(hostile.content(sandbox))
        before = picture(sandbox)
        with pytest.raises(ModelUnsuitable):
            read_model_card_from_archive(sandbox / ARCHIVE)
        assert picture(sandbox) == before


def test_pythons_own_extractor_is_led_outside_by_the_corpus(tmp_path):
    by_links = touched_by_tarfile(LONG_PATH_CHAIN, tmp_path / "links", "data")  # where Python is not mended yet
    by_name = touched_by_tarfile(TRAVERSAL[0], tmp_path / "name", "fully_trusted")
    assert by_name == [CANARY]
    assert by_links in ([], [CANARY])


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(0, 1, 0, error="OSError()"),
        Outcome(0, 1, 0),
        Outcome(0, 1, 0, refused="for another reason"),
        Outcome(0, 1, 0, refused="words" * 1000),
        Outcome(0, 1, 0, refused="words", outside=[CANARY]),
        Outcome(0, 1, 0, refused="words", irregular=["link"]),
        Outcome(0, 1, 0, refused="words", code=["exec"]),
        Outcome(2, 1, 0, refused="words"),
        Outcome(0, 1, 1 << 20, refused="words"),
    ],
)
def test_the_verdict_names_whatever_an_archive_did(outcome):
    hostile = HostileArchive("one", lambda _: b"", "words")
    assert list(faults(hostile, Outcome(1, 1, 1, refused="for these words"))) == []
    assert len(list(faults(hostile, outcome))) == 1
