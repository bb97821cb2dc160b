"""Secrets at rest: sealed for one key id, with a key that nobody else may read."""

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from monitor_jobs.contract.errors import BadInput
from service.adapters.sealed_secrets import FORM, SealedSecrets, open_sealed_secrets
from service.core.secret import Secret, Unsealable

SECRET = Secret("canary-secret-value")
KEY = bytes(range(32))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data/secrets"


def test_what_is_sealed_comes_back():
    sealer = SealedSecrets(KEY)
    assert sealer.unseal(sealer.seal(SECRET, key_id="SXT1"), key_id="SXT1") == SECRET


def test_the_sealed_form_is_aes_256_gcm_with_the_key_id_as_associated_data():
    content = base64.b64decode(SealedSecrets(KEY).seal(SECRET, key_id="SXT1").removeprefix(FORM))
    assert AESGCM(KEY).decrypt(content[:12], content[12:], b"SXT1") == b"canary-secret-value"


def test_the_same_secret_is_never_sealed_the_same():
    sealer = SealedSecrets(KEY)
    assert len({sealer.seal(SECRET, key_id="SXT1") for _ in range(100)}) == 100


def test_a_sealed_secret_moved_to_another_id_does_not_open():
    sealer = SealedSecrets(KEY)
    with pytest.raises(Unsealable, match=r"SXT2 was sealed with another sealing\.key, or was changed since: put the"):
        sealer.unseal(sealer.seal(SECRET, key_id="SXT1"), key_id="SXT2")


def test_another_key_does_not_open_it():
    with pytest.raises(Unsealable):
        SealedSecrets(bytes(32)).unseal(SealedSecrets(KEY).seal(SECRET, key_id="SXT1"), key_id="SXT1")


def test_no_changed_character_opens():
    sealed = SealedSecrets(KEY).seal(SECRET, key_id="SXT1")
    for place in range(len(FORM), len(sealed) - 2):
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        with pytest.raises(Unsealable):
            SealedSecrets(KEY).unseal(changed, key_id="SXT1")


@pytest.mark.parametrize("sealed", ["", FORM, "aes256gcm.!!", FORM + "AAAA", "plain text", "\ud800"])
def test_what_was_never_sealed_does_not_open(sealed):
    with pytest.raises(Unsealable):
        SealedSecrets(KEY).unseal(sealed, key_id="SXT1")


def test_the_key_is_made_once_for_its_owners_eyes_only(folder):
    sealed = open_sealed_secrets(folder).seal(SECRET, key_id="SXT1")
    assert open_sealed_secrets(folder).unseal(sealed, key_id="SXT1") == SECRET
    path = folder / "sealing.key"
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(path.stat().st_mode)) == (0o700, 0o600)
    assert (path.stat().st_size, [entry.name for entry in folder.iterdir()]) == (32, ["sealing.key"])


def test_all_who_make_it_at_once_have_the_same(folder):
    ready = Barrier(8)

    def open_at_once(_number):
        ready.wait()
        return open_sealed_secrets(folder)

    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(open_at_once, range(8)))
    sealed = opened[0].seal(SECRET, key_id="SXT1")
    assert all(sealer.unseal(sealed, key_id="SXT1") == SECRET for sealer in opened)
    assert [entry.name for entry in folder.iterdir()] == ["sealing.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o620])
def test_a_key_that_others_may_read_is_refused(folder, mode):
    open_sealed_secrets(folder)
    (folder / "sealing.key").chmod(mode)
    with pytest.raises(
        BadInput, match=rf"sealing.key is not this user's alone \(mode {mode:o}, owner \d+\): chmod 600"
    ):
        open_sealed_secrets(folder)


def test_a_folder_that_others_may_enter_is_refused(folder):
    folder.mkdir(parents=True, mode=0o755)
    folder.chmod(0o755)
    with pytest.raises(BadInput, match=r"secrets is not this user's alone .*: chmod 700"):
        open_sealed_secrets(folder)


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_a_file_of_another_size_is_no_key(folder, size):
    open_sealed_secrets(folder)
    (folder / "sealing.key").write_bytes(os.urandom(size))
    with pytest.raises(BadInput, match=r"is no sealing key of 32 bytes: put back the right one"):
        open_sealed_secrets(folder)


def test_a_link_is_not_followed(folder, tmp_path):
    folder.mkdir(parents=True, mode=0o700)
    (tmp_path / "elsewhere").write_bytes(KEY)
    (folder / "sealing.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"sealing\.key"):
        open_sealed_secrets(folder)
