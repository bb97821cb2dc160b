"""The settings of every process of the service; the only reader of its environment.

What lives here: names, defaults, ranges. What does not: a monitoring container's environment (monitor_jobs.job).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.retention import RetentionRule, parse_retention
from service.core.deployment import MAX_BODY_BYTES, Durability, WhenSpoolIsFull
from service.core.http_limits import HttpLimits
from service.core.keys import GIVEN_ID_PATTERN, KeyPair, given_key_pair
from service.core.redaction import Redaction, parse_redaction
from service.core.secret import HIDDEN, Secret

PREFIX = "SEXTANT_"


BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


def _listed(value: object) -> object:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


def _key_id(value: object) -> object:
    if isinstance(value, str) and not GIVEN_ID_PATTERN.fullmatch(value):
        raise ValueError(f"{len(value)} characters that are no id: use 3 to 128 letters, digits, _ and -")
    return value


def _secret(value: object) -> object:
    return Secret(value) if isinstance(value, str) else value


def _folders(value: object) -> object:
    return tuple(filter(None, value.split(os.pathsep))) if isinstance(value, str) else value


def _rules(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_redaction(value)
    except BadInput as error:
        raise ValueError(str(error)) from error


def _retention(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_retention(value)
    except BadInput as error:
        raise ValueError(str(error)) from error


class Settings(BaseModel):
    """Settings by name; the environment variable is the name in capitals behind `SEXTANT_`."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)

    data: Path = Field(Path("sextant-data"), description="folder of the store, database, spool, jobs and logs")
    host: str = Field(
        "127.0.0.1", description="address that the control API listens on; another than loopback needs more"
    )
    port: int = Field(8080, ge=0, le=65535, description="port of the control API; 0 takes a free one")
    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        (), description="Host values beyond this machine's own that clients use, separated by commas"
    )
    tls_certificate: Path | None = Field(None, description="file of the certificate chain, as PEM; unset speaks HTTP")
    tls_key: Path | None = Field(None, description="file of the certificate's key, as PEM")
    behind_proxy: bool = Field(default=False, description="true: a proxy in front speaks TLS with clients")
    access_key_id: Annotated[str | None, BeforeValidator(_key_id)] = Field(
        None, description="id of the first key; unset makes one"
    )
    secret_access_key: Annotated[Secret | None, BeforeValidator(_secret)] = Field(
        None, description="secret of the first key; better in a file"
    )
    secret_access_key_file: Path | None = Field(None, description="file that holds the secret of the first key")
    store_endpoint_url: str | None = Field(None, description="S3 endpoint; unset keeps objects in the data folder")
    database_url: str | None = Field(
        None, repr=False, description="SQLAlchemy URL; unset keeps SQLite in the data folder"
    )
    bucket: str = Field("sextant", description="bucket for packages, captures and reports that name no other")
    allowed_buckets: Annotated[frozenset[BucketName], BeforeValidator(_listed)] = Field(
        frozenset(), description="buckets that requests may name, separated by commas; unset allows any"
    )
    region: str = Field("us-east-1", description="region in ARNs and S3 requests")
    account: str = Field("000000000000", pattern=r"^[0-9]{12}$", description="account in ARNs")
    flush_interval_seconds: float = Field(60, ge=1, le=3600, description="longest time a capture waits to be sealed")
    spool_budget_bytes: int = Field(10 * 2**30, ge=2**20, description="bytes an endpoint may spool before it drops")
    when_spool_is_full: WhenSpoolIsFull = Field(
        WhenSpoolIsFull.DROP, description="drop: answer and count the lost capture; refuse: answer 503 instead"
    )
    durability: Durability = Field(
        Durability.PROCESS, description="process: captures outlive kill -9; power: answers wait for the disk"
    )
    max_body_bytes: int = Field(
        MAX_BODY_BYTES, ge=1, le=2**30, description="bytes that a request, or an answer, of an endpoint may have"
    )
    body_seconds: float = Field(30, ge=1, le=3600, description="longest time that the body of a request may take")
    connections: int = Field(1000, ge=10, le=100_000, description="connections that a process takes at the same time")
    requests_per_second_per_address: float = Field(
        5000, ge=0, description="requests a second that an address may send; 0 sets no limit"
    )
    requests_per_second_per_key: float = Field(
        5000, ge=0, description="requests a second that a key may send; 0 sets no limit"
    )
    failed_keys_per_minute: float = Field(
        5, ge=0, description="requests without a valid key that an address may send, after 20; 0 sets no limit"
    )
    tick_seconds: float = Field(0.5, gt=0, le=60, description="how often the scheduler looks around")
    parallel_jobs: int = Field(2, ge=1, le=64, description="processing jobs that run at the same time")
    memory_bytes_per_job: int = Field(4 * 2**30, ge=16 * 2**20, description="memory that one processing job may use")
    processes_per_job: int = Field(1024, ge=16, description="processes and threads that one processing job may have")
    log_bytes_per_job: int = Field(256 * 2**20, ge=2**16, description="bytes that one processing job may log")
    explained_records: int = Field(
        6, ge=0, le=100, description="records that are explained of an execution with violations; 0 explains none"
    )
    program_folders: Annotated[tuple[Path, ...], BeforeValidator(_folders)] = Field(
        (), description="folders, separated by colons, whose programs jobs may run as file:///PATH; none unless set"
    )
    oci_engine: str | None = Field(
        None, pattern=r"^/?[A-Za-z0-9._/-]+$", description="podman or docker, to run container images; unset runs none"
    )
    oci_network: str = Field("none", pattern=r"^[A-Za-z0-9._:-]+$", description="network of a job's container")
    oci_user: str | None = Field(
        None, pattern=r"^[0-9]{1,9}(:[0-9]{1,9})?$", description="user of a job's container, as UID or UID:GID"
    )
    oci_pull: Literal["never", "missing", "always"] = Field(
        "never", description="when an image may be fetched: never, missing or always"
    )
    redaction: Annotated[Redaction | None, BeforeValidator(_rules)] = Field(
        None, description="JSON: what no endpoint may capture; a model's own SEXTANT_REDACTION adds to it"
    )
    retention: Annotated[tuple[RetentionRule, ...], BeforeValidator(_retention)] = Field(
        (), description="how long objects are kept: s3://BUCKET/PREFIX=30d, with commas between; all others for ever"
    )
    torch_threads: int = Field(0, ge=0, le=1024, description="torch threads of an endpoint; 0 leaves it to torch")
    log_level: str = Field("INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$", description="least level that is logged")

    @property
    def http_limits(self) -> HttpLimits:
        """What the processes that answer hold their callers to."""
        return HttpLimits(body_seconds=self.body_seconds, connections=self.connections)

    @property
    def database(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'sextant.db'}"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment, where an empty variable counts as unset.

    Raises BadInput naming the variable that does not fit, or is not known.
    """
    source = os.environ if environment is None else environment
    given = {name.removeprefix(PREFIX).lower(): value for name, value in source.items() if value and _is_setting(name)}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise BadInput(_complaints(error, given)) from error


def given_pair(settings: Settings) -> KeyPair | None:
    """The first key that the settings give; None where they give none. Raises BadInput for a part of one."""
    secret = settings.secret_access_key
    if settings.secret_access_key_file is not None:
        if secret is not None:
            raise BadInput("SEXTANT_SECRET_ACCESS_KEY and SEXTANT_SECRET_ACCESS_KEY_FILE are both set: unset one")
        secret = _secret_of(settings.secret_access_key_file)
    if (secret is None) != (settings.access_key_id is None):
        raise BadInput(
            "SEXTANT_ACCESS_KEY_ID needs SEXTANT_SECRET_ACCESS_KEY_FILE or SEXTANT_SECRET_ACCESS_KEY beside it, and "
            "they need it: set both, or neither, and a key is made"
        )
    return None if secret is None or settings.access_key_id is None else given_key_pair(settings.access_key_id, secret)


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


# SEXTANT_TEST_* steer the tests, the others belong to a model's or a job's own environment.
_NOT_SETTINGS = (
    "SEXTANT_TEST_",
    "SEXTANT_DEBUG_HOOK",
    "SEXTANT_MODEL_CARD",
    "SEXTANT_JOB_",
    "SEXTANT_ANALYSIS",
    "SEXTANT_CAPTURE_COMPLETENESS",
    "SEXTANT_SIDE_INDEX",
    "SEXTANT_URL",
    "SEXTANT_API_KEY",
)


def _secret_of(path: Path) -> Secret:
    try:
        return Secret(path.read_text().rstrip("\n"))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"SEXTANT_SECRET_ACCESS_KEY_FILE={str(path)!r} cannot be read: {type(error).__name__}"
        ) from error


_NOT_SHOWN = ("access_key_id", "secret_access_key", "database_url")


def _is_setting(name: str) -> bool:
    return name.startswith(PREFIX) and not name.startswith(_NOT_SETTINGS)


def _complaints(error: ValidationError, given: Mapping[str, Any]) -> str:
    parts = (_complaint(str(row["loc"][0]), row["msg"], given) for row in error.errors())
    return "; ".join(parts)


def _complaint(name: str, message: str, given: Mapping[str, Any]) -> str:
    if name not in Settings.model_fields:
        return f"{variable_of(name)} is no setting: settings are {', '.join(map(variable_of, Settings.model_fields))}"
    # What does not fit as an id may be the secret, which somebody put in its place.
    shown = HIDDEN if name in _NOT_SHOWN else repr(given.get(name))
    return f"{variable_of(name)}={shown}: {message}"
