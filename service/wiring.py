"""The only module that knows concrete adapters: each process is put together here.

What lives here: which adapter fills which port, from the settings. What does not: what the parts do. Imports wait
inside the functions, so that a process loads only its own parts.
"""

import os
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from monitor_jobs.contract.errors import Conflict
from service.endpoint_token import endpoint_token, token_sha256
from service.first_key import first_key_file, secrets_folder
from service.garbage import collect_from_now_on
from service.memory import give_back
from service.settings import Settings, given_pair

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from starlette.types import ASGIApp

    from monitor_jobs.object_store import ObjectStore
    from service.adapters.database import SqlDatabase
    from service.adapters.s3_door import S3Door
    from service.control.access.issuing import Issuer
    from service.core.deployment import EndpointSpec
    from service.core.ports import Database, JobLimits, JobRunner
    from service.endpoint.ports import CaptureSink, Keeping
    from service.endpoint.redaction import Redactor
    from service.first_key import Introduction
    from service.scheduler.chores import Chores
    from service.scheduler.endpoints import Endpoints
    from service.scheduler.loop import Scheduler

STOPPING_THREADS = 16  # endpoints that can drain at the same time


def open_store(settings: Settings) -> "ObjectStore":
    """The object store: S3 where an endpoint URL is set, else a folder."""
    if settings.store_endpoint_url is None:
        from monitor_jobs.object_store.folder import FolderStore

        return FolderStore(settings.data.absolute())
    from monitor_jobs.object_store.s3 import connect

    return connect(settings.store_endpoint_url, settings.region)


def open_s3_door(settings: Settings, introduction: "Introduction") -> "S3Door":
    """S3 over the folder store, in which the bucket of the settings and the SDK's own default exist then.

    It takes the first key, since clients have one pair for all services. Raises Conflict where that was revoked.
    """
    from service.adapters.s3_door import prepare_s3_door, require_folder_store

    require_folder_store(settings.store_endpoint_url)
    if not introduction.is_active:
        raise Conflict(
            f"the first key {introduction.key.pair.key_id} was revoked, and must not open S3: leave out --s3, or "
            f"delete {first_key_file(settings.data)}, and the next start makes another"
        )
    sdk_default = f"sagemaker-{settings.region}-{settings.account}"
    return prepare_s3_door(settings.data, pair=introduction.key.pair, buckets=(settings.bucket, sdk_default))


def open_database(settings: Settings) -> "SqlDatabase":
    """The database, at its newest schema."""
    from service.adapters.database import connect

    settings.data.mkdir(parents=True, exist_ok=True)
    return connect(settings.database)


def open_issuer(settings: Settings, database: "Database") -> "Issuer":
    """What makes keys, with the sealing key of the data folder."""
    from random import SystemRandom

    from service.adapters.sealed_secrets import open_sealed_secrets
    from service.control.access.issuing import Issuer

    return Issuer(database, open_sealed_secrets(secrets_folder(settings.data.absolute())), SystemRandom())


def introduced(settings: Settings) -> "Introduction":
    """The first user's key, which is there then."""
    database = open_database(settings)
    try:
        return _introduced(settings, open_issuer(settings, database))
    finally:
        database.engine.dispose()


def control_app(settings: Settings) -> "ASGIApp":
    """The control process's application, over a database that has a user then."""
    from service.audit import AuditLog
    from service.control.access.auditing import Auditor
    from service.control.access.authentication import Authenticator
    from service.control.access.keys import KnownKeys
    from service.control.access.rate_limits import RateLimits
    from service.control.access.replay import UsedSignatures
    from service.control.app import Keys, build_app

    database = open_database(settings)
    issuer = open_issuer(settings, database)
    _introduced(settings, issuer)
    known = KnownKeys(database, issuer.sealer, clock=_now)
    authenticator = Authenticator(known, UsedSignatures(_now()), RateLimits(settings), clock=_now)
    keys = Keys(known, issuer, authenticator, endpoint_token(settings.data.absolute()))
    auditor = Auditor(AuditLog(settings.data, _now), _now)
    return build_app(database, open_store(settings), settings, keys, auditor)


