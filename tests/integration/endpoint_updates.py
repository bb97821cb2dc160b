"""Endpoints of one row whose processes do what a test tells them, and every process that was ever started.

What does not live here: real processes (test_endpoints_reconcile, tests.e2e.test_rolling_updates).
"""

from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace

from service.core.records import EndpointConfigRecord, EndpointRecord, ModelRecord
from service.core.states import EndpointStatus
from tests.integration.scheduling import House

PACKAGE = "s3://bucket/tiny.tar.gz"


class AtOnce(Executor):
    """Does what it is given before it says that it has taken it."""

    def submit(self, work, /, *arguments, **named):
        done = Future()
        try:
            done.set_result(work(*arguments, **named))
        except OSError as error:
            done.set_exception(error)
        return done


@dataclass
class ToldHost:
    """Processes by number, in the order of their starts; a test kills them and lets them get ready."""

    living: set[int] = field(default_factory=set)
    ready_ones: set[int] = field(default_factory=set)
    stopped: list[int] = field(default_factory=list)
    started: list = field(default_factory=list)
    unknown: list = field(default_factory=list)
    held: set[int] = field(default_factory=set)  # do not end when they are told to
    most: int = 1000  # that the machine has room for

    def start(self, spec, *, folder):  # noqa: ARG002  the port's signature
        if len(self.living) == self.most:
            raise OSError("no room for another")
        self.started.append(spec)
        number = len(self.started)
        self.living.add(number)
        return {"pid": number, "address": f"http://127.0.0.1:{number}"}

    def running(self, handle):
        return handle["pid"] in self.living

    def ready(self, handle):
        return handle["pid"] in self.ready_ones & self.living

    def stop(self, handle):
        if handle["pid"] in self.held:
            raise OSError("it does not end")
        self.stopped.append(handle["pid"])
        self.living.discard(handle["pid"])

    def last_words(self, _handle):
        return "out of memory"

    def strays(self, _folder):
        return self.unknown


@dataclass
class Scene:
    """One endpoint `tiny`, its configurations, and a scheduler that may be replaced."""

    house: House
    host: ToldHost = field(default_factory=ToldHost)

    def __post_init__(self):
        self.restart_scheduler()

    def restart_scheduler(self):
        """Another scheduler process, which knows nothing but the rows."""
        self.endpoints = self.house.endpoints(self.host, AtOnce())

    def add_config(self, name, *, variant="AllTraffic", **weights):
        """A configuration and a model of one name: of one variant, or of several by their weights."""
        shares = [{"VariantName": each, "InitialVariantWeight": weight} for each, weight in weights.items()]
        variants = [{**each, "ModelName": name} for each in shares or [{"VariantName": variant}]]
        now, request = self.house.clock(), {"ProductionVariants": variants}
        container = {"ModelDataUrl": PACKAGE}
        self.house.database.models.add(ModelRecord(name, now, {"PrimaryContainer": container}))
        self.house.database.endpoint_configs.add(EndpointConfigRecord(name, now, request))

    def serve(self, **weights):
        """Process 1, or one for each variant of these weights, in service under the configuration `old`."""
        self.add_config("old", **weights)
        self.create()
        self.host.ready_ones |= set(range(1, len(weights or "1") + 1))
        return self.look(times=2)

    def create(self):
        """What CreateEndpoint writes for the configuration `old`."""
        now = self.house.clock()
        self.house.database.endpoints.add(EndpointRecord("tiny", "old", EndpointStatus.CREATING, now, now))

    def ask_for(self, config, **changes):
        """What UpdateEndpoint writes."""
        wanted = replace(self.row, **{"status": EndpointStatus.UPDATING, "pending_config_name": config, **changes})
        self.house.database.endpoints.save(wanted)

    def look(self, *, times=1):
        """The row after so many looks of the scheduler."""
        for _ in range(times):
            self.endpoints.reconcile()
        return self.row

    @property
    def row(self):
        return self.house.database.endpoints.get("tiny")

    def pids(self, name):
        """The numbers of the row's processes that run, start or retire."""
        return [process["handle"]["pid"] for process in getattr(self.row, name)]
