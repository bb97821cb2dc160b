"""What every object store does, asked of the folder, of a real Ceph gateway and of rclone's S3 door on a folder.

So is our own S3 server in memory, which other tests let misbehave: while it behaves, it is one like any other.

What a store cannot do is asked of it all the same: it is expected to fail, for the reason given beside its name.
What only one of them has to do is tested elsewhere (tests/unit/test_folder_store.py, tests/unit/test_s3_failures.py).
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import uuid4

import pytest
from _pytest.mark import ParameterSet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput, StoreUnavailable
from monitor_jobs.object_store import Head, ObjectMissing, ObjectStore, S3Address
from monitor_jobs.object_store.folder import FolderStore
from monitor_jobs.object_store.s3 import MULTIPART_FROM_BYTES, connect

MIB = 1024 * 1024
MORE_THAN_A_PAGE = 1_010

FOLDER = pytest.param("folder", id="folder")
CEPH = pytest.param("ceph", marks=pytest.mark.server("radosgw"), id="ceph")
RCLONE = pytest.param("rclone", marks=pytest.mark.server("rclone"), id="rclone")
MEMORY = pytest.param("memory", id="memory")


def folder_cannot(reason: str) -> ParameterSet:
    return pytest.param("folder", marks=pytest.mark.xfail(reason=reason, strict=True, raises=BadInput), id="folder")


def rclone_cannot(reason: str) -> ParameterSet:
    cannot = pytest.mark.xfail(reason=reason, strict=True)
    return pytest.param("rclone", marks=[pytest.mark.server("rclone"), cannot], id="rclone")


def asked_of(*stores: ParameterSet) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("store", stores, indirect=True)


EVERY_STORE = asked_of(FOLDER, CEPH, RCLONE, MEMORY)
SERVERS = asked_of(CEPH, RCLONE, MEMORY)
STORES_OF_NAMES = asked_of(
    folder_cannot("a key is a path here, and one that cannot be is refused with BadInput"),
    CEPH,
    MEMORY,
    rclone_cannot("a key is a path in the folder that it serves, and not every key can be one"),
)

PLAIN_KEYS = ["a", "deep/er/still", "2026/11/21/00/59-59-000-5f1c.jsonl", "/".join(["n" * 200] * 5)]
ODD_KEYS = [
    *("sp ace", " ", "plus+&=?#%25%2F", "'\"`$(x)", "back\\slash", "*", "~", "-rf", "a:b|c", "tab\tand\nline"),
    *("ü/é/ß", "e\u0301", "日本/語", "😀", ".hidden", "..twodots", "...", "trailing."),
]
KEYS_THAT_ARE_NO_PATHS = ["../x", "..", ".", "a/../b", "a/./b", "a/..", "/absolute", "a//b", "trailing/", "/"]
KEYS_OF_A_DICT = ["a/b", "a/b.c", "a.b", "a-b", "ab", "a/c/d", "a/c-d", "é", "a/é"]
STEPS_OF_A_DICT = st.lists(
    st.tuples(
        st.sampled_from(KEYS_OF_A_DICT),
        st.none() | st.binary(max_size=9),
        st.sampled_from(["", "a", "a/", "a/b", "a/c", "a/c/", "b", "é"]),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ObjectStore:
    if request.param == "folder":
        return FolderStore(tmp_path_factory.mktemp("folder"))
    server = request.getfixturevalue(request.param)
    return connect(server.endpoint_url, server.region, access_key=server.access_key, secret_key=server.secret_key)


@pytest.fixture
def bucket() -> S3Address:
    return new_bucket()


def new_bucket() -> S3Address:
    return S3Address(f"test-{uuid4().hex}", "")


def keys_below(store: ObjectStore, prefix: S3Address) -> list[str]:
    return [found.address.key for found in store.list(prefix)]


@EVERY_STORE
@pytest.mark.parametrize("key", [*PLAIN_KEYS, *ODD_KEYS])
def test_what_was_put_is_what_one_gets_and_lists(store: ObjectStore, bucket: S3Address, key: str):
    address = S3Address(bucket.bucket, key)
    store.put(address, key.encode())
    assert store.get(address) == key.encode()
    assert keys_below(store, bucket) == [key]
    assert keys_below(store, address) == [key]


@EVERY_STORE
def test_a_part_of_a_key_may_have_255_bytes(store: ObjectStore, bucket: S3Address):
    address = bucket.joined("ü" * 127 + "n")
    store.put(address, b"long")
    assert store.get(address) == b"long"


@STORES_OF_NAMES
@pytest.mark.parametrize("key", KEYS_THAT_ARE_NO_PATHS)
def test_a_key_that_is_no_path_is_a_name_like_any_other(store: ObjectStore, bucket: S3Address, key: str):
    address = S3Address(bucket.bucket, key)
    store.put(address, b"kept")
    assert store.get(address) == b"kept"
    assert keys_below(store, bucket) == [key]


@STORES_OF_NAMES
def test_a_key_may_begin_another(store: ObjectStore, bucket: S3Address):
    store.put(bucket.joined("a"), b"outer")
    store.put(bucket.joined("a/b"), b"inner")
    assert keys_below(store, bucket) == ["a", "a/b"]


@EVERY_STORE
@pytest.mark.parametrize("way", ["../{}/planted", "a/../../{}/planted", "/{}/planted", "..//{}/planted"])
def test_no_key_reaches_another_bucket(store: ObjectStore, bucket: S3Address, way: str):
    neighbour = new_bucket()
    store.put(neighbour.joined("own"), b"own")
    with suppress(BadInput, StoreUnavailable):
        store.put(S3Address(bucket.bucket, way.format(neighbour.bucket)), b"planted")
    assert keys_below(store, neighbour) == ["own"]


@EVERY_STORE
@pytest.mark.parametrize("way", ["../{}/own", "a/../../{}/own", "../{}/"])
def test_no_prefix_reaches_another_bucket(store: ObjectStore, bucket: S3Address, way: str):
    neighbour = new_bucket()
    store.put(neighbour.joined("own"), b"own")
    store.put(bucket.joined("mine"), b"mine")
    assert keys_below(store, S3Address(bucket.bucket, way.format(neighbour.bucket))) == []


@EVERY_STORE
def test_a_bucket_is_no_object(store: ObjectStore, bucket: S3Address, tmp_path: Path):
    (tmp_path / "body").write_bytes(b"body")
    deeds: list[Callable[[], object]] = [
        lambda: store.put(bucket, b"body"),
        lambda: store.upload(tmp_path / "body", bucket),
        lambda: store.take(tmp_path / "body", bucket),
        lambda: store.get(bucket),
        lambda: store.download(bucket, tmp_path / "copy"),
        lambda: store.head(bucket),
        lambda: store.delete(bucket),
    ]
    for deed in deeds:
        with pytest.raises(BadInput, match="key"):
            deed()


@EVERY_STORE
def test_a_second_put_replaces_the_first(store: ObjectStore, bucket: S3Address):
    address = bucket.joined("twice")
    store.put(address, b"first, and longer")
    store.put(address, b"second")
    assert store.get(address) == b"second"
    assert [found.size_bytes for found in store.list(bucket)] == [6]


@EVERY_STORE
@pytest.mark.parametrize("body", [b"", b"body"])
def test_a_store_shows_what_it_said_it_took(store: ObjectStore, bucket: S3Address, body: bytes):
    sent = Head(len(body), store.put(bucket.joined("shown"), body))
    assert store.head(bucket.joined("shown")).agrees_with(sent)


@SERVERS
def test_a_server_tells_other_bytes_of_the_same_size_apart(store: ObjectStore, bucket: S3Address):
    sent = Head(4, store.put(bucket.joined("changed"), b"mine"))
    store.put(bucket.joined("changed"), b"ours")
    assert not store.head(bucket.joined("changed")).agrees_with(sent)


@EVERY_STORE
def test_the_same_put_twice_is_one_object(store: ObjectStore, bucket: S3Address):
    address = bucket.joined("again")
    store.put(address, b"same")
    store.put(address, b"same")
    assert store.get(address) == b"same"
    assert keys_below(store, bucket) == ["again"]


@EVERY_STORE
def test_an_object_may_be_empty(store: ObjectStore, bucket: S3Address, tmp_path: Path):
    address = bucket.joined("nothing")
    store.put(address, b"")
    store.download(address, tmp_path / "nothing")
    assert (store.get(address), store.head(address).size_bytes, (tmp_path / "nothing").read_bytes()) == (b"", 0, b"")
    assert [found.size_bytes for found in store.list(bucket)] == [0]


@EVERY_STORE
def test_16_mib_come_back_as_they_went(store: ObjectStore, bucket: S3Address):
    body = os.urandom(16 * MIB)
    store.put(bucket.joined("large"), body)
    assert store.get(bucket.joined("large")) == body
    assert store.head(bucket.joined("large")).size_bytes == 16 * MIB


@EVERY_STORE
@pytest.mark.parametrize("size_bytes", [0, 1, 16 * MIB + 1, MULTIPART_FROM_BYTES + 1])
def test_an_uploaded_file_comes_down_the_same(store: ObjectStore, bucket: S3Address, tmp_path: Path, size_bytes: int):
    body = (os.urandom(MIB) * (size_bytes // MIB + 1))[:size_bytes]
    (tmp_path / "up").write_bytes(body)
    sent = Head(size_bytes, store.upload(tmp_path / "up", bucket.joined("file")))
    assert store.head(bucket.joined("file")).agrees_with(sent)
    store.download(bucket.joined("file"), tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == body
    assert sorted(path.name for path in tmp_path.iterdir()) == ["down", "up"]


@EVERY_STORE
def test_a_file_that_was_taken_outlives_its_source(store: ObjectStore, bucket: S3Address, tmp_path: Path):
    (tmp_path / "given").write_bytes(b"given")
    store.take(tmp_path / "given", bucket.joined("file"))
    (tmp_path / "given").unlink()
    assert (store.get(bucket.joined("file")), keys_below(store, bucket)) == (b"given", ["file"])


@EVERY_STORE
def test_a_file_may_be_taken_twice_and_replaces_what_was_there(store: ObjectStore, bucket: S3Address, tmp_path: Path):
    (tmp_path / "given").write_bytes(b"given")
    store.put(bucket.joined("file"), b"before")
    store.take(tmp_path / "given", bucket.joined("file"))
    store.take(tmp_path / "given", bucket.joined("file"))
    assert store.get(bucket.joined("file")) == (tmp_path / "given").read_bytes() == b"given"


@EVERY_STORE
def test_a_put_over_a_file_that_was_taken_leaves_its_source_alone(
    store: ObjectStore, bucket: S3Address, tmp_path: Path
):
    (tmp_path / "given").write_bytes(b"given")
    store.take(tmp_path / "given", bucket.joined("file"))
    store.put(bucket.joined("file"), b"after")
    assert (tmp_path / "given").read_bytes() == b"given"


@EVERY_STORE
def test_a_download_replaces_the_file_that_was_there(store: ObjectStore, bucket: S3Address, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"old and longer")
    store.put(bucket.joined("new"), b"new")
    store.download(bucket.joined("new"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"new"


@EVERY_STORE
def test_a_download_of_nothing_leaves_the_folder_as_it_was(store: ObjectStore, bucket: S3Address, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(ObjectMissing):
        store.download(bucket.joined("missing"), tmp_path / "file")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@EVERY_STORE
def test_a_download_needs_its_folder(store: ObjectStore, bucket: S3Address, tmp_path: Path):
    store.put(bucket.joined("here"), b"here")
    with pytest.raises(FileNotFoundError):
        store.download(bucket.joined("here"), tmp_path / "no folder" / "file")


@EVERY_STORE
def test_an_upload_of_no_file_stores_nothing(store: ObjectStore, bucket: S3Address, tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        store.upload(tmp_path / "no file", bucket.joined("key"))
    with pytest.raises(FileNotFoundError):
        store.take(tmp_path / "no file", bucket.joined("key"))
    assert keys_below(store, bucket) == []


@EVERY_STORE
@pytest.mark.parametrize("bucket_exists", [True, False])
def test_a_missing_object_is_named(store: ObjectStore, bucket: S3Address, bucket_exists: bool):
    if bucket_exists:
        store.put(bucket.joined("other"), b"")
    missing = bucket.joined("missing")
    with pytest.raises(ObjectMissing, match=str(missing)):
        store.get(missing)
    with pytest.raises(ObjectMissing, match=str(missing)):
        store.head(missing)


@EVERY_STORE
def test_below_a_missing_bucket_is_nothing(store: ObjectStore, bucket: S3Address):
    store.delete(bucket.joined("missing"))
    assert keys_below(store, bucket) == []
    assert keys_below(store, bucket.joined("some", "prefix")) == []


@EVERY_STORE
def test_what_is_deleted_is_gone_and_may_be_deleted_again(store: ObjectStore, bucket: S3Address):
    store.put(bucket.joined("a/gone"), b"gone")
    store.put(bucket.joined("a/kept"), b"kept")
    store.delete(bucket.joined("a/gone"))
    store.delete(bucket.joined("a/gone"))
    assert keys_below(store, bucket) == ["a/kept"]
    with pytest.raises(ObjectMissing):
        store.get(bucket.joined("a/gone"))


@asked_of(
    FOLDER,
    CEPH,
    MEMORY,
    rclone_cannot("it answers 500 to a delete of `a` here, and to one of `a/b/c` by deleting `a/b`"),
)
@pytest.mark.parametrize("key", ["a", "a/b/c"])
def test_beside_an_object_is_no_other(store: ObjectStore, bucket: S3Address, key: str):
    store.put(bucket.joined("a/b"), b"only")
    with pytest.raises(ObjectMissing):
        store.get(bucket.joined(key))
    with pytest.raises(ObjectMissing):
        store.head(bucket.joined(key))
    store.delete(bucket.joined(key))
    assert keys_below(store, bucket) == ["a/b"]


@EVERY_STORE
def test_a_key_is_free_again_when_all_below_it_is_deleted(store: ObjectStore, bucket: S3Address):
    store.put(bucket.joined("a/b/c"), b"inner")
    store.delete(bucket.joined("a/b/c"))
    store.put(bucket.joined("a"), b"outer")
    assert keys_below(store, bucket) == ["a"]


@EVERY_STORE
@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", ["a-b", "a.b", "a/1", "a/2/3", "ab/1", "b"]),
        ("a", ["a-b", "a.b", "a/1", "a/2/3", "ab/1"]),
        ("a/", ["a/1", "a/2/3"]),
        ("a/2", ["a/2/3"]),
        ("a/2/3", ["a/2/3"]),
        ("ab", ["ab/1"]),
        ("a/1/", []),
        ("a//", []),
        ("A", []),
        ("c", []),
    ],
)
def test_a_prefix_ends_anywhere(store: ObjectStore, bucket: S3Address, prefix: str, expected: list[str]):
    for key in ("b", "a/2/3", "ab/1", "a.b", "a/1", "a-b"):
        store.put(bucket.joined(key), b"")
    assert keys_below(store, S3Address(bucket.bucket, prefix)) == expected


@asked_of(FOLDER, CEPH, MEMORY, rclone_cannot("it takes the prefix `/` for none"))
def test_a_slash_begins_no_key(store: ObjectStore, bucket: S3Address):
    store.put(bucket.joined("a"), b"")
    assert keys_below(store, S3Address(bucket.bucket, "/")) == []


@EVERY_STORE
def test_a_listing_is_in_utf_8_order(store: ObjectStore, bucket: S3Address):
    keys = ["B", "a", "a!/x", "a-/x", "a.", "b/x", "b0", "b.", "é", "\uff5e", "😀"]
    for key in keys:
        store.put(bucket.joined(key), b"")
    assert keys_below(store, bucket) == sorted(keys, key=str.encode)


@EVERY_STORE
def test_a_listing_tells_size_and_time_in_utc(store: ObjectStore, bucket: S3Address):
    store.put(bucket.joined("told"), b"12345")
    (found,) = store.list(bucket)
    assert (found.address, found.size_bytes) == (bucket.joined("told"), 5)
    assert found.modified_at.tzinfo is UTC
    assert abs(datetime.now(UTC) - found.modified_at) < timedelta(minutes=5)


@EVERY_STORE
def test_a_listing_goes_on_after_a_thousand_keys(store: ObjectStore, bucket: S3Address):
    keys = [f"hour/{number:05}" for number in range(MORE_THAN_A_PAGE)]
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda key: store.put(bucket.joined(key), b""), keys))
    assert keys_below(store, bucket.joined("hour")) == keys
    assert [found.address.key for found in islice(store.list(bucket), 3)] == keys[:3]


@EVERY_STORE
def test_a_listing_survives_what_vanishes_under_it(store: ObjectStore, bucket: S3Address):
    keys = [f"{number % 4}/{number:02}" for number in range(24)]
    for key in keys:
        store.put(bucket.joined(key), b"")
    listing = store.list(bucket)
    first = next(listing).address.key
    for key in keys:
        store.delete(bucket.joined(key))
    assert {first, *(found.address.key for found in listing)} <= set(keys)


@EVERY_STORE
def test_readers_see_one_writers_whole_body(store: ObjectStore, bucket: S3Address):
    address = bucket.joined("contested")
    bodies = [bytes([letter]) * 256 * 1024 for letter in b"abcd"]
    store.put(address, bodies[0])
    with ThreadPoolExecutor(8) as crowd:
        writes = [crowd.submit(store.put, address, body) for body in bodies * 6]
        reads = [crowd.submit(store.get, address) for _ in range(48)]
    assert not any(write.exception() for write in writes)
    assert {read.result() for read in reads} <= set(bodies)
    assert store.get(address) in bodies


@EVERY_STORE
def test_writers_may_meet_in_a_new_bucket(store: ObjectStore, bucket: S3Address):
    keys = [f"{number}/{number}" for number in range(16)]
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda key: store.put(bucket.joined(key), key.encode()), keys))
    assert keys_below(store, bucket) == sorted(keys)


def behaves_as_a_dict(store: ObjectStore, steps: list[tuple[str, bytes | None, str]]) -> None:
    bucket, expected = new_bucket(), dict[str, bytes]()
    for key, body, prefix in steps:
        if body is None:
            store.delete(bucket.joined(key))
            expected.pop(key, None)
        else:
            store.put(bucket.joined(key), body)
            expected[key] = body
        listed = {found.address.key: found.size_bytes for found in store.list(S3Address(bucket.bucket, prefix))}
        assert list(listed.items()) == [(key, len(expected[key])) for key in sorted(expected) if key.startswith(prefix)]
    assert {key: store.get(bucket.joined(key)) for key in keys_below(store, bucket)} == expected


@asked_of(FOLDER)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS_OF_A_DICT)
def test_the_folder_behaves_as_a_dict(store: ObjectStore, steps: list[tuple[str, bytes | None, str]]):
    behaves_as_a_dict(store, steps)


@SERVERS
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS_OF_A_DICT)
def test_a_server_behaves_as_a_dict(store: ObjectStore, steps: list[tuple[str, bytes | None, str]]):
    behaves_as_a_dict(store, steps)
