"""Packages are packed, unpacked and read whole, and hostile archives leave nothing behind."""

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import Conflict, ModelUnsuitable
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.model_archive import (
    ArchiveLimits,
    pack,
    read_early_file,
    read_model_card,
    read_model_card_from_archive,
    unpack,
)

MEBIBYTE = 1 << 20


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=kind, linkname=target)


def archive_of(path: Path, *members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w:gz", format=form) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(archive: Path, **limits: int) -> str:
    """The sentence an archive is refused with, having left nothing behind beside itself."""
    before = sorted(archive.parent.rglob("*"))
    with pytest.raises(ModelUnsuitable) as refused:
        unpack(archive, archive.parent / "out", limits=ArchiveLimits(**limits))
    assert sorted(archive.parent.rglob("*")) == before
    return str(refused.value)


def test_a_packed_folder_unpacks_to_the_same_files(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "code" / "empty").mkdir(parents=True)
    (folder / "code/inference.py").write_text("x = 1")
    (folder / "model.bin").write_bytes(os.urandom(3 * MEBIBYTE))
    pack(folder, tmp_path / "model.tar.gz")
    unpack(tmp_path / "model.tar.gz", tmp_path / "out")
    assert tree(tmp_path / "out") == tree(folder)
    assert (tmp_path / "out/code/empty").is_dir()


def test_packing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a").write_text("1")
    pack(folder, tmp_path / "first")
    os.utime(folder / "a", (5, 5))
    pack(folder, tmp_path / "second")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_packing_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to("/etc/passwd")
    with pytest.raises(ModelUnsuitable, match="link"):
        pack(tmp_path / "in", tmp_path / "model.tar.gz")


def test_the_empty_first_name_of_the_sagemaker_sdk_is_the_packages_own_folder(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a", member("", type=tarfile.DIRTYPE), member("code/inference.py", b"1"))
    unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == {"code/inference.py": b"1"}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_that_start_with_a_dot_and_long_names_are_read_in_every_format(tmp_path: Path, form: int) -> None:
    long_name = "/".join(["folder" * 6] * 4) + "/weights.bin"
    archive = archive_of(
        tmp_path / "a", member("./", type=tarfile.DIRTYPE), member("./" + long_name, b"w" * 700), form=form
    )
    unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == {long_name: b"w" * 700}


def test_names_beyond_ascii_and_fractional_times_are_read(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a", member("code/größe.txt", b"1", mtime=1.5))
    unpack(archive, tmp_path / "out")
    assert tree(tmp_path / "out") == {"code/größe.txt": b"1"}


def test_an_existing_folder_is_not_unpacked_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(Conflict, match="exists already"):
        unpack(archive_of(tmp_path / "a"), tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil", "leads out of"),
        ("code/../../evil", "leads out of"),
        ("code/./evil", "leads out of"),
        ("code//evil", "leads out of"),
        ("/etc/evil", "is no path below"),
        ("", "is no path below"),
        (".", "leads out of"),
        ("..\\evil", "backslash"),
        ("code/new\nline", "control character"),
        ("code/\u202egnp.exe", "control character"),
        ("a/" * 40 + "evil", "deeper than"),
        ("e" * 256, "longer than 255"),
    ],
)
def test_a_name_that_is_no_plain_path_below_the_folder_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    assert reason in refusal(archive_of(tmp_path / "a", member(name, b"1")))


@pytest.mark.parametrize("name", ["//", "../", "/tmp/evil/"])
def test_a_folder_that_is_not_below_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    assert refusal(archive_of(tmp_path / "a", member(name, type=tarfile.DIRTYPE)))


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "character device"),
        (tarfile.BLKTYPE, "block device"),
        (tarfile.FIFOTYPE, "named pipe"),
        (b"Z", "unknown type"),
    ],
)
def test_a_member_that_is_neither_file_nor_folder_is_refused(tmp_path: Path, kind: bytes, reason: str) -> None:
    sentence = refusal(archive_of(tmp_path / "a", member("code/ok", b"1"), link("code/odd", "ok", kind)))
    assert "'code/odd'" in sentence
    assert reason in sentence


def test_the_long_path_link_chain_that_escapes_the_standard_data_filter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("whole")
    part, steps = "d" * 247, "abcdefghijklmnop"
    chain: list[tuple[tarfile.TarInfo, bytes]] = []
    path = ""
    for step in steps:
        chain += [member(path + part, type=tarfile.DIRTYPE), link(path + step, part)]
        path += part + "/"
    chain += [link("/".join(steps) + "/" + "l" * 254, "../" * len(steps)), member("flag", b"x")]
    refusal(archive_of(tmp_path / "a", *chain, link("escape", "../victim"), member("escape", b"overwritten")))
    assert (tmp_path / "victim").read_text() == "whole"