def run_scheduler(settings: Settings, *, stop: threading.Event) -> None:
    """The scheduler process, until stopped; running jobs are then ended and their executions run again later."""
    with (
        ThreadPoolExecutor(settings.parallel_jobs, thread_name_prefix="job") as work,
        ThreadPoolExecutor(STOPPING_THREADS, thread_name_prefix="stop") as stopping,
        ThreadPoolExecutor(1, thread_name_prefix="chore") as chores,
    ):
        scheduler = _scheduler(settings, work, stopping, chores, stop)
        collect_from_now_on()
        give_back()
        scheduler.run(tick_seconds=settings.tick_seconds, stop=stop)


def serve_endpoint(spec_path: Path, *, listener: socket.socket, settings: Settings) -> int:
    """One endpoint process, until SIGTERM; its exit code."""
    from service.core.deployment import EndpointSpec
    from service.endpoint.process import serve

    spec, store = EndpointSpec.model_validate_json(spec_path.read_bytes()), open_store(settings)

    def keeping(registry: "CollectorRegistry") -> "Keeping":
        return with_tensors(_capture_sink(spec, store, settings, registry), spec, store, registry)

    return serve(spec, listener=listener, store=store, keeping_factory=keeping, limits=settings.http_limits)


def with_tensors(
    sink: "CaptureSink", spec: "EndpointSpec", store: "ObjectStore", registry: "CollectorRegistry"
) -> "Keeping":
    """Captures, and beside them the tensors that the model's environment asks for. Raises BadInput."""
    from monitor_jobs.contract.debug_hook import debug_hook_of
    from service.endpoint.ports import Keeping

    hook = debug_hook_of(spec.environment)
    if hook is None:
        return Keeping(sink)
    from service.endpoint.tensor_hook.counts import tensor_steps
    from service.endpoint.tensor_hook.sink import TensorHook

    count = tensor_steps(registry, endpoint=spec.endpoint, variant=spec.variant)
    tensors = TensorHook(hook, spec, sink, store, generator=_dice(), clock=_now, count=count)
    return Keeping(tensors, tensors.watch)


def _capture_sink(
    spec: "EndpointSpec", store: "ObjectStore", settings: Settings, registry: "CollectorRegistry"
) -> "CaptureSink":
    from service.endpoint.capture import start_capture
    from service.endpoint.capture_metrics import CaptureCollector
    from service.endpoint.ports import NoCapture

    if spec.data_capture is None or not spec.data_capture.enable_capture:
        return NoCapture()
    redactor = open_redactor(spec, settings.data, registry)
    started = start_capture(spec, store, clock=_now, generator=_dice(), redactor=redactor)
    serving = (spec.endpoint, spec.variant)
    budget = spec.spool_budget_bytes
    registry.register(CaptureCollector(started.snapshot, serving=serving, budget_bytes=budget, clock=_now))
    return started


def open_redactor(spec: "EndpointSpec", data: Path, registry: "CollectorRegistry") -> "Redactor | None":
    """What takes out of captures what they must not hold, None where nothing is asked for; it counts in the registry.

    Raises BadInput where the key of its digests is none, or open to others.
    """
    if spec.data_capture is None or spec.redaction is None:
        return None
    from monitor_jobs.contract.keyed_hash import DigestUse, keyed_hash
    from service.digest_key import digest_key
    from service.endpoint.redaction import Redactor
    from service.endpoint.redaction.counts import withheld_counts

    hashed = partial(keyed_hash, digest_key(data), DigestUse.REDACTED)
    count = withheld_counts(registry, endpoint=spec.endpoint, variant=spec.variant)
    return Redactor(spec.redaction, spec.data_capture.capture_content_type_header, hashed=hashed, count=count)


def job_runner(settings: Settings, environment: dict[str, str]) -> "JobRunner":
    """What runs processing jobs: processes, and containers where an engine is set."""
    from service.adapters.process_runner import ProcessRunner, inheritable
    from service.adapters.runner_by_image import RunnerByImage
    from service.core.ports import JobLimits

    limits = JobLimits(
        memory_bytes=settings.memory_bytes_per_job,
        processes=settings.processes_per_job,
        log_bytes=settings.log_bytes_per_job,
    )
    processes = ProcessRunner(
        inheritable(environment),
        program_folders=settings.program_folders,
        hidden=[settings.data.absolute()],
        limits=limits,
    )
    engine = settings.oci_engine
    containers = processes if engine is None else _container_runner(settings, engine, environment, limits)
    return RunnerByImage(containers=containers, processes=processes)


