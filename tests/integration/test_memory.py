"""What a process gives back, in processes of their own: the kernel counts what is left."""

import subprocess
import sys
from pathlib import Path

import pytest

MAPPED = """
import ctypes, mmap, os, sys
from service.memory import give_back, untouched_mappings

path, kind, keeps = sys.argv[1:]
SIZE = os.path.getsize(path)
written = kind == "written"
file = open(path, "rb")
mapped = mmap.mmap(
    file.fileno(), SIZE, flags=mmap.MAP_SHARED if kind == "shared" else mmap.MAP_PRIVATE,
    prot=mmap.PROT_READ | (mmap.PROT_WRITE if written else 0),
)
os.unlink(path)
if written:
    mapped[:5] = b"wrote"
    start = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(start), ctypes.c_size_t(SIZE), mmap.PROT_READ) == 0
read = bytes(mapped)

def resident_kb():
    lines = iter(open("/proc/self/smaps").read().splitlines())
    here = [next(line for line in lines if line.startswith("Rss:")) for each in lines if path in each]
    return sum(int(line.split()[1]) for line in here)

before = resident_kb()
if keeps == "gives back":
    give_back()
print(before, resident_kb(), bytes(mapped) == read)
"""
FREED = """
import ctypes, sys
from service.memory import trim_heap

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
pieces = [ctypes.c_void_p(libc.malloc(65_536)) for _ in range(1_000)]
for piece in pieces:
    ctypes.memset(piece, 1, 65_536)
last = libc.malloc(65_536)  # above what is freed: the allocator does not shrink its heap by itself then
for piece in pieces:
    libc.free(piece)

def anonymous_kb():
    return next(int(line.split()[1]) for line in open("/proc/self/smaps_rollup") if line.startswith("Anonymous:"))

before = anonymous_kb()
if sys.argv[1] == "gives back":
    trim_heap()
print(before - anonymous_kb())
"""
SIZE_KB = 8_192


def said(program: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()


@pytest.fixture
def weights(tmp_path: Path) -> str:
    path = tmp_path / "weights.bin"
    path.write_bytes(bytes(range(256)) * 4 * SIZE_KB)
    return str(path)


@pytest.mark.parametrize("kind", ["shared", "private"])
def test_pages_of_files_are_given_back_and_read_again_without_their_name(weights: str, kind: str) -> None:
    before, after, same = said(MAPPED, weights, kind, "gives back")
    assert int(before) >= SIZE_KB
    assert int(after) == 0
    assert same == "True"


def test_pages_of_files_stay_where_nobody_gives_them_back(weights: str) -> None:
    _, after, _ = said(MAPPED, weights, "shared", "keeps")
    assert int(after) >= SIZE_KB


def test_pages_that_were_written_stay_though_nobody_may_write_them_any_more(weights: str) -> None:
    _, after, same = said(MAPPED, weights, "written", "gives back")
    assert int(after) >= SIZE_KB
    assert same == "True"


def test_freed_memory_goes_back_to_the_kernel() -> None:
    assert int(said(FREED, "gives back")[0]) > 50_000


def test_freed_memory_stays_with_the_allocator_that_is_not_asked() -> None:
    assert int(said(FREED, "keeps")[0]) < 1_000
