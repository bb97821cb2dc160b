"""Hostile model packages: each with what it attempts, and the words of the refusal, or none where it does no harm.

What lives here: the corpus. What does not: unpacking it (unpacking), the headers' bytes (tar_bytes).
"""

import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tests.hostile import tar_bytes
from tests.hostile.sandbox import CANARY, PLANTED
from tests.hostile.tar_bytes import (
    END,
    GNU,
    V7,
    extension,
    file,
    folder,
    hardlink,
    header,
    long_name,
    packed,
    pax,
    pax_record,
    symlink,
    tar,
)

MEBIBYTE: Final = 1 << 20
Content = Callable[[Path], bytes]
NOISE: Final = Random(1).randbytes(3 * MEBIBYTE)
COMMENTS: Final = b"5 a=\n" * 13_000


@dataclass(frozen=True)
class HostileArchive:
    """One archive. `content` makes its bytes for a sandbox whose `packages/` it will be unpacked in.

    `refusal` is part of the sentence it must be refused with, the member's name where one is to blame; None where a
    package of regular files may come of it.
    """

    name: str
    content: Content
    refusal: str | None


def _named(name: str | bytes, refusal: str, label: str = "") -> HostileArchive:
    """A regular file of that name behind a harmless one."""
    content = packed(file("code/inference.py"), file(name, b"evil"))
    return HostileArchive(label or f"a file named {name!r}"[:60], lambda _: content, refusal)


def _of(name: str, refusal: str | None, *parts: bytes) -> HostileArchive:
    content = packed(*parts)
    return HostileArchive(name, lambda _: content, refusal)


def _bytes(name: str, refusal: str | None, content: bytes) -> HostileArchive:
    return HostileArchive(name, lambda _: content, refusal)


def _in_sandbox(name: str, refusal: str, parts: Callable[[Path], list[bytes]]) -> HostileArchive:
    return HostileArchive(name, lambda sandbox: packed(*parts(sandbox)), refusal)


def _long_path_chain() -> bytes:
    """CVE-2025-4517: links so long that realpath gives up half way, where the data filter takes it for resolved."""
    part, steps, path, parts = "d" * 247, "abcdefghijklmnop", "", []
    for step in steps:
        parts += [_far(folder, path + part), _far(lambda name: symlink(name.decode(), part), path + step)]
        path += part + "/"
    long_link = "/".join(steps) + "/" + "l" * 254
    parts.append(_far(lambda name: symlink(name.decode(), "../" * len(steps)), long_link))
    parts.append(long_name(f"{long_link}/../..".encode(), b"K") + symlink("escape", "long"))
    return packed(*parts, hardlink("flag", f"escape/{CANARY}"), file("flag", b"overwritten"))


def _far(member: Callable[[bytes], bytes], path: str) -> bytes:
    return long_name(path.encode()) + member(path.encode()[:99])


def _hundred_thousand(_: Path) -> bytes:
    return packed(*(header(b"f%06d" % number) for number in range(100_000)))


def _bomb_of_many(_: Path) -> bytes:
    zeros = bytes(MEBIBYTE - tar_bytes.BLOCK)
    return packed(*(file(f"zeros{number}", zeros) for number in range(48)))


def _bomb_of_long_names(_: Path) -> bytes:
    parts = (long_name(b"a" * 60_000) + pax(path=f"f{number}") + file("a") for number in range(60))
    return packed(*parts)


