"""Bodies that are no tables are decoded for many records together, and each is decoded once."""

import base64

import pytest

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.feature_table.captures.decoding import decoded_together
from monitor_jobs.feature_table.captures.lines import Half, Halves, Metadata, Record

PNG = "image/png"


def record(data, content_type=PNG, encoding="BASE64"):
    if isinstance(data, bytes):
        data = base64.b64encode(data).decode()
    half = Half(data=data, encoding=encoding, observed_content_type=content_type)
    return Record(Halves(endpoint_input=half), Metadata("e1", "2026-11-20T12:00:00Z"))


class Sizes:
    """A decoder of sizes that remembers what it was given at once; empty bodies have none."""

    def __init__(self):
        self.given = []

    def __call__(self, bodies):
        self.given.append(list(bodies))
        return [[{"size": len(body)}] if body else BadInput("empty") for body, _ in self.given[-1]]


def test_bodies_of_many_records_are_decoded_in_one_call_and_equal_ones_once():
    sizes = Sizes()
    decode = decoded_together([record(b"a"), record(b"bb"), record(b"a")], sizes)
    assert sizes.given == [[(b"a", PNG), (b"bb", PNG)]]
    assert [decode(body, PNG) for body in (b"bb", b"a")] == [[{"size": 2}], [{"size": 1}]]
    assert len(sizes.given) == 1


def test_a_body_that_cannot_be_decoded_is_refused_in_its_turn():
    decode = decoded_together([record(b""), record(b"a")], Sizes())
    assert decode(b"a", PNG) == [{"size": 1}]
    with pytest.raises(BadInput, match="empty"):
        decode(b"", PNG)


@pytest.mark.parametrize(
    "other",
    [
        record("no base64!"),
        record("1,2", "text/csv", "CSV"),
        record(b"1,2", "text/csv"),
        record(b"[1]", "application/json; charset=utf-8"),
    ],
    ids=["no base64", "CSV", "CSV in base64", "JSON in base64"],
)
def test_what_may_be_a_table_is_not_decoded_before_it_is_asked_for(other):
    sizes = Sizes()
    decode = decoded_together([other], sizes)
    assert sizes.given == [[]]
    assert decode(b"abc", "application/json") == [{"size": 3}]  # a table too wide to be one


def test_a_content_type_counts_without_its_parameters():
    sizes = Sizes()
    decoded_together([record(b"a", "Image/PNG; v=1")], sizes)
    assert sizes.given == [[(b"a", PNG)]]


def test_without_a_decoder_there_is_nothing_to_decode_with():
    assert decoded_together([record(b"a")], None) is None
