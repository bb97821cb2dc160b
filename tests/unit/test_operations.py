"""The operation table on models, endpoints and processing jobs: what each answers, keeps and refuses."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor_jobs.contract.errors import BadInput, Conflict, SextantError
from service.control.sagemaker.context import ResourceInUse, UnknownOperationException, ValidationException
from service.core.states import EndpointStatus, ProcessingJobStatus
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import NOON, Installation

ARN = "arn:aws:sagemaker:us-east-1:000000000000"
REQUESTS = {
    "Model": ("ModelName", requests.model),
    "EndpointConfig": ("EndpointConfigName", requests.endpoint_config),
    "Endpoint": ("EndpointName", lambda name="signs": {"EndpointName": name, "EndpointConfigName": "signs"}),
    "ProcessingJob": ("ProcessingJobName", requests.processing_job),
    "MonitoringSchedule": ("MonitoringScheduleName", requests.schedule),
}


@pytest.fixture
def here(tmp_path):
    installation = Installation(tmp_path)
    yield installation
    installation.database.engine.dispose()


def set_state(table, name, status):
    table.save(replace(table.get(name), status=status))


def test_an_operation_that_is_not_served_names_those_that_are(here):
    with pytest.raises(
        UnknownOperationException, match=r"CreateTransformJob is not served: served are AddTags, CreateDataQ"
    ):
        here.call("CreateTransformJob")


@pytest.mark.parametrize("resource", REQUESTS)
def test_a_request_is_held_against_its_published_shape(here, resource):
    name, _ = REQUESTS[resource]
    with pytest.raises(BadInput, match=f"Value null at '{name[0].lower()}{name[1:]}' failed to satisfy constraint"):
        here.call(f"Describe{resource}")


@pytest.mark.parametrize("hostile", ["../../etc/passwd", "a\n", "", "-", "a" * 64, "a\0b", "\u00e4", "a b"])
def test_a_name_that_could_lead_elsewhere_is_refused(here, hostile):
    with pytest.raises(BadInput, match="at 'modelName' failed to satisfy constraint"):
        here.call("CreateModel", **requests.model(hostile))


def test_a_model_is_described_as_it_was_sent(here):
    assert here.call("CreateModel", **requests.model()) == {"ModelArn": f"{ARN}:model/signs"}
    described = here.call("DescribeModel", ModelName="signs")
    assert described == requests.model() | {"ModelArn": f"{ARN}:model/signs", "CreationTime": NOON}


@pytest.mark.parametrize(
    "containers",
    [
        {"PrimaryContainer": None},
        {"PrimaryContainer": {}},
        {"PrimaryContainer": {"ModelDataUrl": "https:/"}, "Containers": [{"ModelDataUrl": "s3://models/a.tar.gz"}]},
        {"Containers": []},
        {"Containers": [{"ModelDataUrl": "s3://models/a.tar.gz"}] * 2},
    ],
)
def test_a_model_needs_exactly_one_package(here, containers):
    with pytest.raises(SextantError, match=r"Model signs needs one container with a ModelDataUrl|modelDataUrl"):
        here.call("CreateModel", ModelName="signs", **containers)


def test_a_model_may_list_its_only_container(here):
    here.call("CreateModel", ModelName="signs", Containers=[{"ModelDataUrl": "s3://models/a.tar.gz"}])
    assert here.call("DescribeModel", ModelName="signs")["Containers"] == [{"ModelDataUrl": "s3://models/a.tar.gz"}]


def test_a_package_that_is_not_in_the_store_is_refused(here):
    with pytest.raises(BadInput, match=r"'https://host/model.tar.gz' is no S3 address: write s3://bucket/key"):
        here.call("CreateModel", **requests.model(url="https://host/model.tar.gz"))


@pytest.mark.parametrize(
    ("resource", "words"),
    [("Model", "model"), ("EndpointConfig", "endpoint configuration"), ("Endpoint", "endpoint")],
)
def test_creating_twice_is_refused_in_the_words_that_clients_look_for(here, resource, words):
    here.with_endpoint()
    _, request = REQUESTS[resource]
    with pytest.raises(ValidationException, match=f'^Cannot create already existing {words} "{ARN}:[a-z-]+/signs".$'):
        here.call(f"Create{resource}", **request())


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ("Model", f'Could not find model "{ARN}:model/nope".'),
        ("EndpointConfig", f'Could not find endpoint configuration "{ARN}:endpoint-config/nope".'),
        ("Endpoint", f'Could not find endpoint "{ARN}:endpoint/nope".'),
        ("ProcessingJob", "Could not find requested job with name: nope"),
    ],
)
@pytest.mark.parametrize("verb", ["Describe", "Delete"])
def test_what_is_not_there_is_a_validation_exception(here, verb, resource, words):
    with pytest.raises(ValidationException) as raised:
        here.call(f"{verb}{resource}", **{f"{resource}Name": "nope"})
    assert str(raised.value) == words


@pytest.mark.parametrize("resource", ["Model", "EndpointConfig"])
def test_deleting_forgets(here, resource):
    here.with_endpoint()
    assert here.call(f"Delete{resource}", **{f"{resource}Name": "signs"}) == {}
    with pytest.raises(ValidationException, match="Could not find"):
        here.call(f"Describe{resource}", **{f"{resource}Name": "signs"})


def test_an_endpoint_config_is_described_as_it_was_sent(here):
    here.with_endpoint()
    described = here.call("DescribeEndpointConfig", EndpointConfigName="signs")
    arn = f"{ARN}:endpoint-config/signs"
    assert described == requests.endpoint_config() | {"EndpointConfigArn": arn, "CreationTime": NOON}


def test_shadow_variants_are_refused_in_words(here):
    here.call("CreateModel", **requests.model())
    shadow = [{"VariantName": "b", "ModelName": "signs"}]
    with pytest.raises(ValidationException, match="ShadowProductionVariants are not served"):
        here.call("CreateEndpointConfig", **requests.endpoint_config(ShadowProductionVariants=shadow))


def test_an_endpoint_config_names_a_model_that_exists(here):
    with pytest.raises(ValidationException, match=r'Could not find model ".*/nope"'):
        here.call("CreateEndpointConfig", **requests.endpoint_config(model_name="nope"))


@pytest.mark.parametrize(
    ("variants", "words"),
    [
        (
            [{"VariantName": "a", "ModelName": "signs"}] * 2,
            "Two ProductionVariants of signs have one VariantName: a, a",
        ),
        ([{"VariantName": "a"}], "ProductionVariant a names no ModelName"),
        ([{"VariantName": "a", "ModelName": "signs"}, {"VariantName": "b", "ModelName": "no"}], "Could not find model"),
    ],
)
def test_an_endpoint_config_has_variants_of_their_own_names_and_models(here, variants, words):
    here.call("CreateModel", **requests.model())
    with pytest.raises(ValidationException, match=words):
        here.call("CreateEndpointConfig", **requests.endpoint_config(ProductionVariants=variants))


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("DestinationS3Uri", "https://bucket/x", r"DataCaptureConfig\.DestinationS3Uri: "),
        ("InitialSamplingPercentage", 101, "less than or equal to 100"),
        ("CaptureOptions", [{"CaptureMode": "Both"}], "enum value set"),
        ("CaptureOptions", [], "greater than or equal to 1"),
    ],
)
def test_a_capture_that_cannot_be_done_is_refused(here, member, value, words):
    here.call("CreateModel", **requests.model())
    capture = requests.CAPTURE | {member: value}
    with pytest.raises(SextantError, match=words):
        here.call("CreateEndpointConfig", **requests.endpoint_config(DataCaptureConfig=capture))


def test_a_new_endpoint_is_creating(here):
    described = here.with_endpoint().call("DescribeEndpoint", EndpointName="signs")
    assert described == {
        "EndpointName": "signs",
        "EndpointArn": f"{ARN}:endpoint/signs",
        "EndpointConfigName": "signs",
        "EndpointStatus": "Creating",
        "CreationTime": NOON,
        "LastModifiedTime": NOON,
        "ProductionVariants": [],
        "DataCaptureConfig": {
            "EnableCapture": True,
            "CaptureStatus": "Stopped",
            "CurrentSamplingPercentage": 100,
            "DestinationS3Uri": "s3://captures/signs",
            "KmsKeyId": "",
        },
    }


def test_an_endpoint_in_service_captures_and_names_its_variant(here):
    here.with_endpoint()
    record = here.database.endpoints.get("signs")
    running = [{"variant": "AllTraffic", "handle": {"address": "http://127.0.0.1:1"}}]
    here.database.endpoints.save(replace(record, status=EndpointStatus.IN_SERVICE, running=running))
    described = here.call("DescribeEndpoint", EndpointName="signs")
    assert described["DataCaptureConfig"]["CaptureStatus"] == "Started"
    assert [each["VariantName"] for each in described["ProductionVariants"]] == ["AllTraffic"]


def test_a_failed_endpoint_says_why_and_one_without_its_config_still_answers(here):
    here.with_endpoint()
    record = here.database.endpoints.get("signs")
    here.database.endpoints.save(replace(record, status=EndpointStatus.FAILED, failure_reason="no model_fn"))
    here.call("DeleteEndpointConfig", EndpointConfigName="signs")
    described = here.call("DescribeEndpoint", EndpointName="signs")
    assert described["FailureReason"] == "no model_fn"
    assert "DataCaptureConfig" not in described


def test_an_endpoint_needs_a_config_that_exists(here):
    with pytest.raises(ValidationException, match=r'Could not find endpoint configuration ".*/signs"'):
        here.call("CreateEndpoint", EndpointName="signs", EndpointConfigName="signs")


@pytest.mark.parametrize("status", [EndpointStatus.IN_SERVICE, EndpointStatus.FAILED])
def test_deleting_an_endpoint_asks_for_its_end(here, status):
    set_state(here.with_endpoint().database.endpoints, "signs", status)
    here.later(minutes=1).call("DeleteEndpoint", EndpointName="signs")
    described = here.call("DescribeEndpoint", EndpointName="signs")
    assert (described["EndpointStatus"], described["LastModifiedTime"]) == ("Deleting", NOON + timedelta(minutes=1))


@pytest.mark.parametrize("status", [EndpointStatus.CREATING, EndpointStatus.UPDATING, EndpointStatus.DELETING])
def test_an_endpoint_that_is_changing_cannot_be_deleted(here, status):
    set_state(here.with_endpoint().database.endpoints, "signs", status)
    with pytest.raises(Conflict, match=f"an endpoint that is {status} cannot become Deleting"):
        here.call("DeleteEndpoint", EndpointName="signs")


def test_a_processing_job_is_described_as_it_was_sent(here):
    answer = here.call("CreateProcessingJob", **requests.processing_job(Environment={"A": "1"}))
    described = here.call("DescribeProcessingJob", ProcessingJobName="baseline")
    assert described == requests.processing_job(Environment={"A": "1"}) | answer | {
        "ProcessingJobStatus": "InProgress",
        "CreationTime": NOON,
        "LastModifiedTime": NOON,
    }


def test_what_the_sdk_reads_is_there_even_where_it_was_not_sent(here):
    sparse = {name: requests.processing_job()[name] for name in ("ProcessingResources", "AppSpecification", "RoleArn")}
    here.call("CreateProcessingJob", ProcessingJobName="sparse", **sparse)
    described = here.call("DescribeProcessingJob", ProcessingJobName="sparse")
    assert (described["ProcessingInputs"], described["Environment"]) == ([], {})


def test_an_ended_job_says_how_it_ended(here):
    here.call("CreateProcessingJob", **requests.processing_job())
    record = here.database.processing_jobs.get("baseline")
    ended = {"started_at": NOON, "ended_at": NOON + timedelta(hours=1), "exit_message": "done", "failure_reason": "why"}
    here.database.processing_jobs.save(replace(record, schedule_name="hourly", **ended))
    described = here.call("DescribeProcessingJob", ProcessingJobName="baseline")
    assert (described["ExitMessage"], described["FailureReason"]) == ("done", "why")
    assert described["ProcessingEndTime"] - described["ProcessingStartTime"] == timedelta(hours=1)
    assert described["MonitoringScheduleArn"] == f"{ARN}:monitoring-schedule/hourly"


def test_a_jobs_name_is_taken_once(here):
    here.call("CreateProcessingJob", **requests.processing_job())
    with pytest.raises(ResourceInUse, match="Job name must be unique: baseline exists already"):
        here.call("CreateProcessingJob", **requests.processing_job())


def test_an_input_that_is_no_s3_input_is_refused(here):
    definition = {"InputName": "table", "DatasetDefinition": {"LocalPath": "/opt/ml/processing/input"}}
    with pytest.raises(ValidationException, match=r"ProcessingInputs\.0\.S3Input: Field required"):
        here.call("CreateProcessingJob", **requests.processing_job(ProcessingInputs=[definition]))


@pytest.mark.parametrize("place", ["ProcessingInputs", "ProcessingOutputConfig"])
def test_a_job_reads_and_writes_the_store_only(here, place):
    request = requests.processing_job()
    inputs, outputs = request["ProcessingInputs"], request["ProcessingOutputConfig"]["Outputs"]
    target = inputs[0]["S3Input"] if place == "ProcessingInputs" else outputs[0]["S3Output"]
    target["S3Uri"] = "https://bucket/key"
    with pytest.raises(BadInput, match="'https://bucket/key'"):
        here.call("CreateProcessingJob", **request)


def test_a_running_job_can_be_stopped_once_and_not_deleted(here):
    here.call("CreateProcessingJob", **requests.processing_job())
    with pytest.raises(ResourceInUse, match="Processing job baseline is InProgress: stop it first"):
        here.call("DeleteProcessingJob", ProcessingJobName="baseline")
    assert here.call("StopProcessingJob", ProcessingJobName="baseline") == {}
    with pytest.raises(Conflict, match="a processing job that is Stopping cannot become Stopping"):
        here.call("StopProcessingJob", ProcessingJobName="baseline")


def test_an_ended_job_is_forgotten_when_it_is_deleted(here):
    here.call("CreateProcessingJob", **requests.processing_job())
    set_state(here.database.processing_jobs, "baseline", ProcessingJobStatus.COMPLETED)
    here.call("DeleteProcessingJob", ProcessingJobName="baseline")
    assert here.call("ListProcessingJobs") == {"ProcessingJobSummaries": []}
