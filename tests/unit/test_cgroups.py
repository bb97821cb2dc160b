"""Groups on plain folders that look like cgroupfs of either version: where they are made, and what is written there."""

import pytest

from service.adapters import cgroups
from service.core.ports import JobLimits

LIMITS = JobLimits(memory_bytes=1000, processes=10)
V1 = [
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755",
    "37 31 0:34 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
    "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids",
    "40 31 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
]
V2 = ["31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate"]


@pytest.fixture
def machine(tmp_path):
    """Makes a machine's /proc and the folders of its groups; its root."""

    def make(mounts, membership, *folders):
        process = tmp_path / "proc/self"
        process.mkdir(parents=True)
        (process / "mountinfo").write_text("\n".join(mounts))
        (process / "cgroup").write_text("\n".join(membership))
        for folder in folders:
            (tmp_path / "sys/fs/cgroup" / folder).mkdir(parents=True, exist_ok=True)
        return tmp_path

    return make


def places(root):
    found = cgroups.hierarchies(root)
    return {str(place.folder.relative_to(root / "sys/fs/cgroup")): {*place.controllers} for place in found}


def delegate(root, folder, controllers="cpu memory pids"):
    (root / "sys/fs/cgroup" / folder / "cgroup.subtree_control").write_text(controllers)


def test_of_version_1_each_controller_has_a_place_below_the_services_own(machine):
    root = machine(V1, ["4:memory:/a/b", "8:pids:/", "0::/"], "memory/a/b", "pids", "unified")
    assert places(root) == {"memory/a/b": {"memory"}, "pids": {"pids"}}


def test_of_version_2_a_group_is_made_beside_the_services_own(machine):
    root = machine(V2, ["0::/system.slice/sextant.service"], "system.slice/sextant.service")
    delegate(root, "system.slice")
    assert places(root) == {"system.slice": {"memory", "pids"}}


def test_of_version_2_a_group_is_made_below_where_the_service_was_given_that(machine):
    root = machine(V2, ["0::/own"], "own")
    delegate(root, "own", "pids")
    assert places(root) == {"own": {"pids"}}


def test_a_container_sees_its_own_group_as_the_root(machine):
    mounts = [V1[1].replace("0:34 / /sys", "0:34 /docker/abc /sys")]
    root = machine(mounts, ["4:memory:/docker/abc/inner"], "memory/inner")
    assert places(root) == {"memory/inner": {"memory"}}


def test_a_machine_without_groups_has_no_place(tmp_path):
    assert cgroups.hierarchies(tmp_path) == []
    assert cgroups.make([], "job", LIMITS) == ([], frozenset())


def test_limits_are_written_in_the_words_of_version_1(machine):
    root = machine(V1, ["4:memory:/", "8:pids:/"], "memory", "pids")
    folders, kept = cgroups.make(cgroups.hierarchies(root), "job", LIMITS)
    assert kept == {"memory", "pids"}
    assert (folders[0] / "memory.limit_in_bytes").read_text() == "1000"
    assert (folders[1] / "pids.max").read_text() == "10"


def test_limits_are_written_in_the_words_of_version_2(machine):
    root = machine(V2, ["0::/own"], "own")
    delegate(root, "own")
    (folder,), _ = cgroups.make(cgroups.hierarchies(root), "job", LIMITS)
    assert [(folder / name).read_text() for name in ("memory.max", "memory.swap.max", "pids.max")] == [
        "1000",
        "0",
        "10",
    ]


def test_a_place_that_refuses_keeps_no_limit(tmp_path):
    place = cgroups.Hierarchy(tmp_path / "absent/parent", frozenset({"memory"}), 1)
    assert cgroups.make([place], "job", LIMITS) == ([], frozenset())


@pytest.mark.parametrize(("name", "text"), [
    ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
    ("memory.events", "low 0\noom 1\noom_kill 2\n"),
])  # fmt: skip
def test_a_kill_for_memory_is_seen_in_either_version(tmp_path, name, text):
    assert not cgroups.out_of_memory([tmp_path])
    (tmp_path / name).write_text(text.replace("oom_kill 1", "oom_kill 0").replace("oom_kill 2", "oom_kill 0"))
    assert not cgroups.out_of_memory([tmp_path])
    (tmp_path / name).write_text(text)
    assert cgroups.out_of_memory([tmp_path])


def test_a_group_that_is_gone_is_removed_already(tmp_path):
    (tmp_path / "group").mkdir()
    cgroups.remove([tmp_path / "group", tmp_path / "group"])
    assert not (tmp_path / "group").exists()
