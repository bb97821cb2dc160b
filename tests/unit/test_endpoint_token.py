"""The token of endpoint processes: made once, for its owner only, and never a short one."""

import hashlib
import stat

import pytest

from monitor_jobs.contract.errors import BadInput
from service.endpoint_token import endpoint_token, endpoint_token_file, token_sha256


def test_a_token_is_made_once_and_read_again(tmp_path):
    first = endpoint_token(tmp_path)
    assert endpoint_token(tmp_path) == first
    assert len(first) >= 43
    assert endpoint_token(tmp_path / "another") != first


def test_nobody_else_may_read_it(tmp_path):
    endpoint_token(tmp_path)
    path = endpoint_token_file(tmp_path)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]
    path.chmod(0o644)
    with pytest.raises(BadInput, match="not this user's alone"):
        endpoint_token(tmp_path)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40, b"two lines\n" * 9])
def test_what_is_no_token_is_refused(tmp_path, content):
    endpoint_token(tmp_path)
    endpoint_token_file(tmp_path).write_bytes(content)
    with pytest.raises(BadInput, match="is no endpoint token: delete it"):
        endpoint_token(tmp_path)


def test_a_process_is_told_the_hash_alone():
    assert token_sha256("token") == hashlib.sha256(b"token").hexdigest()
