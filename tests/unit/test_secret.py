"""A secret that is shown to nobody who does not ask for it."""

import copy
import json
import logging
import pickle

import pytest

from service.core.secret import Secret

VALUE = "canary-secret-value"


@pytest.mark.parametrize(
    "show",
    [repr, str, "{}".format, "{:>40}".format, "{!r}".format, lambda secret: f"{secret}", lambda secret: [secret]],
)
def test_nothing_that_prints_it_shows_it(show):
    assert VALUE not in str(show(Secret(VALUE)))


@pytest.mark.parametrize("hand_on", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, dict, list])
def test_nothing_that_hands_it_on_takes_it(hand_on):
    with pytest.raises(TypeError) as raised:
        hand_on(Secret(VALUE))
    assert VALUE not in str(raised.value)


def test_a_log_record_does_not_hold_it(caplog):
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("given %s and %r", Secret(VALUE), Secret(VALUE))
    assert caplog.messages == ["given *** and Secret(***)"]


def test_it_has_no_attributes_to_list():
    assert not hasattr(Secret(VALUE), "__dict__")
    with pytest.raises(TypeError):
        vars(Secret(VALUE))


def test_who_asks_gets_it():
    assert (Secret(VALUE).reveal(), len(Secret(VALUE))) == (VALUE, len(VALUE))


def test_two_are_equal_where_their_texts_are():
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret("other")
    assert Secret("sch\u00f6n") != Secret("schon")
    assert Secret(VALUE) != VALUE


def test_it_is_no_key_of_a_dictionary():
    with pytest.raises(TypeError):
        {Secret(VALUE): 1}
