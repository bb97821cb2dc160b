"""What is another's stays so by every way that leads to it: by name, by reference, in lists, logs and metrics."""

from collections.abc import Iterator
from itertools import chain

import pytest

from service.core.names import JOBS_LOG_GROUP
from tests import sagemaker_requests as requests
from tests.access.asking import DEFINITIONS, KINDS, SCHEDULES, asked
from tests.access.cells import Cell, Reach, Whose
from tests.access.house import House, furnish, house, is_denied

LISTS = {
    "ListModels": ("Models", "ModelName"),
    "ListEndpointConfigs": ("EndpointConfigs", "EndpointConfigName"),
    "ListEndpoints": ("Endpoints", "EndpointName"),
    "ListMonitoringSchedules": ("MonitoringScheduleSummaries", "EndpointName"),
    "ListMonitoringExecutions": ("MonitoringExecutionSummaries", "EndpointName"),
    "ListProcessingJobs": ("ProcessingJobSummaries", "ProcessingJobName"),
    **{f"List{kind}JobDefinitions": ("JobDefinitionSummaries", "EndpointName") for kind in KINDS},
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as furnished:
        yield furnished


@pytest.fixture
def ask(built):
    """Asks an operation of SageMaker's as the deployer of one's own endpoints; the house is furnished anew after it."""

    def asks(operation, *, role="deployer", **members):
        return built.call(operation, built.callers[role, Reach.OWN], **members)

    yield asks
    furnish(built.here)


def refused_for(answer, resource):
    return is_denied(answer) and f":{resource} because" in answer.json()["message"]


def test_a_foreign_model_is_no_variant_of_ones_own_configuration(ask):
    answer = ask("CreateEndpointConfig", **requests.endpoint_config("own-2", model_name="foreign"))
    assert refused_for(answer, "model/foreign")


def test_nor_a_shadow_of_it(ask):
    shadow = [{"VariantName": "Shadow", "ModelName": "foreign"}]
    wanted = requests.endpoint_config("own-2", model_name="own", ShadowProductionVariants=shadow)
    assert refused_for(ask("CreateEndpointConfig", **wanted), "model/foreign")


@pytest.mark.parametrize(("operation", "name"), [("CreateEndpoint", "own-2"), ("UpdateEndpoint", "own")])
def test_an_endpoint_of_ones_own_takes_no_foreign_configuration(ask, operation, name):
    answer = ask(operation, EndpointName=name, EndpointConfigName="foreign")
    assert refused_for(answer, "endpoint-config/foreign")


def test_a_schedule_by_a_foreign_definition_is_refused(ask):
    wanted = requests.scheduled_by_name("own-new", definition=DEFINITIONS[Whose.FOREIGN])
    assert refused_for(ask("CreateMonitoringSchedule", **wanted), "monitoring-schedule/own-new")


def test_ones_own_schedule_is_not_moved_to_a_foreign_endpoint(ask, built):
    moved = requests.schedule(SCHEDULES[Whose.OWN], endpoint="foreign")
    assert refused_for(ask("UpdateMonitoringSchedule", **moved), f"monitoring-schedule/{SCHEDULES[Whose.OWN]}")
    assert built.here.database.schedules.get(SCHEDULES[Whose.OWN]).endpoint_name == "own"


def test_a_foreign_schedule_is_not_taken_over(ask, built):
    taken = requests.schedule(SCHEDULES[Whose.FOREIGN], endpoint="own")
    assert is_denied(ask("UpdateMonitoringSchedule", **taken))
    assert built.here.database.schedules.get(SCHEDULES[Whose.FOREIGN]).endpoint_name == "foreign"


def test_what_judged_a_foreign_endpoint_under_the_same_schedule_is_not_told_with_it(ask, built):
    judged = {"schedule_name": SCHEDULES[Whose.OWN], "endpoint_name": "foreign"}
    built.here.database.executions.add(requests.execution(9, **judged))
    told = ask("DescribeMonitoringSchedule", MonitoringScheduleName=SCHEDULES[Whose.OWN]).json()
    assert told["LastMonitoringExecutionSummary"]["EndpointName"] == "own"


@pytest.mark.parametrize("role", ["viewer", "operator", "deployer"])
@pytest.mark.parametrize("operation", LISTS)
def test_a_list_shows_ones_own_alone(ask, operation, role):
    rows, member = LISTS[operation]
    found = [row[member] for row in ask(operation, role=role).json()[rows]]
    assert found == ["j-1" if operation == "ListProcessingJobs" else "own"]


def test_pages_of_ones_own_are_full_and_lead_from_one_to_the_next(ask, built):
    for number in range(25):  # a foreign one after each of one's own
        for whose in ("own", "foreign"):
            built.here.later(seconds=1).call("CreateModel", **requests.model(f"{whose}-{number}"))
    pages, token = [], {}
    while not pages or token:
        answer = ask("ListModels", MaxResults=10, SortBy="CreationTime", SortOrder="Ascending", **token).json()
        pages.append([row["ModelName"] for row in answer["Models"]])
        token = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}
    assert list(map(len, pages)) == [10, 10, 6]
    assert list(chain.from_iterable(pages)) == ["own", *(f"own-{number}" for number in range(25))]