def test_writing_through_a_link_is_refused_at_the_link(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a", link("code", "/tmp"), member("code/evil", b"1"))
    assert "'code' is a symbolic link" in refusal(archive)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (member("code/a", b"1"), member("code/a", b"2")),
        (member("code/a", b"1"), member("./code/a", b"2")),
        (member("code/a", b"1"), member("code/a", type=tarfile.DIRTYPE)),
        (member("code", type=tarfile.DIRTYPE), member("code", b"2")),
        (member("code/a", b"1"), member("code", b"2")),
    ],
)
def test_two_members_of_one_name_are_refused(
    tmp_path: Path, first: tuple[tarfile.TarInfo, bytes], second: tuple[tarfile.TarInfo, bytes]
) -> None:
    assert "comes twice" in refusal(archive_of(tmp_path / "a", first, second))


def test_a_member_below_a_file_is_refused(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a", member("code", b"1"), member("code/a", b"2"))
    assert "lies below 'code', which is a file" in refusal(archive)


def test_a_folder_may_come_twice(tmp_path: Path) -> None:
    folder = member("code", type=tarfile.DIRTYPE)
    unpack(archive_of(tmp_path / "a", folder, member("code/a", b"1"), folder), tmp_path / "out")
    assert tree(tmp_path / "out") == {"code/a": b"1"}


def test_more_than_ten_thousand_members_are_refused(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a", *[member(f"f{number}") for number in range(10_001)])
    assert "more than 10000" in refusal(archive)


def test_folders_that_are_only_implied_count_as_members(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a", member("a/b/c/d", b"1"))
    assert "more than 3" in refusal(archive, members=3)
    unpack(archive, tmp_path / "out", limits=ArchiveLimits(members=4))


def test_a_bomb_is_refused_before_it_is_written(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a", member("zeros", bytes(64 * MEBIBYTE)))
    assert "'zeros' claims 67108864 bytes" in refusal(archive)


def test_a_member_that_fits_its_ratio_but_not_the_total_is_refused(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a", member("noise", os.urandom(3 * MEBIBYTE)))
    assert "claims" in refusal(archive, total_bytes=2 * MEBIBYTE)


def test_a_small_package_of_zeros_is_no_bomb(tmp_path: Path) -> None:
    unpack(archive_of(tmp_path / "a", member("zeros", bytes(500_000))), tmp_path / "out")
    assert (tmp_path / "out/zeros").stat().st_size == 500_000


def test_zeros_behind_the_last_member_are_no_way_around_the_limits(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a", member("ok", b"1"))
    archive.write_bytes(archive.read_bytes() + gzip.compress(bytes(32 * MEBIBYTE)))
    unpack(archive, tmp_path / "out", limits=ArchiveLimits(total_bytes=MEBIBYTE))
    assert tree(tmp_path / "out") == {"ok": b"1"}


def header(name: bytes, *, kind: bytes = b"0", size: bytes = b"00000000000") -> bytes:
    """A header block with a right checksum and whatever else it is told."""
    block = bytearray(512)
    block[: len(name)] = name
    block[124 : 124 + len(size)] = size
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def raw_archive(path: Path, *blocks: bytes) -> Path:
    path.write_bytes(gzip.compress(b"".join(blocks) + bytes(1024)))
    return path


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ([header(b"big", size=b"\x80" + b"\xff" * 11)], "claims"),
        ([header(b"big", size=b"77777777777")], "claims 8589934591 bytes"),
        ([header(b"odd", size=b"-0000000001")], "size is"),
        ([header(b"odd", size=b"99999999999")], "size is"),
        ([header(b"x", kind=b"x", size=b"77777777777")], "extension header claims"),
        ([header(b"x", kind=b"L", size=b"00004000000")], "extension header claims"),
        ([header(b"\xff\xfe")], "not UTF-8"),
        ([header(b"folder", kind=b"5", size=b"00000000005")], "folder that claims 5 bytes"),
        ([header(b"K", kind=b"K")], "link with a long name"),
        ([header(b"S", kind=b"S")], "sparse"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, blocks: list[bytes], reason: str) -> None:
    assert reason in refusal(raw_archive(tmp_path / "a", *blocks))


def extension(record: bytes, kind: bytes = b"x") -> bytes:
    return header(b"pax", kind=kind, size=b"%011o" % len(record)) + record.ljust(512, b"\0")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"16 path=../evil\n", "leads out of"),
        (b"11 size=-1\n", "'-1' for a number"),
        (b"99 path=a\n", "cannot be read"),
        (b"0 path=a\n", "cannot be read"),
        (b"path=a\n", "for a number"),
        (b"22 GNU.sparse.major=1\n", "sparse"),
        (b"10 path=\0\n", "control character"),
    ],
)
def test_an_extension_header_that_lies_is_refused(tmp_path: Path, record: bytes, reason: str) -> None:
    assert reason.replace("'-1'", "b'-1'") in refusal(raw_archive(tmp_path / "a", extension(record), header(b"ok")))


def test_a_global_header_may_comment_but_not_rename(tmp_path: Path) -> None:
    comment = extension(b"13 comment=a\n", b"g")
    unpack(raw_archive(tmp_path / "good", comment, header(b"ok")), tmp_path / "whole")
    assert "global header sets 'path'" in refusal(raw_archive(tmp_path / "a", extension(b"9 path=a\n", b"g")))


def test_extension_headers_without_end_are_refused(tmp_path: Path) -> None:
    blocks = [extension(b"13 comment=a\n")] * 5
    assert "more than 4 extension headers" in refusal(raw_archive(tmp_path / "a", *blocks))


def test_a_wrong_checksum_is_refused_rather_than_taken_for_the_end(tmp_path: Path) -> None:
    broken = bytearray(header(b"second"))
    broken[0] ^= 1
    assert "wrong checksum" in refusal(raw_archive(tmp_path / "a", header(b"first"), bytes(broken)))


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"not a gzip file at all",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-4],
        lambda content: content[:-6] + b"\0\0" + content[-4:],
        lambda _: gzip.compress(b"no tar" * 200),
        lambda content: gzip.compress(gzip.decompress(content)[:700]),
        lambda content: gzip.compress(gzip.decompress(content)[:1536]),
        gzip.decompress,
    ],
    ids=["empty", "text", "half", "no length", "wrong sum", "no tar", "cut in content", "no end", "not compressed"],
)
def test_a_damaged_archive_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    archive = archive_of(tmp_path / "a", member("code/a", os.urandom(600)))
    archive.write_bytes(damage(archive.read_bytes()))
    assert refusal(archive)


