"""Which runner takes which ImageUri: the one rule.

A name of a built-in monitor, or of the AWS image that it stands in for, is that monitor; `file:///...` is a program of
this machine; anything else is an image for the container engine. What does not live here: running them (adapters).
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from monitor_jobs.contract.catalog import built_in_module
from monitor_jobs.contract.errors import BadInput

PROGRAM_SCHEME = "file://"


@dataclass(frozen=True, slots=True)
class BuiltInMonitor:
    """One of our own monitors, run as `python -m module`."""

    module: str


@dataclass(frozen=True, slots=True)
class LocalProgram:
    """A program of this machine, by its absolute path."""

    path: Path


@dataclass(frozen=True, slots=True)
class ContainerImage:
    """An image that the container engine knows by this name."""

    name: str


Runnable = BuiltInMonitor | LocalProgram | ContainerImage


def runnable_of(image_uri: str) -> Runnable:
    """What an ImageUri names. Raises BadInput for a `file:` address that is no absolute path."""
    if image_uri.startswith("file:"):
        return LocalProgram(_program_path(image_uri))
    module = built_in_module(image_uri)
    return ContainerImage(image_uri) if module is None else BuiltInMonitor(module)


def _program_path(image_uri: str) -> Path:
    path = Path(unquote(image_uri.removeprefix(PROGRAM_SCHEME)))
    if not image_uri.startswith(PROGRAM_SCHEME) or not path.is_absolute() or "\0" in str(path):
        raise BadInput(f"{image_uri!r} names no program: write its absolute path, such as file:///srv/monitors/skew.py")
    return path
