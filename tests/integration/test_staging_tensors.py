"""Staging steps on real files: the hours of a window, every load of that time, and nothing else."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.tensor_files import step_path
from monitor_jobs.contract.window import Window
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from service.scheduler.endpoint_specs import running_spec
from service.scheduler.tensors import stage_steps
from tests.integration.scheduling import NOON

HOUR = timedelta(hours=1)
OUTPUT = "s3://bucket/tensors"
HOOK = {"SEXTANT_DEBUG_HOOK": json.dumps({"S3OutputPath": OUTPUT})}
STEP = step_path(NOON, 0, "0" * 16)
LOADS = ("20261120T110000-aaaaaaaa", "20261120T123000-bbbbbbbb")


@pytest.fixture
def spec(house):
    house.add_endpoint("signs", environment=HOOK)
    return running_spec(house.database.endpoints.get("signs"), "signs")


def put(house, path: str) -> str:
    house.store.put(S3Address.parse(f"{OUTPUT}/signs/AllTraffic/{path}"), path.encode())
    return path


def put_step(house, load: str, moment: datetime, number: int = 0) -> str:
    return put(house, f"{load}/{step_path(moment, number, '0' * 16)}")


def staged(house, spec, start: datetime, end: datetime) -> tuple[int, set[str]]:
    target = house.folder / f"staged-{start:%d%H}-{end:%d%H}"
    count = stage_steps(house.store, spec, Window(start, end), target)
    files = [path for path in target.rglob("*") if path.is_file()]
    variant = target / "AllTraffic"
    assert all(path.read_text() == path.relative_to(variant).as_posix() for path in files)
    return count, {path.relative_to(variant).as_posix() for path in files}


def test_steps_of_the_windows_hours_are_staged_with_their_loads_files(house, spec):
    hooks = [put(house, f"{load}/hook.json") for load in LOADS]
    kept = [put_step(house, LOADS[0], NOON), put_step(house, LOADS[1], NOON + HOUR - timedelta(seconds=1), 3)]
    put_step(house, LOADS[0], NOON - HOUR)
    put_step(house, LOADS[1], NOON + HOUR)
    put(house, f"{LOADS[0]}/names/{'0' * 16}.json")
    put(house, f"parameters/{'0' * 64}.safetensors.zst")
    assert staged(house, spec, NOON, NOON + HOUR) == (2, {*hooks, *kept})


def test_loads_without_a_step_in_the_window_are_left_where_they_are(house, spec):
    put(house, f"{LOADS[0]}/hook.json")
    put_step(house, LOADS[0], NOON - HOUR)
    assert staged(house, spec, NOON, NOON + HOUR) == (0, set())


def test_a_step_whose_load_is_gone_is_staged_alone(house, spec):
    step = put_step(house, LOADS[0], NOON)
    assert staged(house, spec, NOON, NOON + HOUR) == (1, {step})


class Listing(FolderStore):
    """A store that lists keys which its files could never have."""

    def list(self, prefix):
        named = replace(next(super().list(prefix)), address=S3Address("bucket", f"{prefix.key}../{STEP}"))
        return iter([named])


def test_no_key_leads_out_of_the_target(house, spec):
    put_step(house, LOADS[0], NOON)
    assert stage_steps(Listing(house.folder), spec, Window(NOON, NOON + HOUR), house.folder / "a/b/c") == 0


def test_an_endpoint_that_keeps_no_tensors_says_so(house):
    house.add_endpoint("plain")
    spec = running_spec(house.database.endpoints.get("plain"), "plain")
    with pytest.raises(BadInput, match="endpoint plain keeps no tensors: its model's Environment has no SEXTANT_DEBUG"):
        stage_steps(house.store, spec, Window(NOON, NOON + HOUR), house.folder / "staged")
