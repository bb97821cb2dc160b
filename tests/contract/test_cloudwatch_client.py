"""boto3's CloudWatch client against a real control process: what jobs published, and what clients put."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from service.core.records import DatapointRecord, Query
from tests import plain_http
from tests import sagemaker_requests as requests
from tests.aws_clients import Signed, client, error_of
from tests.sagemaker_requests import Installation
from tests.servers.control import control_process

DATA_METRICS = "/aws/sagemaker/Endpoints/data-metrics"
PLACE = [{"Name": "Endpoint", "Value": "signs"}, {"Name": "MonitoringSchedule", "Value": "hourly"}]
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=4)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FIVE = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cloudwatch")


@pytest.fixture(scope="module")
def url(folder):
    with control_process(folder) as address:
        yield address


@pytest.fixture(scope="module")
def cloudwatch(url):
    return client("cloudwatch", url)


@pytest.fixture
def here(folder, url):
    installation = Installation(folder)
    database = installation.database
    with database.transaction():
        for table in (
            database.processing_jobs,
            database.schedules,
            database.endpoints,
            database.endpoint_configs,
            database.models,
        ):
            clear(table, "name")
        for table in (database.metrics, database.datapoints):
            clear(table, "id")
    yield installation
    installation.database.engine.dispose()


def clear(table, key):
    for row in table.find(Query(order_by=key)):
        table.remove(getattr(row, key))


def job(here, name, *lines, schedule="hourly", ended_at=None):
    """A job that published these lines."""
    record = requests.ended_job(name, metric_data=list(lines), ended_at=ended_at or HOUR + timedelta(minutes=5))
    here.database.processing_jobs.add(replace(record, schedule_name=schedule))


def line(name, value, at=HOUR, dimensions=PLACE):
    stamp = at.isoformat().replace("+00:00", "Z")
    return {"MetricName": name, "Timestamp": stamp, "Dimensions": dimensions, "Value": value, "Unit": "None"}


def listed(cloudwatch, **wanted):
    pages = cloudwatch.get_paginator("list_metrics").paginate(**wanted)
    return [(row["Namespace"], row["MetricName"]) for page in pages for row in page["Metrics"]]


def statistics(cloudwatch, name="m", namespace="Shop", **asked):
    request = {"StartTime": HOUR, "EndTime": HOUR + timedelta(hours=3), "Period": 3600, "Statistics": FIVE, **asked}
    points = cloudwatch.get_metric_statistics(Namespace=namespace, MetricName=name, **request)["Datapoints"]
    return [{key: value for key, value in point.items() if key in [*FIVE, "Unit", "Timestamp"]} for point in points]


def put(cloudwatch, *datums, namespace="Shop"):
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=list(datums))


def test_what_a_job_published_is_a_metric_with_the_dimensions_of_its_line(cloudwatch, here):
    job(here, "job-1", line("class_skew", 0.25))
    (row,) = cloudwatch.list_metrics()["Metrics"]
    assert row == {"Namespace": DATA_METRICS, "MetricName": "class_skew", "Dimensions": PLACE}


def test_jobs_of_one_schedule_are_one_series(cloudwatch, here):
    for number in range(3):
        job(here, f"job-{number}", line("class_skew", number / 4, at=HOUR + timedelta(hours=number)))
    points = statistics(cloudwatch, "class_skew", DATA_METRICS, Dimensions=PLACE)
    assert [(point["Timestamp"], point["Average"]) for point in points] == [
        (HOUR + timedelta(hours=number), number / 4) for number in range(3)
    ]
    assert statistics(cloudwatch, "class_skew", DATA_METRICS) == []  # without its dimensions it is another metric


def test_statistics_in_a_line_are_kept_as_they_are(cloudwatch, here):
    numbers = {"SampleCount": 4.0, "Sum": 10.0, "Minimum": 1.0, "Maximum": 5.0}
    published = line("feature_data_age", 0)
    del published["Value"]
    job(here, "job-1", {**published, "StatisticValues": numbers, "Unit": "Count"})
    (point,) = statistics(cloudwatch, "feature_data_age", DATA_METRICS, Dimensions=PLACE)
    assert point == {"Timestamp": HOUR, "Unit": "Count", "Average": 2.5, **numbers}


@pytest.mark.parametrize(
    ("kind", "namespace"),
    [("ModelQuality", "aws/sagemaker/Endpoints/model-metrics"), ("ModelBias", "aws/sagemaker/Endpoints/bias-metrics")],
)
def test_the_kind_of_a_schedule_is_in_the_namespace_of_its_metrics(cloudwatch, here, kind, namespace):
    request = requests.schedule()
    request["MonitoringScheduleConfig"]["MonitoringType"] = kind
    here.with_endpoint().call("CreateMonitoringSchedule", **request)
    job(here, "job-1", line("f1", 0.5))
    job(here, "job-2", line("rows", 9), schedule=None)
    assert set(listed(cloudwatch)) == {(namespace, "f1"), ("/aws/sagemaker/ProcessingJobs", "rows")}


def test_a_metric_is_listed_for_two_weeks_or_three_hours(cloudwatch, here):
    now = datetime.now(UTC)
    for days in (13, 15):
        at = now - timedelta(days=days)
        job(here, f"job-{days}", line(f"d{days}", 1, at=at), ended_at=at)
    put(cloudwatch, {"MetricName": "new", "Value": 1})
    put(cloudwatch, {"MetricName": "old", "Value": 1, "Timestamp": now - timedelta(hours=5)})
    assert {name for _, name in listed(cloudwatch)} == {"d13", "new", "old"}
    assert {name for _, name in listed(cloudwatch, RecentlyActive="PT3H")} == {"new"}


def test_metrics_are_filtered_by_namespace_name_and_dimensions(cloudwatch, here):
    job(here, "job-1", line("skew", 1))
    put(cloudwatch, {"MetricName": "sales", "Value": 1, "Dimensions": [{"Name": "Shop", "Value": "7"}]})
    put(cloudwatch, {"MetricName": "sales", "Value": 1, "Dimensions": [{"Name": "Shop", "Value": "8"}]})
    assert listed(cloudwatch, Namespace="Shop") == [("Shop", "sales")] * 2
    assert listed(cloudwatch, MetricName="skew") == [(DATA_METRICS, "skew")]
    assert listed(cloudwatch, Dimensions=[{"Name": "Shop", "Value": "7"}]) == [("Shop", "sales")]
    assert listed(cloudwatch, Dimensions=[{"Name": "Endpoint"}]) == [(DATA_METRICS, "skew")]
    assert listed(cloudwatch, Dimensions=[{"Name": "Shop", "Value": "9"}]) == []


def test_metrics_are_paged_by_five_hundred_and_a_big_request_comes_packed(cloudwatch, here):
    names = [f"m{number:04}" for number in range(1100)]
    put(cloudwatch, *({"MetricName": name, "Value": 1.5, "Unit": "Count"} for name in names[:600]))
    put(cloudwatch, *({"MetricName": name, "Value": 1.5, "Unit": "Count"} for name in names[600:]))
    pages = list(cloudwatch.get_paginator("list_metrics").paginate(Namespace="Shop"))
    assert [len(page["Metrics"]) for page in pages] == [500, 500, 100]
    assert [row["MetricName"] for page in pages for row in page["Metrics"]] == names


def test_what_is_put_within_a_minute_is_one_datapoint(cloudwatch, here):
    at = HOUR + timedelta(minutes=3, seconds=7)
    put(cloudwatch, {"MetricName": "m", "Value": 4, "Timestamp": at, "Unit": "Seconds"})
    put(cloudwatch, {"MetricName": "m", "Values": [1, 2], "Counts": [3, 1], "Timestamp": at, "Unit": "Seconds"})
    assert here.database.datapoints.count(requests.EVERYTHING) == 1
    (point,) = statistics(cloudwatch, Period=60, StartTime=at)
    assert point == {
        "Timestamp": at.replace(second=0),
        "Unit": "Seconds",
        "SampleCount": 5.0,
        "Sum": 9.0,
        "Average": 1.8,
        "Minimum": 1.0,
        "Maximum": 4.0,
    }


def test_units_are_apart_unless_one_is_asked_for(cloudwatch, here):
    for unit, value in (("Count", 1), ("Bytes", 2)):
        put(cloudwatch, {"MetricName": "m", "Value": value, "Timestamp": HOUR, "Unit": unit})
    assert {point["Unit"]: point["Sum"] for point in statistics(cloudwatch)} == {"Count": 1.0, "Bytes": 2.0}
    assert [point["Sum"] for point in statistics(cloudwatch, Unit="Bytes")] == [2.0]


def test_series_are_given_the_newest_first_or_the_oldest(cloudwatch, here):
    for number in range(3):
        put(cloudwatch, {"MetricName": "m", "Value": number, "Timestamp": HOUR + timedelta(hours=number)})
    metric = {"Metric": {"Namespace": "Shop", "MetricName": "m"}, "Period": 3600, "Stat": "Maximum"}
    asked = {
        "MetricDataQueries": [
            {"Id": "a", "MetricStat": metric},
            {"Id": "b", "MetricStat": metric, "ReturnData": False},
        ],
        "StartTime": HOUR,
        "EndTime": HOUR + timedelta(hours=2),
    }
    (newest,) = cloudwatch.get_metric_data(**asked)["MetricDataResults"]
    (oldest,) = cloudwatch.get_metric_data(**asked, ScanBy="TimestampAscending")["MetricDataResults"]
    assert (newest["Values"], oldest["Values"], newest["StatusCode"]) == ([1.0, 0.0], [0.0, 1.0], "Complete")
    assert oldest["Timestamps"] == [HOUR, HOUR + timedelta(hours=1)]


def test_clients_that_put_at_once_lose_nothing(url, cloudwatch, here):
    def put_many(_number):
        own = client("cloudwatch", url)
        for _ in range(10):
            put(own, {"MetricName": "m", "Value": 1, "Timestamp": HOUR})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put_many, range(4)))
    assert [point["SampleCount"] for point in statistics(cloudwatch)] == [40.0]


def test_what_is_older_than_fifteen_days_is_forgotten_at_the_next_put(cloudwatch, here):
    long_ago = datetime.now(UTC) - timedelta(days=16)
    here.database.datapoints.add(DatapointRecord("old", "x", long_ago, "None", 1, 1, 1, 1))
    put(cloudwatch, {"MetricName": "m", "Value": 1})
    assert here.database.datapoints.get("old") is None


def test_a_request_is_kept_whole_or_not_at_all(cloudwatch, here):
    good, bad = {"MetricName": "good", "Value": 1}, {"MetricName": "bad", "Value": 1, "Timestamp": LONG_AGO}
    error_of(cloudwatch.put_metric_data, Namespace="Shop", MetricData=[good, bad])
    assert listed(cloudwatch) == []


@pytest.mark.parametrize(
    ("datum", "code", "words"),
    [
        ({"Value": 1, "Timestamp": LONG_AGO}, "InvalidParameterValue", "Timestamp is invalid"),
        ({"Value": float("nan")}, "InvalidParameterValue", ""),
        ({"Value": 1e200}, "InvalidParameterValue", "must be within -2^360 and 2^360"),
        ({}, "InvalidParameterCombination", "Send one of Value, Values, StatisticValues"),
        ({"Value": 1, "Values": [1]}, "InvalidParameterCombination", "Send one of"),
        ({"Values": [1], "Counts": [1, 2]}, "InvalidParameterValue", "1 Values with 2 Counts"),
        ({"Values": [1], "Counts": [0]}, "InvalidParameterValue", "a count that is not above 0"),
        ({"Values": []}, "InvalidParameterValue", "0 Values with 0 Counts"),
        (
            {"StatisticValues": {"SampleCount": 0, "Sum": 0, "Minimum": 0, "Maximum": 0}},
            "InvalidParameterValue",
            "it must be above 0",
        ),
        ({"Value": 1, "Unit": "Parsec"}, "InvalidParameterValue", "enum value set"),
        ({"Value": 1, "MetricName": "\u00fc"}, "InvalidParameterValue", "use printable ASCII"),
    ],
)
def test_a_datum_that_cloudwatch_refuses_is_refused(cloudwatch, here, datum, code, words):
    found, message, status = error_of(
        cloudwatch.put_metric_data, Namespace="Shop", MetricData=[{"MetricName": "m", **datum}]
    )
    assert (found, status, words in message) == (code, 400, True)


def test_namespaces_of_aws_are_refused(cloudwatch, here):
    with pytest.raises(cloudwatch.exceptions.InvalidParameterValueException, match="namespaces of AWS/ are AWS's own"):
        put(cloudwatch, {"MetricName": "m", "Value": 1}, namespace="AWS/SageMaker")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"Period": 61}, "must be a multiple of 60, not 61"),
        ({"EndTime": HOUR}, "StartTime must be less than the parameter EndTime"),
        ({"ExtendedStatistics": ["p99"]}, "ExtendedStatistics are not served"),
    ],
)
def test_statistics_that_cannot_be_served_are_refused(cloudwatch, here, asked, words):
    request = {"StartTime": HOUR, "EndTime": HOUR + timedelta(hours=1), "Period": 60, "Statistics": ["Sum"], **asked}
    code, message, _ = error_of(cloudwatch.get_metric_statistics, Namespace="N", MetricName="m", **request)
    assert (code, words in message) == ("InvalidParameterValue", True)


def test_an_alarm_is_refused_with_what_takes_its_place(cloudwatch):
    code, message, status = error_of(
        cloudwatch.put_metric_alarm, AlarmName="a", EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold"
    )
    assert (code, status) == ("InvalidAction", 400)
    assert message == "PutMetricAlarm is not served: alarms are Prometheus rules here, over the gauges of /metrics"


MONITORING = Signed(service="monitoring")


def by_query(url, operation, **members):
    """An operation as clients of before JSON call it, serialised and parsed by botocore itself."""
    model = ServiceModel(Loader().load_service_model("cloudwatch", "service-2"), "cloudwatch").operation_model(
        operation
    )
    request = create_serializer("query").serialize_to_request(members, model)
    answer = plain_http.post(url, headers=request["headers"], data=request["body"], auth=MONITORING)
    raw = {"status_code": answer.status_code, "headers": answer.headers, "body": answer.content}
    return create_parser("query").parse(raw, model.output_shape)


def test_clients_that_speak_the_query_protocol_are_served_too(url, cloudwatch, here):
    datum = {"MetricName": "m", "Value": 2.5, "Timestamp": HOUR, "Dimensions": [{"Name": "Shop", "Value": "<7&>"}]}
    by_query(url, "PutMetricData", Namespace="Shop", MetricData=[datum, datum])
    (row,) = by_query(url, "ListMetrics", Namespace="Shop")["Metrics"]
    assert row == {"Namespace": "Shop", "MetricName": "m", "Dimensions": datum["Dimensions"]}
    asked = {"StartTime": HOUR, "EndTime": HOUR + timedelta(hours=1), "Period": 60, "Statistics": ["Sum"]}
    (point,) = by_query(url, "GetMetricStatistics", **row, **asked)["Datapoints"]
    assert point == {"Timestamp": HOUR, "Sum": 5.0, "Unit": "None"}


def test_an_error_of_the_query_protocol_has_its_code(url, here):
    error = by_query(url, "PutMetricData", Namespace="AWS/X", MetricData=[])["Error"]
    assert (error["Type"], error["Code"]) == ("Sender", "InvalidParameterValue")
