"""Lists of every resource: pages, filters, order, and tokens and times that are refused."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from service.control.moments import moment
from service.core.pagination import encode_token
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import NOON, Installation

LISTS = {
    "Models": ("Model", "Models"),
    "EndpointConfigs": ("EndpointConfig", "EndpointConfigs"),
    "Endpoints": ("Endpoint", "Endpoints"),
    "ProcessingJobs": ("ProcessingJob", "ProcessingJobSummaries"),
    "MonitoringSchedules": ("MonitoringSchedule", "MonitoringScheduleSummaries"),
}


@pytest.fixture
def here(tmp_path):
    installation = Installation(tmp_path)
    yield installation
    installation.database.engine.dispose()


def names(answer, resource):
    rows = next(value for key, value in answer.items() if key != "NextToken")
    return [row[f"{resource}Name"] for row in rows]


@pytest.fixture
def crowded(here):
    """Seven of every resource: r0 to r6, made an hour apart but for the last two, which came at once."""
    for number in range(7):
        name = f"r{number}"
        here.now = NOON + timedelta(hours=min(number, 5))
        here.with_endpoint(name)
        here.call("CreateProcessingJob", **requests.processing_job(name))
        here.call("CreateMonitoringSchedule", **requests.schedule(name, endpoint=name))
    return here


@pytest.mark.parametrize("operation", LISTS)
def test_lists_page_through_everything_newest_first(crowded, operation):
    resource, rows = LISTS[operation]
    answer = crowded.call(f"List{operation}", MaxResults=3)
    found = [answer]
    while "NextToken" in answer:
        answer = crowded.call(f"List{operation}", MaxResults=3, NextToken=answer["NextToken"])
        found.append(answer)
    assert [len(each[rows]) for each in found] == [3, 3, 1]
    assert [name for each in found for name in names(each, resource)] == ["r6", "r5", "r4", "r3", "r2", "r1", "r0"]


@pytest.mark.parametrize("operation", LISTS)
def test_lists_filter_by_name_and_time_and_sort_by_name(crowded, operation):
    resource, _ = LISTS[operation]
    bounds = {
        "CreationTimeAfter": (NOON + timedelta(hours=1)).timestamp(),
        "CreationTimeBefore": "2026-11-20T15:00:00Z",
    }
    answer = crowded.call(f"List{operation}", NameContains="R", SortBy="Name", SortOrder="Ascending", **bounds)
    assert names(answer, resource) == ["r1", "r2"]


@pytest.mark.parametrize("operation", LISTS)
def test_null_is_a_member_that_was_not_sent(crowded, operation):
    nothing = dict.fromkeys(("NameContains", "SortBy", "SortOrder", "NextToken", "MaxResults", "CreationTimeAfter"))
    assert len(names(crowded.call(f"List{operation}", **nothing), LISTS[operation][0])) == 7


@pytest.mark.parametrize("operation", ["Endpoints", "ProcessingJobs", "MonitoringSchedules"])
def test_lists_filter_and_sort_by_status(crowded, operation):
    resource, _ = LISTS[operation]
    status = {"Endpoints": "Creating", "ProcessingJobs": "InProgress", "MonitoringSchedules": "Scheduled"}[operation]
    other = {"Endpoints": "Failed", "ProcessingJobs": "Failed", "MonitoringSchedules": "Stopped"}[operation]
    assert len(names(crowded.call(f"List{operation}", StatusEquals=status, SortBy="Status"), resource)) == 7
    assert names(crowded.call(f"List{operation}", StatusEquals=other), resource) == []


@pytest.mark.parametrize("operation", LISTS)
@pytest.mark.parametrize("place", [("r1", "r1"), (), ("r1",), (NOON,), (NOON, "r1", "r1"), ("\0", "\0")], ids=ascii)
def test_the_token_of_another_listing_is_refused(crowded, operation, place):
    with pytest.raises(BadInput, match="NextToken belongs to another listing"):
        crowded.call(f"List{operation}", NextToken=encode_token(place))


def test_a_filter_that_a_resource_does_not_have_is_let_through(crowded):
    assert len(crowded.call("ListModels", LastModifiedTimeAfter=0)["Models"]) == 7


@pytest.mark.parametrize("size", [0, 101])
def test_a_page_holds_one_to_a_hundred(here, size):
    with pytest.raises(BadInput, match=f"Value '{size}' at 'maxResults' failed to satisfy constraint"):
        here.call("ListModels", MaxResults=size)


@given(value=st.floats() | st.integers() | st.text(max_size=30) | st.booleans() | st.none() | st.datetimes().map(str))
def test_any_value_is_a_time_or_refused(value):
    try:
        found = moment(value)
    except BadInput:
        return
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "yesterday", ""])
def test_times_beyond_the_calendar_are_refused(text):
    with pytest.raises(BadInput, match="is no"):
        moment(text)
