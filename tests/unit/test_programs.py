"""Command lines of jobs that run as processes: Docker's rules, and which programs may run at all."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from monitor_jobs.contract.errors import BadInput
from service.adapters.programs import monitor_command, program_command
from service.core.images import BuiltInMonitor, LocalProgram
from service.core.ports import JobSpec


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "programs"
    folder.mkdir()
    return folder


def put(path, mode=0o644):
    path.write_text("")
    path.chmod(mode)
    return path


def command(path, folder, *arguments, entrypoint=()):
    here = Path("/nowhere")
    job = JobSpec("job", f"file://{path}", arguments, {}, here, here, timedelta(1), tuple(map(str, entrypoint)))
    return program_command(LocalProgram(Path(path)), job, [folder])


def test_an_executable_is_run_as_it_is(folder):
    program = put(folder / "skew", 0o755)
    assert command(program, folder, "--a", "b c") == [str(program), "--a", "b c"]


def test_a_python_file_is_run_by_our_interpreter(folder):
    program = put(folder / "skew.py")
    assert command(program, folder, "x") == [sys.executable, str(program), "x"]


def test_an_entrypoint_takes_the_programs_place_and_keeps_the_arguments(folder):
    other = put(folder / "other", 0o755)
    assert command(put(folder / "skew.py"), folder, "x", entrypoint=[other, "-v"]) == [str(other), "-v", "x"]


def test_an_entrypoint_must_be_an_allowed_program_itself(folder):
    with pytest.raises(BadInput, match="program /bin/sh lies outside of"):
        command(put(folder / "skew.py"), folder, entrypoint=["/bin/sh", "-c", "true"])
    with pytest.raises(BadInput, match="program 'sh' has no absolute path"):
        command(put(folder / "skew.py"), folder, entrypoint=["sh"])


def test_a_link_that_leads_out_of_the_folder_is_refused(folder, tmp_path):
    (folder / "skew.py").symlink_to(put(tmp_path / "outside.py"))
    with pytest.raises(BadInput, match="lies outside of"):
        command(folder / "skew.py", folder)


def test_a_path_that_climbs_out_of_the_folder_is_refused(folder, tmp_path):
    put(tmp_path / "outside.py")
    with pytest.raises(BadInput, match="lies outside of"):
        command(folder / "../outside.py", folder)


def test_a_neighbour_whose_name_begins_alike_is_outside(folder, tmp_path):
    (tmp_path / "programs-2").mkdir()
    with pytest.raises(BadInput, match="lies outside of"):
        command(put(tmp_path / "programs-2/skew.py"), folder)


def test_what_is_no_program_is_told_apart(folder):
    with pytest.raises(BadInput, match=r"no program .*/absent\.py here"):
        command(folder / "absent.py", folder)
    with pytest.raises(BadInput, match="is not executable: chmod"):
        command(put(folder / "notes.txt"), folder)
    with pytest.raises(BadInput, match="no program"):
        command(folder, folder)


def test_where_no_folder_is_set_nothing_may_run(folder):
    job = JobSpec("job", "file:///x", (), {}, folder, folder, timedelta(1))
    with pytest.raises(BadInput, match="may not run: set SEXTANT_PROGRAM_FOLDERS"):
        program_command(LocalProgram(put(folder / "skew.py")), job, [])


def test_a_built_in_monitor_has_its_own_entrypoint(folder):
    job = JobSpec("job", "sextant/x", (), {}, folder, folder, timedelta(1), ("python3",))
    with pytest.raises(BadInput, match=r"ContainerEntrypoint is \['python3'\] but sextant/x has its own"):
        monitor_command(BuiltInMonitor("m"), job)
