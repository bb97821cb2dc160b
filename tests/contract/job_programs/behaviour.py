"""Programs that show how a job is kept: `behaviour.py ACTION [VALUE]`. Most of them mean no good.

What each leaves is plain files below /opt/ml, so that a test can look at them.
"""

import json
import os
import pathlib
import signal
import socket
import sys
import time

OUTPUTS = pathlib.Path("/opt/ml/processing/outputs")
MESSAGE = pathlib.Path("/opt/ml/output/message")


def tell(_value):
    """All that a container is told: variables, files of /opt/ml, and what its configuration says."""
    files = [str(path) for path in sorted(pathlib.Path("/opt/ml").rglob("*"))]
    config = {path.name: json.loads(path.read_text()) for path in pathlib.Path("/opt/ml/config").iterdir()}
    told = {"environment": dict(os.environ), "files": files, "config": config, "arguments": sys.argv[1:]}
    (OUTPUTS / "told.json").write_text(json.dumps(told))


def end_with(code):
    print("first line\nlast words", flush=True)
    os._exit(int(code))


def sleep(_value):
    (OUTPUTS / "started").touch()
    time.sleep(600)


def ignore_sigterm(value):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleep(value)


def end_well_on_sigterm(value):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    sleep(value)


def escape(_value):
    """A grandchild in a session of its own, whose parents are gone, that writes for as long as it lives."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            with (OUTPUTS / "beats").open("ab", buffering=0) as file:
                while True:
                    file.write(b".")
                    time.sleep(0.01)
        os._exit(0)
    os.wait()
    beats = OUTPUTS / "beats"
    while not (beats.exists() and beats.stat().st_size):
        time.sleep(0.01)


def hog_memory(_value):
    held = []
    while True:
        held.append(b"x" * 10_000_000)


def hog_memory_in_a_child(_value):
    if os.fork() == 0:
        hog_memory("")
    status = os.wait()[1]
    sys.exit(0 if os.waitstatus_to_exitcode(status) == 0 else 1)


def hog_processes(_value):
    """Forks until it is refused; how often it was not."""
    children = []
    try:
        while len(children) < 2000:
            pid = os.fork()
            if pid == 0:
                time.sleep(600)
                os._exit(0)
            children.append(pid)
    except OSError as error:
        (OUTPUTS / "children").write_text(f"{len(children)} {error.strerror}")


def log_forever(_value):
    line = b"x" * 65_535 + b"\n"
    while True:
        os.write(1, line)


def write_to(paths):
    """What is said of writing to each of these paths, between colons."""
    said = {}
    for path in paths.split(":"):
        try:
            pathlib.Path(path).write_text("x")
            said[path] = "written"
        except OSError as error:
            said[path] = error.strerror
    (OUTPUTS / "said.json").write_text(json.dumps(said))


def list_network(_value):
    """The network's interfaces, and what is said of a connection to a neighbour."""
    try:
        socket.create_connection(("198.51.100.1", 80), timeout=5)
        said = "connected"
    except OSError as error:
        said = error.strerror or str(error)
    (OUTPUTS / "said").write_text(f"{sorted(os.listdir('/sys/class/net'))} {said}")


def tell_privileges(_value):
    status = pathlib.Path("/proc/self/status").read_text().splitlines()
    lines = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    told = {"user": os.getuid(), "effective": int(lines["CapEff"], 16), "no_new": lines["NoNewPrivs"]}
    (OUTPUTS / "told.json").write_text(json.dumps(told))


def leave_latin1_message(_value):
    MESSAGE.write_bytes(b"caf\xe9 closed")


def leave_long_message(_value):
    MESSAGE.write_text("ab\u00e4" * 1000)


def link_everything(target):
    """Links in all the places that the platform reads from."""
    (OUTPUTS / "stolen.json").symlink_to(target)
    (OUTPUTS / "folder").symlink_to(pathlib.Path(target).parent)
    MESSAGE.unlink(missing_ok=True)
    MESSAGE.symlink_to(target)
    (OUTPUTS / "constraint_violations.json").symlink_to(target)


def close_everything(_value):
    """A folder that even its owner may not look into."""
    (OUTPUTS / "closed/inner").mkdir(parents=True)
    (OUTPUTS / "closed").chmod(0)
    MESSAGE.write_text("closed")


def write_slowly(go):
    """One file at once, the other when the file `go` is there."""
    (OUTPUTS / "early.txt").write_text("early")
    while not pathlib.Path(go).exists():
        time.sleep(0.01)
    (OUTPUTS / "late.txt").write_text("late")


def leave_output(text):
    (OUTPUTS / "left.txt").write_text(text)


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2] if len(sys.argv) > 2 else "")