def test_alerts_that_were_raised_over_a_foreign_endpoint_are_not_listed(ask, built):
    for whose in (Whose.OWN, Whose.FOREIGN):
        name = {"MonitoringScheduleName": SCHEDULES[whose]}
        judged = {"schedule_name": SCHEDULES[whose], "endpoint_name": whose, "violations": 1}
        built.here.database.executions.add(requests.execution(2, id=f"bad-{whose}", **judged))
        (alert,) = built.here.call("ListMonitoringAlerts", **name)["MonitoringAlertSummaries"]
        more = {"DatapointsToAlert": 1, "EvaluationPeriod": 2}
        built.here.call("UpdateMonitoringAlert", **name, MonitoringAlertName=alert["MonitoringAlertName"], **more)
    every = built.here.call("ListMonitoringAlertHistory")["MonitoringAlertHistory"]
    shown = ask("ListMonitoringAlertHistory").json()["MonitoringAlertHistory"]
    assert {row["MonitoringScheduleName"] for row in every} >= {row["MonitoringScheduleName"] for row in shown}
    assert SCHEDULES[Whose.FOREIGN] not in {row["MonitoringScheduleName"] for row in shown}


@pytest.mark.parametrize("stream", ["own-j-2/algo-1-1795176000", "own-j-2/", "own-j-3/algo-1-1"])
def test_the_log_of_a_foreign_job_is_not_read_by_the_name_of_its_stream(built, stream):
    answer = logs(built, "GetLogEvents", logStreamName=stream)
    assert is_denied(answer)


@pytest.mark.parametrize("operation", ["DescribeLogStreams", "FilterLogEvents"])
def test_among_the_logs_of_jobs_are_ones_own_alone(built, operation):
    answer = logs(built, operation)
    assert "j-1/" in answer.text
    assert "own-j-2" not in answer.text


def logs(built, operation, **members):
    request = asked("logs:DescribeLogGroups", Whose.OWN)
    headers = {**request.headers, "X-Amz-Target": f"Logs_20140328.{operation}"}
    body = requests.sent({"logGroupName": JOBS_LOG_GROUP, **members})
    return built.ask(type(request)(request.service, headers=headers, body=body), built.callers["viewer", Reach.OWN])


def test_groups_of_logs_are_those_of_ones_own_endpoints(built):
    answer = built.answers(Cell("logs:DescribeLogGroups", "viewer", Reach.OWN, Whose.OWN))
    names = [group["logGroupName"] for group in answer.json()["logGroups"]]
    assert names == ["/aws/sagemaker/Endpoints/own", JOBS_LOG_GROUP]


def test_metrics_are_listed_where_every_endpoint_that_they_name_is_ones_own(built):
    for dimensions in ({"Endpoint": "own"}, {"Endpoint": "own", "EndpointName": "foreign"}, {"Shop": "own"}):
        rows = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        put(built, "admin", Reach.ALL, rows)
    found = built.answers(Cell("cloudwatch:ListMetrics", "viewer", Reach.OWN, Whose.OWN)).json()["Metrics"]
    assert [row["Dimensions"] for row in found] == [[{"Name": "Endpoint", "Value": "own"}]]


@pytest.mark.parametrize("more", [[], [{"Name": "Shop", "Value": "own"}], [{"Name": "EndpointName", "Value": "own"}]])
def test_nothing_is_put_into_a_metric_of_a_foreign_endpoint(built, more):
    assert is_denied(put(built, "operator", Reach.OWN, [{"Name": "Endpoint", "Value": "foreign"}, *more]))


def put(built, role, reach, dimensions):
    request = asked("cloudwatch:PutMetricData", Whose.OWN)
    datum = {"MetricName": "m", "Value": 1.0, "Dimensions": dimensions}
    body = requests.sent({"Namespace": "Shop", "MetricData": [datum]})
    return built.ask(type(request)(request.service, headers=request.headers, body=body), built.callers[role, reach])
