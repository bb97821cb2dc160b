"""The key of digests, and what a digest made with it promises."""

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.keyed_hash import DigestUse, keyed_hash
from service.digest_key import digest_key, digest_key_file
from service.private_files import private_folder, replace_private


def test_a_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    key = digest_key(tmp_path)
    assert len(key) == 32
    assert digest_key(tmp_path) == key
    assert [path.name for path in digest_key_file(tmp_path).parent.iterdir()] == ["digest.key"]
    assert stat.S_IMODE(digest_key_file(tmp_path).stat().st_mode) == 0o600


def test_those_who_make_it_at_once_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(digest_key, [tmp_path] * 32))) == 1


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    digest_key(tmp_path)
    digest_key_file(tmp_path).chmod(0o640)
    with pytest.raises(BadInput, match="chmod 600"):
        digest_key(tmp_path)


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    replace_private(private_folder(digest_key_file(tmp_path).parent) / "digest.key", content)
    with pytest.raises(BadInput, match="no key of 32 bytes"):
        digest_key(tmp_path)


def test_equal_values_have_equal_digests_under_one_key_and_use_alone() -> None:
    digest = keyed_hash(b"k", DigestUse.REDACTED, b"ada")
    assert re.fullmatch(r"hmac:[0-9a-f]{32}", digest)
    assert digest == keyed_hash(b"k", DigestUse.REDACTED, b"ada")
    others = [(b"j", DigestUse.REDACTED, b"ada"), (b"k", DigestUse.ERASED, b"ada"), (b"k", DigestUse.REDACTED, b"Ada")]
    assert digest not in [keyed_hash(*other) for other in others]
