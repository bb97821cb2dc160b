"""`sextant doctor`: is everything here that the service needs, and does it work."""

import os
import secrets
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from monitor_jobs.contract.errors import BadInput, SextantError
from service.cli.client import connect, load, store
from service.cli.output import AsJson, print_json, print_table

NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "overlay", "fuse.sshfs")
LEAST_FREE_SHARE = 0.1


def doctor(as_json: AsJson = False) -> None:
    """Check settings, data folder, store, database, torch, jobs and the running service; exit with 1 if one fails."""
    rows = [_examined(name, check) for name, check in CHECKS.items()]
    if as_json:
        print_json(rows)
    else:
        print_table(["Check", "State", "Finding"], rows, empty="nothing to check")
    if any(row["State"] == "failed" for row in rows):
        raise typer.Exit(1)


def _examined(name: str, check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"Check": name, "State": "ok", "Finding": check()}
    except (SextantError, OSError, ImportError) as error:
        return {"Check": name, "State": "failed", "Finding": str(error)}


def _settings() -> str:
    return f"data in {load().data.absolute()}"


def _access() -> str:
    from service.first_key import first_key_file, read_first_key
    from service.local_only import is_loopback
    from service.transport import require_safe

    settings = load()
    require_safe(settings)
    first_key = read_first_key(settings.data)
    who = f"first key {first_key.pair.key_id}" if first_key else f"no {first_key_file(settings.data)} yet"
    names = ", ".join(settings.allowed_hosts)
    where = "this machine only" if is_loopback(settings.host) else f"{settings.host} as {names}"
    how = f"TLS {_certificate(settings.tls_certificate)}" if settings.tls_certificate else "no TLS"
    proxy = ", a proxy in front" if settings.behind_proxy else ""
    return f"{where}, {how}{proxy}, {who}"


def _certificate(path: Path) -> str:
    from cryptography import x509

    ends = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    if ends <= datetime.now(UTC):
        raise BadInput(f"the certificate in {path} was good until {ends:%Y-%m-%d}: put a new one there, and restart")
    return f"until {ends:%Y-%m-%d}"


def _data_folder() -> str:
    data = load().data
    data.mkdir(parents=True, exist_ok=True)
    probe = data / f".doctor-{secrets.token_hex(4)}"
    probe.write_bytes(os.urandom(4096))
    probe.unlink()
    usage = shutil.disk_usage(data)
    if usage.free < LEAST_FREE_SHARE * usage.total:
        raise BadInput(
            f"{usage.free / 2**30:.1f} GiB free of {usage.total / 2**30:.1f}: free some, or move SEXTANT_DATA"
        )
    kind = _file_system(data)
    if kind in NETWORK_FILE_SYSTEMS:
        raise BadInput(f"{data} is on {kind}: locks and fsync need a local file system, set SEXTANT_DATA to one")
    return f"writable, {usage.free / 2**30:.1f} GiB free, {kind or 'unknown file system'}"


def _store() -> str:
    from monitor_jobs.object_store import S3Address

    objects, address = store(), S3Address(load().bucket, f"_doctor/{secrets.token_hex(8)}")
    objects.put(address, b"doctor")
    same = objects.get(address) == b"doctor"
    objects.delete(address)
    if not same:
        raise BadInput(f"{address} came back changed: the store cannot be trusted")
    return load().store_endpoint_url or "folder store"


def _database() -> str:
    from sqlalchemy.exc import SQLAlchemyError

    from service.adapters.database.connect import describe
    from service.core.records import Query
    from service.wiring import open_database

    try:
        endpoints = open_database(load()).endpoints.count(Query())
    except SQLAlchemyError as error:
        raise BadInput(f"{str(error).splitlines()[0]}: start it, or set SEXTANT_DATABASE_URL") from error
    return f"{describe(load().database)}, {endpoints} endpoints"


def _torch() -> str:
    import torch

    return f"torch {torch.__version__}, {torch.get_num_threads()} threads"


def _jobs() -> str:
    from service.adapters.container_engine import ContainerEngine
    from service.adapters.process_runner import ProcessRunner, inheritable

    refusal = ProcessRunner(inheritable(os.environ)).refusal
    processes = "programs in namespaces of their own" if refusal is None else f"built-in monitors only: {refusal}"
    engine = load().oci_engine
    if engine is None:
        return f"{processes}; no images: SEXTANT_OCI_ENGINE is not set"
    return f"{processes}; images by {engine} {ContainerEngine(engine, dict(os.environ)).version()}"


def _service() -> str:
    client = connect()
    client.text("/ping")
    return f"up at {client.url}"


def _file_system(path: Path) -> str | None:
    import psutil

    resolved = path.resolve()
    mounts = [part for part in psutil.disk_partitions(all=True) if resolved.is_relative_to(part.mountpoint)]
    return max(mounts, key=lambda part: len(part.mountpoint)).fstype if mounts else None


CHECKS: dict[str, Callable[[], str]] = {
    "settings": _settings,
    "access": _access,
    "data folder": _data_folder,
    "object store": _store,
    "database": _database,
    "torch": _torch,
    "jobs": _jobs,
    "service": _service,
}
