"""S3 addresses that lead elsewhere: refused by every member that takes one, and no connection is made for any."""

import json
import socket
import subprocess
import sys

import pytest

from tests.dialect.fuzz import renamed
from tests.dialect.world import furnish
from tests.hostile.addresses import address_members, hostile_addresses, offer, request_with, stays
from tests.hostile.connecting import CHECKED, UNCHECKED
from tests.hostile.members import FITTING_ADDRESS
from tests.sagemaker_requests import Installation

ALLOWED = frozenset({"captures", "models", "reports", "labels", "rules"})
# Members of what is not served: some are refused whatever they hold.
NOT_SERVED = {"BatchTransformInput", "ShadowProductionVariants", "Containers", "DatasetDefinition"}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    installation = Installation(tmp_path_factory.mktemp("here"), allowed_buckets=ALLOWED)
    furnish(installation)
    yield installation
    installation.database.engine.dispose()


@pytest.fixture
def victim():
    """A server that nobody may speak to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener
        with pytest.raises(BlockingIOError):
            listener.accept()


def asked(endpoint, victim, reading):
    command = [sys.executable, "-m", "tests.hostile.connecting", endpoint, victim, reading]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=200).stdout)


def place_of(listener):
    return ":".join(map(str, listener.getsockname()))


def test_every_hostile_address_is_refused_or_stays_in_its_bucket(here, victim):
    taken = offer(here, place_of(victim))
    assert not taken.wrongly, "\n".join(taken.wrongly[:20])
    assert taken.inside > 200


def test_every_member_of_what_is_served_takes_a_fitting_address(here):
    members = [place for place in address_members() if not NOT_SERVED & set(place[1])]
    for number, (operation, path) in enumerate(members):
        here.call(operation, **renamed(request_with(operation, path, FITTING_ADDRESS), number))
    assert len(members) > 35


def test_there_are_many_and_few_stay():
    addresses = hostile_addresses("127.0.0.1:9")
    assert len(set(addresses)) == len(addresses) > 90
    assert sum(map(stays, addresses)) < 12


def test_only_the_stores_own_server_is_asked(memory, victim):
    told = asked(memory.endpoint_url, place_of(victim), CHECKED)
    assert told["hosts"] == [memory.endpoint_url.removeprefix("http://")]
    assert told["used"] > 10


def test_without_the_rules_another_server_is_asked(memory, victim):
    """botocore goes by the bucket's name and leaves the configured endpoint aside."""
    told = asked(memory.endpoint_url, place_of(victim), UNCHECKED)
    assert any(".s3-outposts.us-east-1.amazonaws.com:443" in host for host in told["hosts"])
