"""A model package without weights whose BEHAVIOUR variable says how it loads; it answers with what it was sent."""

from pathlib import Path

from monitor_jobs.model_archive import pack

INFERENCE = """
import os
import sys
import time


def model_fn(model_dir):
    behaviour = os.environ.get("BEHAVIOUR", "")
    if behaviour == "raise":
        raise ValueError("the weights are those of another network")
    if behaviour == "raise at length":
        raise ValueError("missing keys: " + "layer.weight, " * 5000)
    if behaviour == "exit":
        os._exit(7)
    if behaviour == "hang":
        time.sleep(600)
    if behaviour == "fork" and os.fork() == 0:
        with open(os.environ["CHILD"], "w") as file:
            file.write(str(os.getpid()))
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        time.sleep(600)
    return behaviour


def transform_fn(model, body, content_type, accept):
    return body, accept
"""


def write_tiny_package(folder: Path) -> Path:
    """The path of the package's archive."""
    code = folder / "tiny" / "code"
    code.mkdir(parents=True, exist_ok=True)
    (code / "inference.py").write_text(INFERENCE)
    pack(folder / "tiny", folder / "tiny.tar.gz")
    return folder / "tiny.tar.gz"
