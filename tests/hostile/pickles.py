"""Files that run code when they are unpickled, and the doors of the product that files and requests come through.

What lives here: the files, each of which makes a folder when it is run, and the count of those that were. What does
not: weights that harm without code (weights).
"""

import io
import os
import pickle
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from monitor_jobs.contract.errors import SextantError
from monitor_jobs.model_archive import parse_model_card
from monitor_jobs.model_functions.codecs import decode
from monitor_jobs.model_functions.functions import load_model
from monitor_jobs.model_functions.torch_defaults import default_input_fn
from monitor_jobs.side_index import read_covered

MEDIA_TYPES: Final = (
    "application/x-npy",
    "application/x-npz",
    "application/octet-stream",
    "application/x-pickle",
    "application/json",
    "text/csv",
    "image/png",
    "image/jpeg",
)
Run = Callable[[Path], object]


@dataclass(frozen=True)
class HostileFile:
    """One file, and how whoever trusts it would run it; None where only the product's own reader might."""

    name: str
    content: bytes
    trusting: Run | None


class Gadget:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._call


def hostile_files(mark: Path) -> list[HostileFile]:
    """Files of every kind that a package or a request may hold; each makes the folder `mark` where it is run."""
    gadget, scripted = Gadget(os.mkdir, str(mark)), _torchscript()
    return [
        *(HostileFile(f"protocol-{n}.pkl", pickle.dumps(gadget, n), _unpickled) for n in (0, 1, 2, 4, 5)),
        HostileFile("exec.pkl", pickle.dumps(Gadget(exec, f"import os; os.mkdir({str(mark)!r})")), _unpickled),
        HostileFile("system.bin", pickle.dumps(Gadget(os.system, f"mkdir '{mark}'")), _unpickled),
        HostileFile("call.bin", pickle.dumps(Gadget(subprocess.call, ["mkdir", str(mark)])), _unpickled),
        HostileFile("opcodes.pkl", f"(S'{mark}'\nios\nmkdir\n.".encode(), _unpickled),
        HostileFile("state-dict.pt", _torch_saved({"weight": gadget}), _torch_loaded),
        HostileFile("module.pth", _torch_saved([torch.zeros(2), gadget]), _torch_loaded),
        HostileFile("legacy.pt", _torch_saved(gadget, _use_new_zipfile_serialization=False), _torch_loaded),
        HostileFile("pytorch_model.bin", _torch_saved({"weight": torch.zeros(2), "x": gadget}), _torch_loaded),
        *(HostileFile(f"{part}.pt", _with_part(scripted, f"{part}.pkl", gadget), None) for part in SCRIPT_PARTS),
        HostileFile("objects.npy", _npy(gadget), _with_objects),
        HostileFile("named-objects.npz", _npz(gadget), lambda path: dict(_with_objects(path))),
        HostileFile("header.npy", _npy_header(f"__import__('os').mkdir({str(mark)!r})"), None),
        HostileFile("model.joblib", _joblib(gadget, 0), joblib.load),
        HostileFile("compressed.joblib", _joblib(gadget, 3), joblib.load),
        HostileFile("index.parquet", _parquet(gadget), None),
    ]


def executions(folder: Path) -> tuple[int, list[str]]:
    """How many times a file was put through a door, and which of them ran code or were let in."""
    mark, tried, found = folder / "ran", 0, list[str]()
    for number, hostile in enumerate(hostile_files(mark)):
        for door, enter in doors(hostile, folder / str(number)):
            tried += 1
            try:
                enter()
                found.append(f"{hostile.name} was let in by {door}")
            except SextantError:
                pass  # as it should be
            except Exception as error:  # noqa: BLE001 -- whatever else comes up is a finding
                found.append(f"{hostile.name} broke {door}: {error!r}")
            if mark.exists():
                mark.rmdir()
                found.append(f"{hostile.name} ran in {door}")
    return tried, found


def executions_of_the_trusting(folder: Path) -> Iterator[str]:
    """The files that ran when they were read as those do who trust them."""
    mark = folder / "ran"
    for hostile in hostile_files(mark):
        if hostile.trusting is not None:
            path = folder / hostile.name
            path.write_bytes(hostile.content)
            with suppress(Exception):  # what it was read as does not matter
                hostile.trusting(path)
            if mark.exists():
                mark.rmdir()
                yield hostile.name


def doors(hostile: HostileFile, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Everything in the product that reads such a file without having been told to by a package's own code."""
    for name in (hostile.name, "model.pt", "model.pth"):
        package = folder / name / "package"
        package.mkdir(parents=True, exist_ok=True)
        (package / name).write_bytes(hostile.content)
        yield f"a package with {name}", lambda package=package: load_model(package, {})
    for media_type in MEDIA_TYPES:
        yield f"a request of {media_type}", lambda media_type=media_type: decode(hostile.content, media_type)
        yield f"a tensor of {media_type}", lambda media_type=media_type: default_input_fn(hostile.content, media_type)
    yield "a model card", lambda: parse_model_card(hostile.content)
    yield "a side index", lambda: list(read_covered(package / "model.pth"))


def _unpickled(path: Path) -> object:
    return pickle.loads(path.read_bytes())


def _torch_loaded(path: Path) -> object:
    return torch.load(path, weights_only=False)


def _with_objects(path: Path) -> Any:
    return np.load(path, allow_pickle=True)


def _torch_saved(value: object, **options: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


SCRIPT_PARTS: Final = ("data", "constants")


def _torchscript() -> bytes:
    stream = io.BytesIO()
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), stream)
    return stream.getvalue()


def _with_part(archive: bytes, name: str, value: object) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as before, zipfile.ZipFile(stream, "w") as after:
        for part in before.namelist():
            content = pickle.dumps(value, 2) if part.endswith(f"/{name}") else before.read(part)
            after.writestr(part, content)
    return stream.getvalue()


def _npy(value: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([value], dtype=object), allow_pickle=True)
    return stream.getvalue()


def _npz(value: object) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, weights=np.array([value], dtype=object))
    return stream.getvalue()


def _npy_header(expression: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({expression},)}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def _joblib(value: object, compress: int) -> bytes:
    stream = io.BytesIO()
    joblib.dump(value, stream, compress=compress)
    return stream.getvalue()


def _parquet(value: object) -> bytes:
    """CVE-2023-47248: an extension type whose definition was unpickled from the file's own schema."""
    metadata = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": pickle.dumps(value)}
    stream = io.BytesIO()
    pq.write_table(pa.table([[1]], schema=pa.schema([pa.field("key", pa.int64(), metadata=metadata)])), stream)
    return stream.getvalue()
