"""A monitor that was written for SageMaker, run by a whole `sextant up` over what an endpoint really answered.

It is a program of this machine in one schedule and a container in the other; the service is told of both by settings.
"""

import json

import pytest

from service.cli.schedule import job_definition
from tests.e2e.service_under_test import Service, next_second
from tests.integration.tiny_package import write_tiny_package
from tests.servers.container_engines import IMAGE, PROGRAMS

PROGRAM = f"file://{PROGRAMS}/evaluation.py"
REPORTS = "s3://sextant/reports"


@pytest.fixture(scope="module")
def service(podman, tmp_path_factory):
    """A running service that may run the programs of the tests, and images by podman; its endpoint has answered."""
    engine = {name: value for name, value in podman.environment.items() if name.startswith("CONTAINERS_")}
    settings = {"SEXTANT_OCI_ENGINE": "podman", "SEXTANT_PROGRAM_FOLDERS": str(PROGRAMS), **engine}
    service = Service(tmp_path_factory.mktemp("foreign"), variables=settings)
    service.start()
    service.deploy("signs", write_tiny_package(service.folder))
    service.wait_in_service("signs")
    yield service
    service.clear()


@pytest.fixture(scope="module")
def window(service):
    """The window in which the endpoint has answered class 14 three times of four."""
    start = next_second()
    for label in (14, 14, 2, 14):
        service.invoke("signs", f"[[{label}]]".encode(), "application/json")
    return start, next_second()


def verdict(service, window, name, image):
    definition = job_definition("signs", monitor=image, environment={"THRESHOLD": "0.7"}, baseline=None, output=REPORTS)
    config = {"ScheduleConfig": {"ScheduleExpression": "cron(0 0 1 1 ? 2099)"}, "MonitoringJobDefinition": definition}
    service.call("CreateMonitoringSchedule", MonitoringScheduleName=name, MonitoringScheduleConfig=config)
    return service.verdict(service.ask_for(name, *window))


@pytest.mark.server("podman")
@pytest.mark.parametrize(("name", "image"), [("program", PROGRAM), ("container", IMAGE)], ids=["program", "container"])
def test_a_schedule_runs_a_foreign_monitor_and_publishes_what_it_found(service, window, name, image):
    ended = verdict(service, window, name, image)
    assert ended["MonitoringExecutionStatus"] == "CompletedWithViolations", ended
    assert service.job(ended)["ExitMessage"] == "CompletedWithViolations: Job completed successfully with 1 violations."
    (violation,) = service.report(ended, "constraint_violations.json")["violations"]
    assert violation["description"] == "one class in 75% of 4 predictions"


@pytest.mark.server("podman")
def test_an_image_that_is_not_here_fails_with_the_way_to_get_it(service, window):
    ended = verdict(service, window, "absent", "localhost/absent:1")
    assert ended["MonitoringExecutionStatus"] == "Failed"
    assert "get it with `podman pull localhost/absent:1`" in json.dumps(ended)
