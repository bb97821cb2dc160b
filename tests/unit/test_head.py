"""When two heads can be said of the same object."""

import pytest

from monitor_jobs.object_store import Head


@pytest.mark.parametrize(
    ("sent", "shown", "agree"),
    [
        (Head(4, "a"), Head(4, "a"), True),
        (Head(4, "a"), Head(4, "b"), False),
        (Head(4, "a"), Head(3, "a"), False),
        (Head(4), Head(4, "a"), True),
        (Head(4, "a"), Head(4), True),
        (Head(4), Head(3), False),
        (Head(0), Head(0), True),
    ],
)
def test_heads_agree_where_sizes_do_and_etags_do_where_both_are_known(sent: Head, shown: Head, agree: bool):
    assert sent.agrees_with(shown) is shown.agrees_with(sent) is agree


def test_a_head_reads_as_a_sentence_would_put_it():
    assert (str(Head(4, "a")), str(Head(4))) == ("4 bytes with ETag a", "4 bytes")
