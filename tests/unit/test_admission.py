"""S3 addresses in requests: found wherever a published shape has one, and refused beyond the allowed buckets."""

import pytest

from monitor_jobs.contract.errors import BadInput
from service.control.admission import addresses, require_shallow
from service.control.sagemaker.operations import OPERATIONS
from service.control.shapes import published_model
from service.core.records import MonitoringType
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import Installation

BASELINE = {"StatisticsResource": {"S3Uri": "s3://private/statistics.json"}}
SCRIPT = {"ImageUri": "sextant/class-skew", "RecordPreprocessorSourceUri": "s3://private/pre.py"}
CAPTURE = requests.CAPTURE | {"DestinationS3Uri": "s3://private/captures"}
HOOK = {"SEXTANT_DEBUG_HOOK": '{"S3OutputPath": "s3://private/tensors"}'}
ESCAPED = {"SEXTANT_DEBUG_HOOK": r'{"S3OutputPath": "s3:\/\/private\/tensors"}'}
CONTAINER = {"ModelDataUrl": "s3://models/signs/model.tar.gz", "Environment": HOOK}
PRIVATE = {
    "a package": ("CreateModel", requests.model("other", url="s3://private/model.tar.gz")),
    "a capture": ("CreateEndpointConfig", requests.endpoint_config("other", "signs", DataCaptureConfig=CAPTURE)),
    "a baseline": ("CreateMonitoringSchedule", requests.schedule(BaselineConfig=BASELINE)),
    "a script": ("CreateMonitoringSchedule", requests.schedule(MonitoringAppSpecification=SCRIPT)),
    "an environment": ("CreateProcessingJob", requests.processing_job(Environment={"from": "s3://private/x"})),
    "JSON in an environment": (
        "CreateModel",
        requests.model("other") | {"PrimaryContainer": CONTAINER},
    ),
    "JSON with escapes in an environment": (
        "CreateModel",
        requests.model("other") | {"PrimaryContainer": CONTAINER | {"Environment": ESCAPED}},
    ),
    "a job definition": ("CreateDataQualityJobDefinition", requests.job_definition(DataQualityBaselineConfig=BASELINE)),
    "an update": ("UpdateMonitoringSchedule", requests.schedule(BaselineConfig=BASELINE)),
}


@pytest.fixture
def here(tmp_path):
    allowed = frozenset({"models", "captures", "reports", "labels", "rules"})
    installation = Installation(tmp_path, allowed_buckets=allowed).with_endpoint()
    yield installation
    installation.database.engine.dispose()


@pytest.mark.parametrize("what", PRIVATE)
def test_a_bucket_that_is_not_allowed_is_named(here, what):
    operation, request = PRIVATE[what]
    with pytest.raises(BadInput, match=r"^Bucket private of 's3://private/.*' is not allowed here: allowed are"):
        here.call(operation, **request)


@pytest.mark.parametrize("what", PRIVATE)
def test_without_a_list_every_bucket_is_allowed(tmp_path, what):
    operation, request = PRIVATE[what]
    anywhere = Installation(tmp_path).with_endpoint()
    if operation == "UpdateMonitoringSchedule":
        anywhere.call("CreateMonitoringSchedule", **requests.schedule())
    anywhere.call(operation, **request)
    anywhere.database.engine.dispose()


def test_allowed_buckets_are_let_through(here):
    here.call("CreateMonitoringSchedule", **requests.schedule())
    here.call("CreateProcessingJob", **requests.processing_job())
    for kind in MonitoringType:
        here.call(f"Create{kind}JobDefinition", **requests.job_definition(kind))


@pytest.mark.parametrize("address", ["https://host/captures", "s3://captures.example.com.", "s3://Captures/x"])
def test_an_address_whose_bucket_cannot_be_told_is_refused(here, address):
    with pytest.raises(BadInput, match=r"is no S3 (address|bucket name)"):
        here.call("CreateModel", **requests.model("other", url=address))


def test_a_url_of_another_server_is_refused_with_its_member_though_any_bucket_is_allowed(tmp_path):
    anywhere = Installation(tmp_path).with_endpoint()
    baseline = {"StatisticsResource": {"S3Uri": "https://169.254.169.254/latest"}}
    with pytest.raises(BadInput, match=r"BaselineConfig\.StatisticsResource\.S3Uri: 'https://.*' is no S3 address"):
        anywhere.call("CreateMonitoringSchedule", **requests.schedule(BaselineConfig=baseline))
    anywhere.database.engine.dispose()


def test_a_tag_that_looks_like_an_address_is_none(here):
    here.call("CreateModel", **requests.model("other"), Tags=[{"Key": "s3://x", "Value": "s3://private/x"}])


def address_shapes(name, seen, found):
    shape = published_model("sagemaker").shapes[name]
    if name in seen:
        return
    seen.add(name)
    inner = [member["shape"] for member in shape.get("members", {}).values()]
    inner += [shape[part]["shape"] for part in ("member", "value") if part in shape]
    for each in inner:
        address_shapes(each, seen, found)
    if shape["type"] == "string" and name.endswith(("S3Uri", "S3ModelUri", "Url")):
        found.add(name)


def test_every_published_shape_of_an_address_is_known_as_one():
    found: set[str] = set()
    for operation in OPERATIONS:
        if shape := published_model("sagemaker").input_shape(operation):
            address_shapes(shape, set(), found)
    assert found >= {"S3Uri", "MonitoringS3Uri", "DestinationS3Uri", "Url", "S3ModelUri"}
    for name in found:
        assert list(addresses("s3://bucket/key", name, published_model("sagemaker").shapes)) == ["s3://bucket/key"]


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_a_request_may_be_sixty_four_deep():
    require_shallow({"Anything": nested(62)})
    with pytest.raises(BadInput, match="more than 64 levels"):
        require_shallow({"Anything": nested(64)})
    with pytest.raises(BadInput, match="more than 64 levels"):
        require_shallow({"Anything": nested(100_000)})
