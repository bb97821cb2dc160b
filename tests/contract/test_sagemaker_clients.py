"""Real boto3 clients against a real control process: what AWS's own code sends, and what it makes of our answers."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

from service.core.states import EndpointStatus, ExecutionStatus, ProcessingJobStatus
from tests import plain_http
from tests import sagemaker_requests as requests
from tests.aws_clients import KEYS, SIGNED
from tests.sagemaker_requests import NOON, Installation
from tests.servers.control import control_process

TARGET = "SageMaker.ListModels"
ONCE = Config(retries={"total_max_attempts": 1})
PATIENT = {"Delay": 0, "MaxAttempts": 100_000}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("control")


@pytest.fixture(scope="module")
def url(folder):
    with control_process(folder) as address:
        yield address


@pytest.fixture(scope="module")
def aws(url):
    with closing(boto3.client("sagemaker", endpoint_url=url, config=ONCE, **KEYS)) as client:
        yield client


@pytest.fixture
def here(url, folder):
    """The database that the control process uses, emptied."""
    installation = Installation(folder)
    installation.forget_everything()
    yield installation
    installation.database.engine.dispose()


def error_of(call, **request):
    """The code, message and status of the error that a client raises."""
    with pytest.raises(ClientError) as raised:
        call(**request)
    answer = raised.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_model_is_created_described_listed_and_deleted(aws, here):
    arn = aws.create_model(**requests.model())["ModelArn"]
    described = aws.describe_model(ModelName="signs")
    assert (described["ModelArn"], described["PrimaryContainer"]) == (arn, requests.model()["PrimaryContainer"])
    assert described["CreationTime"].utcoffset() == timedelta(0)
    assert [row["ModelName"] for row in aws.list_models()["Models"]] == ["signs"]
    aws.delete_model(ModelName="signs")
    assert aws.list_models()["Models"] == []


def test_an_endpoint_config_is_created_described_listed_and_deleted(aws, here):
    aws.create_model(**requests.model())
    aws.create_endpoint_config(**requests.endpoint_config())
    described = aws.describe_endpoint_config(EndpointConfigName="signs")
    assert described["DataCaptureConfig"] == requests.CAPTURE
    assert [row["EndpointConfigName"] for row in aws.list_endpoint_configs()["EndpointConfigs"]] == ["signs"]
    aws.delete_endpoint_config(EndpointConfigName="signs")
    assert aws.list_endpoint_configs()["EndpointConfigs"] == []


def test_an_endpoint_is_created_described_listed_and_deleted(aws, here):
    here.with_endpoint("other")
    aws.create_endpoint(EndpointName="signs", EndpointConfigName="other")
    assert aws.describe_endpoint(EndpointName="signs")["EndpointStatus"] == "Creating"
    assert len(aws.list_endpoints(StatusEquals="Creating")["Endpoints"]) == 2
    move(here.database.endpoints, "signs", EndpointStatus.IN_SERVICE)
    aws.delete_endpoint(EndpointName="signs")
    assert aws.describe_endpoint(EndpointName="signs")["EndpointStatus"] == "Deleting"


def move(table, name, status):
    table.save(replace(table.get(name), status=status))


def test_a_waiter_sees_an_endpoint_come_into_service(aws, here):
    here.with_endpoint()
    move(here.database.endpoints, "signs", EndpointStatus.IN_SERVICE)
    aws.get_waiter("endpoint_in_service").wait(EndpointName="signs")


def test_a_waiter_sees_an_endpoint_fail(aws, here):
    here.with_endpoint()
    move(here.database.endpoints, "signs", EndpointStatus.FAILED)
    with pytest.raises(WaiterError, match="terminal failure state"):
        aws.get_waiter("endpoint_in_service").wait(EndpointName="signs")


def test_a_waiter_sees_an_endpoint_go(aws, here):
    here.with_endpoint()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(aws.get_waiter("endpoint_deleted").wait, EndpointName="signs", WaiterConfig=PATIENT)
        here.database.endpoints.remove("signs")
        assert waiting.result(60) is None


def test_an_endpoint_is_updated_and_a_waiter_sees_it_come_back_into_service(aws, here):
    here.with_endpoint()
    move(here.database.endpoints, "signs", EndpointStatus.IN_SERVICE)
    answer = aws.update_endpoint(EndpointName="signs", EndpointConfigName="signs", RetainAllVariantProperties=True)
    described = aws.describe_endpoint(EndpointName="signs")
    assert (described["EndpointStatus"], described["EndpointArn"]) == ("Updating", answer["EndpointArn"])
    assert described["PendingDeploymentSummary"]["EndpointConfigName"] == "signs"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(aws.get_waiter("endpoint_in_service").wait, EndpointName="signs", WaiterConfig=PATIENT)
        move(here.database.endpoints, "signs", EndpointStatus.IN_SERVICE)
        assert waiting.result(60) is None


def test_an_update_in_progress_is_refused_in_awss_words(aws, here):
    here.with_endpoint()
    code, message, status = error_of(aws.update_endpoint, EndpointName="signs", EndpointConfigName="signs")
    assert (code, status) == ("ValidationException", 400)
    assert message == ('Cannot update in-progress endpoint "arn:aws:sagemaker:us-east-1:000000000000:endpoint/signs".')


def test_a_deployment_config_comes_back_as_boto3_sent_it(aws, here):
    here.with_endpoint()
    move(here.database.endpoints, "signs", EndpointStatus.IN_SERVICE)
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    config = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 5}}
    aws.update_endpoint(EndpointName="signs", EndpointConfigName="signs", DeploymentConfig=config)
    assert aws.describe_endpoint(EndpointName="signs")["LastDeploymentConfig"] == config


def test_a_waiter_sees_a_job_complete(aws, here):
    aws.create_processing_job(**requests.processing_job())
    move(here.database.processing_jobs, "baseline", ProcessingJobStatus.COMPLETED)
    aws.get_waiter("processing_job_completed_or_stopped").wait(ProcessingJobName="baseline")


def test_a_schedule_is_created_described_stopped_started_listed_and_deleted(aws, here):
    here.with_endpoint()
    aws.create_monitoring_schedule(**requests.schedule())
    aws.stop_monitoring_schedule(MonitoringScheduleName="hourly")
    assert aws.describe_monitoring_schedule(MonitoringScheduleName="hourly")["MonitoringScheduleStatus"] == "Stopped"
    aws.start_monitoring_schedule(MonitoringScheduleName="hourly")
    rows = aws.list_monitoring_schedules(EndpointName="signs")["MonitoringScheduleSummaries"]
    assert [(row["MonitoringScheduleName"], row["MonitoringScheduleStatus"]) for row in rows] == [
        ("hourly", "Scheduled")
    ]
    aws.delete_monitoring_schedule(MonitoringScheduleName="hourly")
    assert aws.list_monitoring_schedules()["MonitoringScheduleSummaries"] == []


def test_the_parts_of_a_schedule_that_the_sdk_reads_are_there(aws, here):
    here.with_endpoint()
    aws.create_monitoring_schedule(**requests.schedule())
    aws.update_monitoring_schedule(**requests.schedule(Environment={"THRESHOLD": "0.5"}))
    described = aws.describe_monitoring_schedule(MonitoringScheduleName="hourly")
    definition = described["MonitoringScheduleConfig"]["MonitoringJobDefinition"]
    assert definition["Environment"] == {"THRESHOLD": "0.5"}
    assert definition["MonitoringResources"] == requests.RESOURCES
    assert {"RoleArn", "MonitoringOutputConfig"} < set(definition)


def test_executions_are_listed_with_the_job_that_their_arn_names(aws, here):
    here.with_endpoint()
    aws.create_monitoring_schedule(**requests.schedule())
    here.database.executions.add(
        requests.execution(1, ExecutionStatus.COMPLETED_WITH_VIOLATIONS, processing_job_name="job-1")
    )
    (row,) = aws.list_monitoring_executions(MonitoringScheduleName="hourly")["MonitoringExecutionSummaries"]
    assert row["ProcessingJobArn"].split(":")[5].removeprefix("processing-job/") == "job-1"
    assert (row["ScheduledTime"], row["MonitoringExecutionStatus"]) == (
        NOON + timedelta(hours=1),
        "CompletedWithViolations",
    )


def test_a_processing_job_is_created_described_listed_and_stopped(aws, here):
    aws.create_processing_job(**requests.processing_job())
    described = aws.describe_processing_job(ProcessingJobName="baseline")
    assert described["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] == "s3://reports/base"
    assert described["ProcessingInputs"][0]["S3Input"]["LocalPath"] == "/opt/ml/processing/input"
    aws.stop_processing_job(ProcessingJobName="baseline")
    rows = aws.list_processing_jobs(StatusEquals="Stopping")["ProcessingJobSummaries"]
    assert [row["ProcessingJobName"] for row in rows] == ["baseline"]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_paginators_return_everything_once(aws, here, size):
    for number in range(15):
        here.call("CreateModel", **requests.model(f"m{number:02}"))
    pages = aws.get_paginator("list_models").paginate(PaginationConfig={"PageSize": size})
    assert [row["ModelName"] for page in pages for row in page["Models"]] == [f"m{n:02}" for n in reversed(range(15))]


def test_executions_are_paginated_by_slot(aws, here):
    for slot in range(5):
        here.database.executions.add(requests.execution(slot))
    paginator = aws.get_paginator("list_monitoring_executions")
    found = paginator.paginate(SortBy="ScheduledTime", SortOrder="Ascending", PaginationConfig={"PageSize": 2})
    slots = [row["ScheduledTime"] for page in found for row in page["MonitoringExecutionSummaries"]]
    assert slots == [NOON + timedelta(hours=slot) for slot in range(5)]


def test_errors_have_the_classes_that_clients_catch(aws, here):
    aws.create_processing_job(**requests.processing_job())
    with pytest.raises(aws.exceptions.ResourceNotFound):
        aws.delete_monitoring_schedule(MonitoringScheduleName="nope")
    with pytest.raises(aws.exceptions.ResourceInUse):
        aws.create_processing_job(**requests.processing_job())


def test_a_model_that_exists_is_refused_in_the_words_that_the_sdk_looks_for(aws, here):
    aws.create_model(**requests.model())
    code, message, status = error_of(aws.create_model, **requests.model())
    assert (code, status) == ("ValidationException", 400)
    assert "Cannot create already existing model" in message


@pytest.mark.parametrize(
    ("operation", "request_body", "words"),
    [
        ("describe_endpoint", {"EndpointName": "nope"}, 'Could not find endpoint "arn:aws:sagemaker:'),
        ("describe_processing_job", {"ProcessingJobName": "nope"}, "Could not find requested job"),
        ("create_model", {"ModelName": "../etc"}, "Value '../etc' at 'modelName' failed to satisfy constraint"),
        ("list_models", {"NextToken": "forged"}, "NextToken is not one that this listing gave"),
    ],
)
def test_other_errors_are_validation_exceptions(aws, here, operation, request_body, words):
    code, message, status = error_of(getattr(aws, operation), **request_body)
    assert (code, status) == ("ValidationException", 400)
    assert words in message


def test_an_operation_that_is_not_served_says_so(aws, here):
    code, message, status = error_of(aws.list_training_jobs)
    assert (code, status) == ("UnknownOperationException", 400)
    assert message.startswith("ListTrainingJobs is not served: served are ")


def test_a_request_of_more_than_a_mebibyte_is_refused(aws, here):
    environment = {f"k{number}": "v" * 1000 for number in range(1200)}
    request = requests.processing_job(Environment=environment)
    assert error_of(aws.create_processing_job, **request) == (
        "ValidationException",
        "Request body is longer than 1048576 bytes",
        400,
    )


def post(url, content, target=TARGET):
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    return plain_http.post(url, content=content, headers=headers, auth=SIGNED)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "Request body is no JSON"),
        (b'{"NameContains": "\xff"}', "Request body is no JSON"),
        (b'{"MaxResults": NaN}', "Request body is no JSON"),
        (b"[]", "Request body is a JSON list, not an object"),
        (b"null", "Request body is a JSON NoneType, not an object"),
        (b"{" * 100_000, "Request body is no JSON"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(url, here, content, words):
    answer = post(url, content)
    assert (answer.status_code, answer.json()["__type"]) == (400, "ValidationException")
    assert words in answer.json()["message"]


def test_an_empty_body_is_an_empty_request(url, here):
    assert post(url, b"").json() == {"Models": []}


@pytest.mark.parametrize("target", ["", "SageMaker.", "DynamoDB_20120810.ListTables", "SageMaker.__init__"])
def test_a_wrong_target_is_an_unknown_operation(url, here, target):
    answer = post(url, b"{}", target)
    assert (answer.status_code, answer.json()["__type"]) == (400, "UnknownOperationException")


def test_an_answer_is_json_1_1_with_a_request_id_and_times_in_epoch_seconds(url, here):
    here.call("CreateModel", **requests.model())
    answer = post(url, b"{}")
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert len(answer.headers["x-amzn-requestid"]) == 36
    assert answer.json()["Models"][0]["CreationTime"] == NOON.timestamp()


def test_no_page_of_another_machine_is_answered(url, here):
    assert plain_http.get(f"{url}/metrics", headers={"Host": "evil.example"}).status_code == 421
