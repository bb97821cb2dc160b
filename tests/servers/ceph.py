"""A real Ceph object gateway on one machine: a monitor, an object daemon that keeps everything in memory, and radosgw.

What does not live here: rclone (tests/servers/rclone.py), the servers' fixtures (tests/conftest.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from tests.servers.processes import Processes, free_ports, processes
from tests.servers.s3_server import S3Server
from tests.wait import wait_until

START_SECONDS = 120
MEMORY_BYTES = 4 * 2**30

CONFIGURATION = """
[global]
fsid = {cluster_id}
mon host = {monitors}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = {memory_bytes}
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
mon data avail warn = 2
mon data avail crit = 1
mon data = {folder}/mon
osd data = {folder}/osd
rgw data = {folder}/rgw
run dir = {folder}
crash dir = {folder}/crash
log file = {folder}/$name.log
mon cluster log file = {folder}/cluster.log
# a socket's path has room for 107 characters, and pytest's folders are long
admin socket =
pid file =
rgw frontends = beast endpoint=127.0.0.1:{gateway_port}
rgw thread pool size = 32
"""


@contextmanager
def ceph_gateway(folder: Path) -> Iterator[S3Server]:
    """A fresh cluster with its S3 gateway in an empty folder; everything has ended when the block is left."""
    gateway_port, *monitor_ports = free_ports(3)
    server = S3Server(f"http://127.0.0.1:{gateway_port}", "ceph-key", "ceph-secret")
    with processes(folder) as started:
        ceph = _Ceph(started, folder)
        ceph.configure(gateway_port, "[v2:127.0.0.1:{},v1:127.0.0.1:{}]".format(*monitor_ports))
        ceph.start_monitor(monitor_ports[0])
        ceph.start_object_daemon()
        ceph.start_gateway(gateway_port)
        ceph.create_user(server)
        yield server


class _Ceph:
    def __init__(self, started: Processes, folder: Path) -> None:
        self.started = started
        self.folder = folder
        self.cluster_id = str(uuid4())
        self.where = ("-c", folder / "ceph.conf")

    def configure(self, gateway_port: int, monitors: str) -> None:
        for name in ("mon", "osd", "rgw", "crash"):
            (self.folder / name).mkdir()
        text = CONFIGURATION.format(
            cluster_id=self.cluster_id,
            monitors=monitors,
            memory_bytes=MEMORY_BYTES,
            folder=self.folder,
            gateway_port=gateway_port,
        )
        (self.folder / "ceph.conf").write_text(text)
        new_map = ("monmaptool", "--create", "--clobber", "--fsid", self.cluster_id)
        self.started.run(*new_map, "--addv", "a", monitors, self.folder / "monmap")

    def start_monitor(self, port: int) -> None:
        self.started.run("ceph-mon", *self.where, "-i", "a", "--mkfs", "--monmap", self.folder / "monmap")
        self.started.start("mon", "ceph-mon", *self.where, "-i", "a", "-f")
        wait_until(lambda: self.started.serving(port), timeout_seconds=START_SECONDS, what="Ceph's monitor")

    def start_object_daemon(self) -> None:
        daemon_id = str(uuid4())
        self.started.run("ceph", *self.where, "osd", "new", daemon_id)
        self.started.run("ceph-osd", *self.where, "-i", "0", "--mkfs", "--osd-uuid", daemon_id)
        place = ("--crush-location", "root=default host=one")
        self.started.start("osd", "ceph-osd", *self.where, "-i", "0", "-f", *place)

    def start_gateway(self, port: int) -> None:
        # with authentication off, radosgw waits for ever unless its command line says so as well
        unauthenticated = ("--ms_mon_client_mode=crc", "--auth_client_required=none")
        self.started.start("rgw", "radosgw", *self.where, "-n", "client.rgw", "-f", *unauthenticated)
        wait_until(lambda: self.started.serving(port), timeout_seconds=START_SECONDS, what="Ceph's gateway")

    def create_user(self, server: S3Server) -> None:
        keys = (f"--access-key={server.access_key}", f"--secret-key={server.secret_key}")
        admin = ("radosgw-admin", *self.where, "-n", "client.rgw", "user", "create")
        self.started.run(*admin, "--uid=sextant", "--display-name=Sextant", *keys)
