"""Objects of tensors: what is packed comes out again, and nothing else is taken for one."""

import json
import struct
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.tensor_files import hour_of_step, step_folder_of, step_of, step_path
from monitor_jobs.tensor_header import facts_in_file
from monitor_jobs.tensors import step_file
from monitor_jobs.tensors.step_file import names_digest, packed, unpacked
from tests.unit.capture_io_files import NOON

TYPES = st.sampled_from([np.float16, np.float32, np.float64, np.int64, np.uint8, np.bool_])
ARRAYS = TYPES.flatmap(
    lambda dtype: arrays_of.arrays(dtype, arrays_of.array_shapes(min_dims=0, min_side=0, max_side=4))
)


def of_type(name: str, size: int) -> bytes:
    """An object of one number of a type that an endpoint never leaves."""
    header = json.dumps({"x": {"dtype": name, "shape": [1], "data_offsets": [0, size]}}).encode()
    return pa.Codec("zstd").compress(struct.pack("<Q", len(header)) + header + bytes(size), asbytes=True)


@given(st.dictionaries(st.text(min_size=1, max_size=20), ARRAYS, max_size=4), st.text(max_size=40))
def test_arrays_and_facts_come_out_as_they_went_in(arrays, facts):
    found, said = unpacked(packed(arrays, facts))
    assert said == facts
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no tensors",
        packed({"x": np.zeros(100)})[:-3],
        pa.Codec("zstd").compress(b"{}", asbytes=True),
        pa.Codec("zstd").compress(struct.pack("<Q", 2**60) + b"{}", asbytes=True),
        pa.Codec("zstd").compress(b"", asbytes=True),
        of_type("BF16", 2),
        of_type("C64", 8),
    ],
)
def test_what_is_damaged_or_something_else_is_refused(body):
    with pytest.raises(BadInput, match=f"an object of {len(body)} bytes holds no tensors"):
        unpacked(body)


def test_a_bomb_is_put_down_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(step_file, "UNPACKED_BYTES_MAX", 10**6)
    bomb = pa.Codec("zstd").compress(bytes(10**8), asbytes=True)
    assert len(bomb) < 10**5
    with pytest.raises(BadInput, match="more than 1000000 bytes come out of it"):
        unpacked(bomb)


@given(st.integers(0, 10**12 - 1), st.sets(st.text(max_size=10)))
def test_a_step_is_found_again_by_its_path(step, names):
    digest = names_digest(names)
    assert step_of(f"s3://bucket/{step_path(NOON, step, digest)}") == (step, digest)
    assert hour_of_step(f"AllTraffic/load/{step_path(NOON, step, digest)}") == f"{NOON:%Y/%m/%d/%H}"
    assert hour_of_step(step_path(NOON, step, digest)) == f"{NOON:%Y/%m/%d/%H}"


def test_other_paths_are_no_steps():
    assert step_of("hook.json") is None
    assert step_of("steps/2026/11/20/12/7.safetensors.zst") is None
    assert hour_of_step("steps/2026/11/20/12/7.safetensors.zst") is None
    assert hour_of_step(f"steps/2026/11/20/{step_path(NOON, 7, '0' * 16).rpartition('/')[2]}") is None
    assert hour_of_step(f"my{step_path(NOON, 7, '0' * 16)}") is None


@given(st.text(max_size=40))
def test_facts_are_read_from_a_file_without_its_tensors(facts):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "step")
        path.write_bytes(packed({"x": np.zeros(3)}, facts))
        assert facts_in_file(path) == facts


def test_no_more_of_a_file_than_its_header_is_unpacked(tmp_path):
    header = json.dumps({"__metadata__": {"facts": "said"}}).encode()
    whole = struct.pack("<Q", len(header)) + header + bytes(2**24)
    path = tmp_path / "step"
    path.write_bytes(pa.Codec("zstd").compress(whole, asbytes=True)[:600])  # what lies behind is cut off
    assert facts_in_file(path) == "said"


@pytest.mark.parametrize("load", ["s3://b/tensors/signs/AllTraffic/load", "load"])
def test_a_steps_load_and_hour_are_found_again_by_its_path(load):
    path = f"{load}/{step_path(NOON, 3, names_digest(['x']))}"
    assert step_folder_of(path) == (load, NOON)


@pytest.mark.parametrize(
    "path", ["steps/2026/11/20/12/x", "a/steps/2026/13/20/12/{}", "a/steps/12/{}", "a/{}", "{}", ""]
)
def test_other_paths_have_neither(path):
    assert step_folder_of(path.format(f"{3:012d}_{'0' * 16}.safetensors.zst")) is None
