"""What only the folder has to do as a store: be plain files, contain hostile keys, survive crashes and races."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor_jobs.contract.errors import BadInput, StoreUnavailable
from monitor_jobs.object_store import ObjectMissing, S3Address
from monitor_jobs.object_store.folder import FolderStore
from tests.wait import wait_until

BUCKET = S3Address("bucket", "")
UPLOAD = """
import sys
from pathlib import Path
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
FolderStore(Path(sys.argv[1])).upload(Path(sys.argv[2]), S3Address.parse(sys.argv[3]))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def store(root: Path) -> FolderStore:
    return FolderStore(root)


def keys(store: FolderStore) -> list[str]:
    return [found.address.key for found in store.list(BUCKET)]


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def bytes_arriving(root: Path) -> int:
    return sum(path.stat().st_size for path in (root / "tmp").glob("*"))


@contextmanager
def unfinished_upload(root: Path, key: str) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A process that has stored half an object and waits for the rest, and the pipe from which it reads."""
    pipe = root.parent / "pipe"
    os.mkfifo(pipe)
    child = subprocess.Popen([sys.executable, "-c", UPLOAD, root, pipe, str(BUCKET.joined(key))])
    writing_end = os.open(pipe, os.O_WRONLY)
    try:
        os.write(writing_end, b"half" * 1024)
        wait_until(
            lambda: bytes_arriving(root) or list((root / "tmp").glob("*")), timeout_seconds=60, what="an arrival"
        )
        yield child, writing_end
    finally:
        os.close(writing_end)
        child.wait(60)


def test_an_object_is_a_plain_file_that_other_programs_may_read(store: FolderStore, root: Path):
    store.put(S3Address("bucket", "a/b.json"), b"plain")
    assert (root / "store" / "bucket" / "a" / "b.json").read_bytes() == b"plain"
    assert everything_below(root / "tmp") == []


def given_file(root: Path, content: bytes = b"given") -> Path:
    path = root.parent / "given"
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def test_a_file_that_was_taken_is_not_copied(store: FolderStore, root: Path):
    given = given_file(root)
    for _ in range(2):
        store.take(given, BUCKET.joined("a/b"))
    assert (root / "store" / "bucket" / "a" / "b").samefile(given)
    assert everything_below(root / "tmp") == []


def test_who_may_read_an_object_does_not_depend_on_the_file_that_was_taken(store: FolderStore, root: Path):
    store.put(BUCKET.joined("put"), b"put")
    store.take(given_file(root), BUCKET.joined("taken"))
    put, taken = (root / "store" / "bucket" / key for key in ("put", "taken"))
    assert put.stat().st_mode == taken.stat().st_mode


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP])
def test_a_file_that_can_have_no_second_name_is_copied(
    store: FolderStore, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    given = given_file(root)
    store.take(given, BUCKET.joined("key"))
    given.write_bytes(b"changed")
    assert store.get(BUCKET.joined("key")) == b"given"
    assert everything_below(root / "tmp") == []


def test_of_a_link_that_was_taken_the_object_is_the_file(store: FolderStore, root: Path):
    (root.parent / "link").symlink_to(given_file(root))
    store.take(root.parent / "link", BUCKET.joined("key"))
    assert store.get(BUCKET.joined("key")) == b"given"


def test_taking_a_file_onto_a_folder_is_refused(store: FolderStore, root: Path):
    store.put(BUCKET.joined("a/b"), b"body")
    with pytest.raises(BadInput, match="folder of another"):
        store.take(given_file(root), BUCKET.joined("a"))
    assert everything_below(root / "tmp") == []


def test_a_plain_file_is_an_object(store: FolderStore, root: Path):
    (root / "store" / "bucket" / "a").mkdir(parents=True)
    (root / "store" / "bucket" / "a" / "foreign.json").write_bytes(b"foreign")
    assert store.get(BUCKET.joined("a/foreign.json")) == b"foreign"


def test_what_rclone_is_still_writing_is_in_no_listing(store: FolderStore, root: Path):
    store.put(BUCKET.joined("a/whole"), b"whole")
    (root / "store" / "bucket" / "a" / ".rclone_temp_put_1").write_bytes(b"par")
    assert keys(store) == ["a/whole"]


def test_reading_an_empty_store_makes_nothing(store: FolderStore, root: Path):
    assert keys(store) == []
    store.delete(BUCKET.joined("missing"))
    with pytest.raises(ObjectMissing):
        store.get(BUCKET.joined("missing"))
    assert not root.exists()


def test_a_root_may_be_relative_or_behind_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    FolderStore(Path("link")).put(BUCKET.joined("key"), b"body")
    assert FolderStore(tmp_path / "real").get(BUCKET.joined("key")) == b"body"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        *(("", "empty part"), ("/", "empty part"), ("/etc/passwd", "empty part"), ("a//b", "empty part")),
        *(
            ("a/", "empty part"),
            ("..", "'..'"),
            ("../x", "'..'"),
            ("a/../../x", "'..'"),
            (".", "'.'"),
            ("a/./b", "'.'"),
        ),
        *(("n" * 256, "255 bytes"), ("a/" + "ü" * 128, "255 bytes")),
    ],
)
def test_a_key_that_cannot_be_a_file_is_refused_with_the_reason(store: FolderStore, root: Path, key: str, reason: str):
    address = S3Address("bucket", key)
    deeds: list[Callable[[], object]] = [
        lambda: store.put(address, b"body"),
        lambda: store.upload(Path(__file__), address),
        lambda: store.take(Path(__file__), address),
        lambda: store.get(address),
        lambda: store.download(address, root.parent / "copy"),
        lambda: store.head(address),
        lambda: store.delete(address),
    ]
    for deed in deeds:
        with pytest.raises(BadInput, match=reason):
            deed()
    assert everything_below(root.parent) == []


@pytest.mark.parametrize(("first", "second"), [("a/b", "a"), ("a", "a/b"), ("a/b", "a/b/c/d"), ("a/b/c/d", "a/b")])
def test_a_key_that_is_the_folder_of_another_is_refused(store: FolderStore, root: Path, first: str, second: str):
    store.put(BUCKET.joined(first), b"first")
    with pytest.raises(BadInput, match=r"folder of another.*remove /"):
        store.put(BUCKET.joined(second), b"second")
    assert keys(store) == [first]
    assert everything_below(root / "tmp") == []


@pytest.mark.parametrize("link", ["bucket", "bucket/a", "bucket/a/key"])
def test_no_link_is_followed(store: FolderStore, root: Path, tmp_path: Path, link: str):
    outside, address = tmp_path / "outside", BUCKET.joined("a/key")
    (outside / "a").mkdir(parents=True)
    (outside / "a" / "key").write_bytes(b"secret")
    target = outside / Path(link).relative_to("bucket")
    (root / "store" / link).parent.mkdir(parents=True)
    (root / "store" / link).symlink_to(target)
    for deed in (store.get, store.head, store.delete, lambda address: store.put(address, b"planted")):
        with pytest.raises(BadInput, match="symbolic link"):
            deed(address)
    assert keys(store) == []
    assert (outside / "a" / "key").read_bytes() == b"secret"


def test_a_link_that_leads_to_itself_leads_nowhere(store: FolderStore, root: Path):
    (root / "store" / "bucket").mkdir(parents=True)
    (root / "store" / "bucket" / "loop").symlink_to("loop")
    with pytest.raises(ObjectMissing):
        store.get(BUCKET.joined("loop/key"))
    with pytest.raises(BadInput, match="remove /"):
        store.put(BUCKET.joined("loop/key"), b"body")
    assert keys(store) == []


def test_what_can_be_no_object_is_not_listed(store: FolderStore, root: Path):
    store.put(BUCKET.joined("object"), b"")
    bucket = root / "store" / "bucket"
    (bucket / os.fsdecode(b"not-utf-8-\xff")).write_bytes(b"")
    (bucket / "empty folder").mkdir()
    os.mkfifo(bucket / "pipe")
    deep = bucket.joinpath(*["n" * 250] * 5)
    deep.mkdir(parents=True)
    (deep / "key of more than 1,024 bytes").write_bytes(b"")
    assert keys(store) == ["object"]


def test_a_pipe_is_no_object(store: FolderStore, root: Path):
    (root / "store" / "bucket").mkdir(parents=True)
    os.mkfifo(root / "store" / "bucket" / "pipe")
    with pytest.raises(ObjectMissing):
        store.get(BUCKET.joined("pipe"))


def test_folders_go_with_their_last_object_and_the_bucket_stays(store: FolderStore, root: Path):
    for key in ("a/b/c/1", "a/b/2"):
        store.put(BUCKET.joined(key), b"")
    store.delete(BUCKET.joined("a/b/c/1"))
    assert everything_below(root / "store") == ["bucket", "bucket/a", "bucket/a/b", "bucket/a/b/2"]
    store.delete(BUCKET.joined("a/b/2"))
    assert everything_below(root / "store") == ["bucket"]


def test_a_writer_that_dies_half_way_leaves_the_object_as_it_was(store: FolderStore, root: Path):
    store.put(BUCKET.joined("key"), b"before")
    with unfinished_upload(root, "key") as (child, _):
        assert everything_below(root / "store") == ["bucket", "bucket/key"]
        child.kill()
        child.wait()
    assert store.get(BUCKET.joined("key")) == b"before"
    assert keys(store) == ["key"]


def test_the_next_start_removes_what_a_dead_writer_left(store: FolderStore, root: Path):
    with unfinished_upload(root, "key") as (child, _):
        child.kill()
        child.wait()
    assert len(everything_below(root / "tmp")) == 1
    FolderStore(root)
    assert everything_below(root / "tmp") == []


def test_another_start_leaves_a_living_writer_alone(store: FolderStore, root: Path):
    with unfinished_upload(root, "key") as (_, pipe):
        FolderStore(root)
        os.write(pipe, b"rest")
    assert store.get(BUCKET.joined("key")) == b"half" * 1024 + b"rest"


def test_what_is_foreign_among_the_arrivals_stops_no_start(root: Path):
    (root / "tmp" / "folder").mkdir(parents=True)
    (root / "tmp" / "link").symlink_to("nowhere")
    FolderStore(root).put(BUCKET.joined("key"), b"body")
    assert everything_below(root / "tmp") == ["folder", "link"]


def test_a_disk_without_room_is_named_and_nothing_stays(store: FolderStore, root: Path):
    store.put(BUCKET.joined("key"), b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(StoreUnavailable, match=r"cannot write s3://bucket/key: .*File too large.*has room"):
            store.put(BUCKET.joined("key"), bytes(2**20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (store.get(BUCKET.joined("key")), everything_below(root / "tmp")) == (b"before", [])


def test_a_root_that_is_a_file_is_named(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    store = FolderStore(tmp_path / "file")
    with pytest.raises(StoreUnavailable, match=rf"cannot write s3://bucket/key: .*check that {tmp_path / 'file'} is"):
        store.put(BUCKET.joined("key"), b"body")


def test_folders_that_deletes_remove_never_fail_a_put(root: Path):
    def put_and_delete(number: int) -> None:
        store, address = FolderStore(root), BUCKET.joined("a/b/c", str(number % 5))
        for _ in range(8):
            store.put(address, b"body")
            store.delete(address)

    with ThreadPoolExecutor(10) as crowd:
        list(crowd.map(put_and_delete, range(10)))
    assert everything_below(root) == ["store", "store/bucket", "tmp"]


def test_a_listing_amid_puts_and_deletes_keeps_its_order_and_misses_nothing_that_stays(store: FolderStore):
    for key in ("a/1", "a/5", "b", "c/d/e"):
        store.put(BUCKET.joined(key), b"")
    with ThreadPoolExecutor(4) as crowd:
        fleeting = [BUCKET.joined(f"a/{number}/x/y") for number in (2, 3, 6)]
        churn = [crowd.submit(lambda one: (store.put(one, b""), store.delete(one)), one) for one in fleeting * 10]
        listings = [keys(store) for _ in range(100)]
    assert [each.exception() for each in churn] == [None] * 30
    assert all(listing == sorted(listing) for listing in listings)
    assert all({"a/1", "a/5", "b", "c/d/e"} <= set(listing) for listing in listings)