TRAVERSAL: Final = (
    _named(f"../../{CANARY}", f"'../../{CANARY}' leads out of"),
    _named(f"../{PLANTED}", f"'../{PLANTED}' leads out of"),
    _named(f"code/../../../{PLANTED}", "leads out of"),
    _named(f"code/..//../../{PLANTED}", "leads out of"),
    _named("code/..", "'code/..' leads out of"),
    _named("..", "'..' leads out of"),
    _named("./../../planted", "leads out of"),
    _named(".//../planted", "is no path below"),
    _named("code/./inference.py", "leads out of"),
    _named("code//inference2.py", "leads out of"),
    _named("//planted", "'//planted' is no path below"),
    _named("..\\..\\planted", "backslash"),
    _named("C:\\planted", "backslash"),
    _named("", "is no path below", "a file without a name"),
    _named(".", "'.' leads out of"),
    _in_sandbox("an absolute name", f"/{CANARY}' is no path below", lambda box: [_absolute(box, CANARY)]),
    _in_sandbox("a dot and an absolute name", "is no path below", lambda box: [_absolute(box, PLANTED, "./")]),
    _of("a folder above", "'../planted/' leads out of", folder("../planted/"), file("../planted/a")),
    _of("a folder's name that climbs", "'code/../../planted/' leads", folder("code/../../planted/")),
    _of("a prefix field that climbs", f"'../../{CANARY}' leads out", file(CANARY, prefix=b"../..")),
    _of("a name without an end that climbs", "leads out of", header(b"../" * 33 + b"e", prefix=b"code")),
)
LONG_PATH_CHAIN: Final = HostileArchive(
    "the chain of CVE-2025-4517", lambda _: _long_path_chain(), "is a symbolic link"
)
LINKS: Final = (
    LONG_PATH_CHAIN,
    _of("a link that points inside", "'code/b' is a symbolic link", file("code/a"), symlink("code/b", "a")),
    _of("a hard link that points inside", "'code/b' is a hard link", file("code/a"), hardlink("code/b", "code/a")),
    _of(
        "a link to a folder and a file through it",
        "'code' is a symbolic link",
        symlink("code", "../.."),
        file(f"code/{PLANTED}"),
    ),
    _of("a link that is written through", "'w' is a symbolic link", symlink("w", f"../../{CANARY}"), file("w", b"x")),
    _of(
        "a hard link that is written through",
        "'w' is a hard link",
        hardlink("w", f"../../{CANARY}"),
        file("w", b"x"),
    ),
    _of(
        "two links that climb together",
        "'a' is a symbolic link",
        symlink("a", "."),
        symlink("a/b", ".."),
        file(f"a/b/../{PLANTED}"),
    ),
    _in_sandbox("an absolute link", "'abs' is a symbolic link", lambda box: [symlink("abs", str(box)), file("abs/x")]),
    _of("a link to itself", "'loop' is a symbolic link", symlink("loop", "loop")),
    _of("a long link target", "is a link with a long name", long_name(b"x" * 300, b"K"), symlink("a", "x")),
    _of("a link's target by pax", "'a' is a symbolic link", pax(linkpath=f"../../{CANARY}"), symlink("a", "b")),
    _of("a file with a link's target", None, pax(linkpath=f"../../{CANARY}"), file("weights")),
)
SPECIAL: Final = (
    _of("a character device", "'null' is a character device", header(b"null", kind=b"3")),
    _of("a block device", "'disk' is a block device", header(b"disk", kind=b"4")),
    _of("a named pipe", "'pipe' is a named pipe", header(b"pipe", kind=b"6")),
    _of("a socket, as Solaris writes it", "has the unknown type b's'", header(b"socket", kind=b"s")),
    _of("a GNU sparse file", "'sparse' is a sparse file", header(b"sparse", kind=b"S", size=512, magic=GNU)),
    _of("a pax sparse file", "sparse file", pax(GNU__sparse__major="1", GNU__sparse__realsize="9" * 12), file("s")),
    _of("a pax sparse name", "sparse file", pax(GNU__sparse__name=f"../{PLANTED}"), file("GNUSparseFile.0/s")),
    _of("another volume's part", "has the unknown type b'M'", header(b"part", kind=b"M", size=512, magic=GNU)),
    _of("a volume label", "has the unknown type b'V'", header(b"../label", kind=b"V", magic=GNU)),
    _of("a dumped folder", "has the unknown type b'D'", header(b"dump", kind=b"D", magic=GNU)),
    _of("Solaris's own extension", "has the unknown type b'X'", extension(b"16 path=../evil\n", b"X"), file("a")),
    _of("set-user-id, set-group-id and sticky", None, file("tool", b"#!/bin/sh\n", mode=0o7777), folder("d")),
    _of("a folder nobody may enter", None, header(b"closed", kind=b"5", mode=0), file("closed/a")),
)
EXTENSIONS: Final = (
    _of("a pax path that climbs", f"'../../{CANARY}' leads out", pax(path=f"../../{CANARY}"), file("ok")),
    _of("a pax path with a NUL", "control character", pax(path=b"ok\0evil"), file("ok")),
    _of("an empty pax path", "'' is no path below", pax(path=""), file("ok")),
    _of("two pax paths", f"'../{PLANTED}' leads out", pax(path="ok") + pax(path=f"../{PLANTED}"), file("a")),
    _of(
        "a path in one record twice",
        "leads out",
        extension(pax_record("path", "ok") + pax_record("path", "../evil")),
        file("a"),
    ),
    _of("a global path", "a global header sets 'path'", pax(b"g", path=f"../{PLANTED}"), file("ok")),
    _of("a global size", "a global header sets 'size'", pax(b"g", size="0"), file("ok", b"x" * 600)),
    _of("a pax size of ten gigabytes", "'big' claims 10000000000 bytes", pax(size="10000000000"), file("big")),
    _of("a negative pax size", "b'-1' for a number", pax(size="-1"), file("a")),
    _of("a pax size of many digits", "for a number", pax(size="9" * 60_000), file("a")),
    _of("a pax size that hides a member", "wrong checksum", pax(size="1"), file("a", file("../../evil"))),
    _of("a record whose length lies", "cannot be read", extension(b"99 path=../evil\n"), file("a")),
    _of("a record of length 0", "cannot be read", extension(b"0 path=../evil\n"), file("a")),
    _of("a record without a length", "for a number", extension(b"path=../evil\n"), file("a")),
    _of("extensions without end", "more than 4 extension headers", *[pax(comment="x")] * 5, file("a")),
    _of("an extension of eight gigabytes", "extension header claims", header(b"x", kind=b"x", size=b"77777777777\0")),
    _of("an extension of negative size", "size is", header(b"x", kind=b"x", size=b"-0000000001\0")),
    _of("a GNU long name that climbs", f"'../../{CANARY}' leads out", long_name(f"../../{CANARY}".encode()), file("a")),
    _of("a GNU long name of 5000 characters", "is deeper than", long_name(b"a/" * 2500 + b"b"), file("a")),
    _of("a GNU long name of one part", "longer than", long_name(b"a" * 4096), file("a")),
    _of("a GNU long name and a pax path", "leads out", long_name(b"fine") + pax(path="../evil"), file("a")),
    _of("an extension and nothing after it", None, pax(path="../evil")),
    _of("a name in no character set", "is not UTF-8", pax(hdrcharset="BINARY", path=b"\xff\xfe"), file("a")),
)
NAMES: Final = (
    _named("code/new\nline", "control character"),
    _named("code/\x1b[2Jscreen", "control character"),
    _named("code/\u202egnp.exe", "control character"),
    _named("code/\u2028line", "control character"),
    _named(b"code/\xc0\xae\xc0\xae/evil", "is not UTF-8"),
    _named("a/" * 40 + "deep", "is deeper than"),
    _of("a part of 256 bytes", "part longer than 255", pax(path="e" * 256), file("a")),
    _of("a name cut by a NUL", None, file(b"code/ok\0/../../evil")),
    _of("names that look like dots", None, file("code/\u2025/a"), file("code/\uff0e\uff0e/b"), file("code/.../c")),
    _of("encoded dots", None, file("code/%2e%2e/a"), file("code/..%2fb")),
    _of("names like options", None, file("-rf"), file("--checkpoint-action=exec=sh"), file("$(touch planted)")),
)
TWINS: Final = (
    _of("one file twice", "'code/a' comes twice", file("code/a"), file("code/a", b"2")),
    _of("one file twice, once by a dot", "'./code/a' comes twice", file("code/a"), file("./code/a", b"2")),
    _of("a file, then a folder", "'a/' comes twice", file("a"), folder("a/")),
    _of("a folder, then a file", "'a' comes twice", folder("a/"), file("a")),
    _of("a file, then one below it", "'a/b' lies below 'a'", file("a"), file("a/b")),
    _of("names apart in case alone", None, file("Code/a"), file("code/a"), file("CODE/A")),
    _of("names apart in accents' form alone", None, file("code/\u00e9"), file("code/e\u0301")),
)
SIZES: Final = (
    _of("a claim of ten gigabytes", "'big' claims 10000000000", header(b"big", size=b"\x80" + (10**10).to_bytes(11))),
    _of("a claim of 2^88 bytes", "claims", header(b"big", size=b"\x80" + b"\xff" * 11)),
    _of("a negative size in base 256", "size is", header(b"neg", size=b"\xff" * 12)),
    _of("a negative octal size", "size is", header(b"neg", size=b"-0000000001\0")),
    _of("a size that is no number", "size is", header(b"odd", size=b"99999999999\0")),
    _of(
        "a folder with content",
        "is a folder that claims 5 bytes",
        header(b"folder", kind=b"5", size=5),
        tar(b"x" * 512),
    ),
    _of("a file with a folder's name", "is a folder that claims 1 bytes", file("folder/")),
    HostileArchive("a hundred thousand members", _hundred_thousand, "more than 10000 files and folders"),
    HostileArchive("a bomb in one file", lambda _: packed(file("zeros", bytes(64 * MEBIBYTE))), "'zeros' claims"),
    HostileArchive("a bomb in many files", _bomb_of_many, "claims"),
    HostileArchive("a bomb of long names", _bomb_of_long_names, "unpacks to more than a package may hold"),
    _of(
        "nine mebibytes of extensions",
        "in all",
        *[extension(COMMENTS) + file(f"f{n}", NOISE[:1]) for n in range(140)],
        file("n", NOISE),
    ),
    _of("a wrong checksum", "wrong checksum", file("first"), file("second").replace(b"second", b"Second", 1)),
    _of("a member behind the end", None, file("ok"), END, file(f"../../{CANARY}")),
)
STREAMS: Final = (
    _bytes("an empty file", "cut short", b""),
    _bytes("no gzip", "no whole gzip file", b"#!/bin/sh\ntouch planted\n"),
    _bytes("a tar archive without gzip", "no whole gzip file", tar(file("a"))),
    _bytes("a zip archive", "no whole gzip file", b"PK\x03\x04" + bytes(200)),
    _bytes("an archive cut in half", "gzip", packed(file("noise", NOISE[:9000]))[:4000]),
    _bytes("an archive without its sum", "gzip", packed(file("a"))[:-8]),
    _bytes("an archive with a wrong sum", "gzip", packed(file("a"))[:-8] + b"\0\0\0\0" + packed(file("a"))[-4:]),
    _bytes("headers without an end", "cut short", gzip.compress(file("a"))),
    _bytes("a header without its content", "cut short", gzip.compress(header(b"a", size=4096))),
    _bytes("gzip in gzip", "checksum", gzip.compress(packed(file("noise", NOISE[:2000])))),
    _bytes("two archives, one behind the other", None, packed(file("a")) + packed(file(f"../../{CANARY}"))),
    _bytes("one archive in two gzip members", "leads out", gzip.compress(file("a")) + packed(file("../evil"))),
    _bytes("zeros without end behind the end", None, packed(file("a")) + gzip.compress(bytes(64 * MEBIBYTE))),
    _bytes("garbage behind the end", "no whole gzip file", packed(file("a")) + b"garbage"),
    _bytes(
        "a gzip header that names a file",
        None,
        b"\x1f\x8b\x08\x08" + bytes(6) + b"../../planted\0" + packed(file("a"))[10:],
    ),
    _of("old headers without magic", f"'../../{CANARY}' leads out", file(f"../../{CANARY}", magic=V7)),
    _bytes("nothing but noise", "no whole gzip file", NOISE[:5000]),
    _bytes("noise in gzip", "checksum", gzip.compress(NOISE[:5000])),
)
# These take seconds to make.
LARGE: Final = tuple(hostile for hostile in SIZES if hostile.content in (_hundred_thousand, _bomb_of_many))
ARCHIVES: Final = (*TRAVERSAL, *LINKS, *SPECIAL, *EXTENSIONS, *NAMES, *TWINS, *SIZES, *STREAMS)


def _absolute(sandbox: Path, name: str, before: str = "") -> bytes:
    path = f"{before}{os.path.realpath(sandbox)}/{name}"
    return pax(path=path) + file("absolute", b"evil")
