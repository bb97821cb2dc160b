"""A job that really ran, and an endpoint that really answered, as boto3's CloudWatch clients see them."""

import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.demo import packaging
from tests import plain_http
from tests.aws_clients import SIGNED, client
from tests.e2e.service_under_test import next_second
from tests.wait import wait_until

JOBS, ENDPOINT = "/aws/sagemaker/ProcessingJobs", "/aws/sagemaker/Endpoints/digits"
DIMENSIONS = [{"Name": "Endpoint", "Value": "digits"}, {"Name": "MonitoringSchedule", "Value": "skew"}]
DATA_METRICS = "/aws/sagemaker/Endpoints/data-metrics"


@pytest.fixture(scope="module")
def service(running_service, tmp_path_factory):
    running_service.deploy("digits", packaging.write_package(tmp_path_factory.mktemp("package") / "digits.tar.gz"))
    running_service.wait_in_service("digits")
    running_service.schedule("skew", "digits", environment={"THRESHOLD": "0.5"})
    return running_service


@pytest.fixture(scope="module")
def job(service):
    """The name of a job that judged thirty scans that all look alike."""
    body = io.BytesIO()
    np.save(body, np.zeros((30, 32, 32), np.float32))
    start = next_second()
    service.invoke("digits", body.getvalue(), "application/x-npy")
    execution = service.verdict(service.ask_for("skew", start, next_second()))
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    return execution["ProcessingJobArn"].rpartition("/")[2]


@pytest.fixture(scope="module")
def logs(service):
    return client("logs", service.url)


def tail(logs, group, stream):
    """Every message of a stream, read page by page until one is empty."""
    token, found = {}, []
    while page := (
        answer := logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **token)
    )["events"]:
        found += [event["message"] for event in page]
        token = {"nextToken": answer["nextForwardToken"]}
    return found


def test_a_jobs_log_is_a_stream_of_its_group(service, job, logs):
    asked = {"logGroupName": JOBS, "logStreamNamePrefix": f"{job}/", "orderBy": "LogStreamName", "limit": 1}
    (stream,) = logs.describe_log_streams(**asked)["logStreams"]
    created = service.call("DescribeProcessingJob", ProcessingJobName=job)["CreationTime"]
    assert stream["logStreamName"] == f"{job}/algo-1-{int(created)}"
    messages = tail(logs, JOBS, stream["logStreamName"])
    assert messages == plain_http.get(f"{service.url}/processing-jobs/{job}/log", auth=SIGNED).text.splitlines()
    assert messages[-1] == "CompletedWithViolations: Job completed successfully with 1 violation."


def test_a_violation_is_found_in_the_logs_of_all_jobs(job, logs):
    events = logs.filter_log_events(logGroupName=JOBS, filterPattern="VIOLATION class_skew_check")["events"]
    assert [event["logStreamName"].partition("/")[0] for event in events] == [job]


def test_an_endpoints_log_has_the_times_of_its_lines(service, job, logs):
    (stream,) = logs.describe_log_streams(logGroupName=ENDPOINT)["logStreams"]
    assert stream["logStreamName"] == "AllTraffic/all-processes"
    events = logs.get_log_events(logGroupName=ENDPOINT, logStreamName=stream["logStreamName"])["events"]
    age = datetime.now(UTC).timestamp() - events[0]["timestamp"] / 1000
    assert 0 <= age < 600
    assert f'"ts": "{datetime.fromtimestamp(events[0]["timestamp"] / 1000, UTC):%Y-%m-%dT%H:%M}' in events[0]["message"]


def test_what_the_monitor_measured_is_a_metric_of_cloudwatch_and_a_gauge_of_prometheus(service, job):
    cloudwatch = client("cloudwatch", service.url)
    rows = cloudwatch.list_metrics(Namespace=DATA_METRICS, Dimensions=DIMENSIONS)["Metrics"]
    names = {row["MetricName"] for row in rows}
    gauges = gauges_of(service, schedule="skew")
    assert names == set(gauges) >= {"top_class_share", "unreadable_share"}
    now = datetime.now(UTC)
    (point,) = cloudwatch.get_metric_statistics(
        Namespace=DATA_METRICS,
        MetricName="top_class_share",
        Dimensions=DIMENSIONS,
        StartTime=now - timedelta(hours=1),
        EndTime=now,
        Period=7200,
        Statistics=["Maximum", "SampleCount"],
    )["Datapoints"]
    assert (point["Maximum"], point["SampleCount"]) == (gauges["top_class_share"], 1.0)


def gauges_of(service, schedule):
    """The values of a schedule's metrics on /metrics, by name."""

    def scraped():
        families = text_string_to_metric_families(plain_http.get(f"{service.url}/metrics", auth=SIGNED).text)
        samples = (sample for family in families for sample in family.samples)
        return {
            sample.labels["metric"]: sample.value
            for sample in samples
            if sample.name == "sextant_monitor_metric_value" and sample.labels["schedule"] == schedule
        }

    return wait_until(scraped, timeout_seconds=10, what="the gauges of the schedule")
