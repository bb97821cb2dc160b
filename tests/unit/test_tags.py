"""Tags of every resource: with its creation, on their own, and gone with its deletion."""

import pytest

from monitor_jobs.contract.errors import BadInput, SextantError
from service.control.sagemaker.context import ValidationException
from service.core.records import MonitoringType
from service.core.states import EndpointStatus, ProcessingJobStatus
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import Installation
from tests.unit.test_operations import set_state

ARN = "arn:aws:sagemaker:us-east-1:000000000000"
TEAM, COST = {"Key": "team", "Value": "signs"}, {"Key": "cost", "Value": ""}
# How each resource is made by the name `tagged`: its create operation, its request, and what its name is called.
CREATED = {
    "Model": (requests.model("tagged"), "ModelName"),
    "EndpointConfig": (requests.endpoint_config("tagged", "signs"), "EndpointConfigName"),
    "Endpoint": ({"EndpointName": "tagged", "EndpointConfigName": "signs"}, "EndpointName"),
    "MonitoringSchedule": (requests.schedule("tagged"), "MonitoringScheduleName"),
    "ProcessingJob": (requests.processing_job("tagged"), "ProcessingJobName"),
    **{
        f"{kind}JobDefinition": (requests.job_definition(kind, "tagged"), "JobDefinitionName")
        for kind in MonitoringType
    },
}
every_resource = pytest.mark.parametrize("resource", CREATED)


@pytest.fixture
def here(tmp_path):
    installation = Installation(tmp_path).with_endpoint()
    yield installation
    installation.database.engine.dispose()


def create(here, resource, *tags):
    """The new resource's ARN."""
    request, _ = CREATED[resource]
    (arn,) = here.call(f"Create{resource}", **request, **({"Tags": list(tags)} if tags else {})).values()
    return arn


def delete(here, resource):
    if resource == "Endpoint":
        set_state(here.database.endpoints, "tagged", EndpointStatus.IN_SERVICE)
    if resource == "ProcessingJob":
        set_state(here.database.processing_jobs, "tagged", ProcessingJobStatus.COMPLETED)
    here.call(f"Delete{resource}", **{CREATED[resource][1]: "tagged"})
    if resource == "Endpoint":
        here.database.endpoints.remove("tagged")


def tags(here, arn):
    return {row["Key"]: row["Value"] for row in here.call("ListTags", ResourceArn=arn)["Tags"]}


@every_resource
def test_tags_come_with_a_creation_and_are_no_part_of_what_is_described(here, resource):
    arn = create(here, resource, TEAM, COST)
    assert here.call("ListTags", ResourceArn=arn) == {"Tags": [COST, TEAM]}
    assert "Tags" not in here.call(f"Describe{resource}", **{CREATED[resource][1]: "tagged"})


@every_resource
def test_a_resource_without_tags_has_an_empty_list(here, resource):
    assert tags(here, create(here, resource)) == {}


@every_resource
def test_tags_go_with_a_deletion(here, resource):
    arn = create(here, resource, TEAM)
    delete(here, resource)
    assert here.database.tags.count(requests.EVERYTHING) == 0
    with pytest.raises(ValidationException, match=f'^Could not find resource "{arn}".$'):
        tags(here, arn)
    assert tags(here, create(here, resource)) == {}


@every_resource
def test_a_refused_creation_leaves_the_tags_of_what_is_there(here, resource):
    arn = create(here, resource, TEAM)
    with pytest.raises(SextantError, match=r"exist|unique"):
        create(here, resource, COST)
    assert tags(here, arn) == {"team": "signs"}


def test_tags_that_are_added_change_the_values_of_their_keys(here):
    arn = create(here, "Model", TEAM, COST)
    answer = here.call("AddTags", ResourceArn=arn, Tags=[TEAM | {"Value": "lights"}, {"Key": "Team", "Value": "x"}])
    assert answer == {"Tags": here.call("ListTags", ResourceArn=arn)["Tags"]}
    assert tags(here, arn) == {"team": "lights", "cost": "", "Team": "x"}


def test_deleting_tags_twice_is_deleting_them_once(here):
    arn = create(here, "Model", TEAM, COST)
    for _ in range(2):
        assert here.call("DeleteTags", ResourceArn=arn, TagKeys=["team", "nope"]) == {}
    assert tags(here, arn) == {"cost": ""}


def numbered(count):
    return [{"Key": f"k{number}", "Value": "v"} for number in range(count)]


def test_a_resource_has_at_most_fifty_tags(here):
    arn = create(here, "Model", *numbered(49))
    here.call("AddTags", ResourceArn=arn, Tags=[TEAM])
    with pytest.raises(ValidationException, match="model/tagged would have 51 tags: delete some, it may have 50"):
        here.call("AddTags", ResourceArn=arn, Tags=[COST])
    assert len(here.call("ListTags", ResourceArn=arn, MaxResults=50)["Tags"]) == 50


def test_a_resource_with_too_many_tags_is_not_created(here):
    with pytest.raises(BadInput, match=r"tags.*less than or equal to 50"):
        create(here, "Model", *numbered(51))
    assert [row["ModelName"] for row in here.call("ListModels")["Models"]] == ["signs"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([TEAM, TEAM], "Tag key 'team' is given 2 times: give it once"),
        ([{"Key": "AWS:team", "Value": ""}], "begins with 'aws:', which is reserved"),
        ([{"Key": "", "Value": ""}], "tags.1.member.key"),
        ([{"Key": "team"}], "tags.1.member.value"),
        ([{"Key": "team\n;", "Value": ""}], "tags.1.member.key"),
        ([{"Key": "team", "Value": "v" * 257}], "tags.1.member.value"),
    ],
)
@pytest.mark.parametrize("operation", ["AddTags", "CreateModel"])
def test_tags_that_do_not_fit_are_refused(here, operation, given, words):
    request = {"ResourceArn": f"{ARN}:model/signs"} if operation == "AddTags" else requests.model("tagged")
    with pytest.raises(SextantError, match=words):
        here.call(operation, **request, Tags=given)
    assert tags(here, f"{ARN}:model/signs") == {}


@pytest.mark.parametrize(
    "arn",
    [
        f"{ARN}:model/nope",
        f"{ARN}:data-quality-job-definition/signs",
        f"{ARN.replace('us-east-1', 'eu-west-1')}:model/signs",
        f"{ARN.replace('000000000000', '123456789012')}:model/signs",
        "arn:aws-cn:sagemaker:us-east-1:000000000000:model/signs",
    ],
)
@pytest.mark.parametrize("operation", ["AddTags", "DeleteTags", "ListTags"])
def test_what_is_not_here_has_no_tags(here, operation, arn):
    rest = {"AddTags": {"Tags": [TEAM]}, "DeleteTags": {"TagKeys": ["team"]}}
    with pytest.raises(ValidationException, match="Could not find resource"):
        here.call(operation, ResourceArn=arn, **rest.get(operation, {}))


@pytest.mark.parametrize(
    "arn", [f"{ARN}:notebook-instance/signs", f"{ARN}:model/signs\n", f"{ARN}:model/../x", "signs"]
)
def test_what_is_no_arn_of_a_resource_is_refused(here, arn):
    with pytest.raises(BadInput, match=r"no ARN of a resource kept here|resourceArn"):
        tags(here, arn)


def test_a_token_that_no_page_gave_is_refused(here):
    with pytest.raises(ValidationException, match="NextToken is not one that this listing gave"):
        here.call("ListTags", ResourceArn=f"{ARN}:model/signs", NextToken="forged")