@given(st.integers(0, 2000), st.integers(0, 255))
def test_an_archive_with_any_byte_changed_unpacks_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, position: int, value: int
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    content = bytearray(gzip.decompress(archive_of(folder / "a", member("code/a", b"1" * 700)).read_bytes()))
    content[position] = value
    (folder / "a").write_bytes(gzip.compress(bytes(content)))
    try:
        unpack(folder / "a", folder / "out")
    except ModelUnsuitable:
        assert sorted(path.name for path in folder.iterdir()) == ["a"]


def test_a_package_without_a_card_has_an_empty_card(tmp_path: Path) -> None:
    assert read_model_card(tmp_path) == ModelCard()
    assert read_model_card_from_archive(archive_of(tmp_path / "a", member("model.pt", b"1"))) == ModelCard()


def test_the_card_is_read_from_an_archive_without_unpacking_it(tmp_path: Path) -> None:
    card = member("./code/model_card.json", b'{"classes": ["stop", "go"], "unknown": 1}')
    archive = archive_of(tmp_path / "a", member("code/inference.py", b"1"), card)
    assert read_model_card_from_archive(archive).classes == ("stop", "go")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1 column 0"),
        ('{"classes":\n [1,}', "line 2 column 5"),
        ('{"classes": ["a", 5]}', "at classes.1"),
        ('{"input": {"shape": []}}', "at input.shape"),
        ("[]", "object"),
        ("\xff", "line 1"),
    ],
)
def test_a_card_that_cannot_be_read_says_where(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/model_card.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelUnsuitable, match=reason):
        read_model_card(tmp_path)


def test_a_card_larger_than_four_mebibytes_is_refused(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a", member("code/model_card.json", os.urandom(4 * MEBIBYTE + 1)))
    with pytest.raises(ModelUnsuitable, match="at most 4194304"):
        read_model_card_from_archive(archive)


def test_a_file_at_the_beginning_is_read_however_large_the_rest_is(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a", member("code/a.py", b"first"), member("model.pt", bytes(MEBIBYTE)))
    assert read_early_file(archive, "code/a.py", within_bytes=100) == b"first"


def test_a_file_behind_others_is_found_within_the_bytes_only(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a", member("model.pt", bytes(95)), member("code/a.py", b"later"))
    assert read_early_file(archive, "code/a.py", within_bytes=100) == b"later"
    assert read_early_file(archive, "code/a.py", within_bytes=99) is None


def test_an_early_file_is_none_where_it_is_absent_or_the_archive_is_damaged(tmp_path: Path) -> None:
    assert read_early_file(archive_of(tmp_path / "a", member("model.pt")), "code/a.py", within_bytes=100) is None
    (tmp_path / "b").write_bytes(b"junk")
    assert read_early_file(tmp_path / "b", "code/a.py", within_bytes=100) is None
