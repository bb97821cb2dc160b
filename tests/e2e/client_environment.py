"""A whole installation as SageMaker's clients find it: `sextant up`, an S3 server, and the environment block that
`sextant env` prints.

What lives here: the two places where objects may be kept, and what a client is given. What does not: any client.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e.service_under_test import Service
from tests.servers.ceph import ceph_gateway
from tests.servers.s3_server import S3Server

BUCKET = "sm-local"


@dataclass(frozen=True)
class Installation:
    """A running `sextant up`, and the only variables that a client gets."""

    folder: Path
    service: Service
    client_environment: Mapping[str, str]


@contextmanager
def on_ceph(folder: Path) -> Iterator[Installation]:
    """Objects are in Ceph's gateway, whose keys a client has already; all has ended when the block is left."""
    (folder / "ceph").mkdir()
    with ceph_gateway(folder / "ceph") as s3:
        variables = {"SEXTANT_STORE_ENDPOINT_URL": s3.endpoint_url, **_keys(s3)}
        with _running(folder, variables, options=()) as installed:
            yield installed


@contextmanager
def on_folder_store(folder: Path) -> Iterator[Installation]:
    """Objects are plain files, and `--s3` opens a door on them."""
    with _running(folder, {}, options=("--s3",)) as installed:
        yield installed


Store = Callable[[Path], AbstractContextManager[Installation]]
STORES: Final[Mapping[str, Store]] = {"ceph": on_ceph, "folder": on_folder_store}


@contextmanager
def _running(folder: Path, variables: dict[str, str], *, options: tuple[str, ...]) -> Iterator[Installation]:
    home, own = folder / "home", folder / "service"
    home.mkdir()
    own.mkdir()
    service = Service(own, variables={"SEXTANT_BUCKET": BUCKET, **variables}, options=options)
    try:
        service.start()
        keys = {name: value for name, value in variables.items() if name.startswith("AWS_")}
        given = {"PATH": os.environ["PATH"], "HOME": str(home), **keys, **service.client_variables()}
        yield Installation(folder, service, given)
    finally:
        service.clear()


def _keys(s3: S3Server) -> dict[str, str]:
    # Clients have one pair for all services: the S3 server's becomes that of the first user here.
    pair = {"ACCESS_KEY_ID": s3.access_key, "SECRET_ACCESS_KEY": s3.secret_key}
    return {f"{whose}_{name}": value for whose in ("AWS", "SEXTANT") for name, value in pair.items()}