def _container_runner(settings: Settings, engine: str, environment: dict[str, str], limits: "JobLimits") -> "JobRunner":
    from service.adapters.container_engine import ContainerEngine
    from service.adapters.container_options import Confinement, Pull
    from service.adapters.oci_runner import OciRunner, job_user

    user = job_user(settings.oci_user, own=(os.geteuid(), os.getegid()))
    confinement = Confinement(user=user, network=settings.oci_network, pull=Pull(settings.oci_pull))
    return OciRunner(ContainerEngine(engine, environment), confinement=confinement, limits=limits)


def _scheduler(
    settings: Settings,
    work: ThreadPoolExecutor,
    stopping: ThreadPoolExecutor,
    chores: ThreadPoolExecutor,
    stop: threading.Event,
) -> "Scheduler":
    from service.core.names import Resource, arn
    from service.scheduler.executions import Executions
    from service.scheduler.explanations import Explanations
    from service.scheduler.jobs import Jobs
    from service.scheduler.loop import Scheduler
    from service.scheduler.places import Places
    from service.scheduler.requested_jobs import RequestedJobs

    database, store, data = open_database(settings), open_store(settings), settings.data.absolute()
    runner = job_runner(settings, dict(os.environ))
    job_arn = partial(arn, Resource.PROCESSING_JOB, region=settings.region, account=settings.account)
    jobs = Jobs(database=database, store=store, runner=runner, folder=data / "jobs", clock=_now, stop=stop, arn=job_arn)
    cards = data / "model-cards"
    explanations = Explanations(
        database=database, store=store, cards=cards, clock=_now, most=settings.explained_records
    )
    executions = Executions(
        database=database, store=store, jobs=jobs, cards=cards, clock=_now, explanations=explanations
    )
    places = Places(work, settings.parallel_jobs)
    return Scheduler(
        owner=uuid.uuid4().hex,
        database=database,
        store=store,
        endpoints=_endpoints(settings, database, stopping),
        executions=executions,
        requested_jobs=RequestedJobs(database=database, store=store, jobs=jobs, places=places, clock=_now),
        places=places,
        chores=_chores(settings, database, store, chores),
        clock=_now,
    )


def _chores(settings: Settings, database: "Database", store: "ObjectStore", executor: ThreadPoolExecutor) -> "Chores":
    from service.adapters.file_lock import ERASING, locked
    from service.digest_key import digest_key
    from service.scheduler.chores import Chore, Chores
    from service.scheduler.erasures import Erasures
    from service.scheduler.places import Places
    from service.scheduler.retention import RETENTION_EVERY, Retention

    data = settings.data.absolute()
    erasures = Erasures(
        database=database,
        store=store,
        key=partial(digest_key, data),
        alone=partial(locked, data / ERASING),
        clock=_now,
    )
    every = timedelta(seconds=settings.flush_interval_seconds)  # as often as something new arrives
    each = [Chore("erasures", every, erasures.go_on)]
    if settings.retention:
        retention = Retention(store=store, rules=settings.retention, clock=_now)
        each.append(Chore("retention", RETENTION_EVERY, retention.go_on))
    return Chores(each, Places(executor, 1), _now)


def _endpoints(settings: Settings, database: "Database", stopping: ThreadPoolExecutor) -> "Endpoints":
    from service.adapters.process_host import ProcessHost, inherited_by_endpoints
    from service.scheduler.endpoint_specs import CaptureLimits
    from service.scheduler.endpoints import Endpoints

    return Endpoints(
        database=database,
        host=ProcessHost(
            inherited_by_endpoints(os.environ), token_sha256=token_sha256(endpoint_token(settings.data.absolute()))
        ),
        folder=settings.data.absolute() / "endpoints",
        limits=CaptureLimits(
            flush_interval_seconds=settings.flush_interval_seconds,
            spool_budget_bytes=settings.spool_budget_bytes,
            torch_threads=settings.torch_threads,
            when_spool_is_full=settings.when_spool_is_full,
            durability=settings.durability,
            max_body_bytes=settings.max_body_bytes,
            redaction=settings.redaction,
        ),
        executor=stopping,
        clock=_now,
    )


def _introduced(settings: Settings, issuer: "Issuer") -> "Introduction":
    from service.control.access.introduction import introduce

    return introduce(settings.data.absolute(), issuer, given=given_pair(settings), now=_now())


def _dice() -> Random:
    """What is seeded by the kernel, and asks it nothing more: requests wait for what it draws."""
    return Random()  # noqa: S311  # it draws samples, no secrets


def _now() -> datetime:
    return datetime.now(UTC)
