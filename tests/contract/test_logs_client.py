"""boto3's CloudWatch Logs client against a real control process, over the logs that jobs and endpoints have written."""

import os
import resource
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from service.core.records import ProcessingJobRecord
from service.core.states import ProcessingJobStatus
from tests.aws_clients import client, error_of
from tests.sagemaker_requests import Installation
from tests.servers.control import control_process

JOBS = "/aws/sagemaker/ProcessingJobs"
BEGAN = datetime(2026, 11, 20, 12, tzinfo=UTC)
LINES = [f"line {number}" for number in range(25)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def logs(folder):
    with control_process(folder) as url:
        yield client("logs", url)


@pytest.fixture
def here(folder, logs):
    """The installation, in which every job of these tests is noted."""
    installation = Installation(folder)
    yield installation
    installation.database.engine.dispose()


def write_job(here, name, content, *, began=BEGAN):
    """A job's log, last changed a minute after the job began; the name of its stream."""
    path = here.settings.data / "jobs" / name / "log.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    at = (began + timedelta(minutes=1)).timestamp()
    os.utime(path, (at, at))
    if here.database.processing_jobs.get(name) is None:
        here.database.processing_jobs.add(
            ProcessingJobRecord(name, ProcessingJobStatus.COMPLETED, began, began, {"ProcessingJobName": name})
        )
    return f"{name}/algo-1-{began.timestamp():.0f}"


def text(lines):
    return "".join(f"{line}\n" for line in lines).encode()


def dated(seconds, words):
    return f"{(BEGAN + timedelta(seconds=seconds)).isoformat()} {words}"


def milliseconds(seconds):
    return int((BEGAN + timedelta(seconds=seconds)).timestamp() * 1000)


def test_the_group_of_jobs_is_always_there_and_an_endpoint_has_its_own(logs, here):
    log = here.settings.data / "endpoints/signs/AllTraffic/log.jsonl"
    log.parent.mkdir(parents=True)
    log.write_bytes(b'{"ts": "2026-11-20T12:00:01.000+00:00", "event": "model_loaded"}\n')
    assert [row["logGroupName"] for row in logs.describe_log_groups()["logGroups"]] == [
        "/aws/sagemaker/Endpoints/signs",
        JOBS,
    ]
    (row,) = logs.describe_log_groups(logGroupNamePattern="endpoints")["logGroups"]
    assert (row["arn"], row["storedBytes"]) == (
        "arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/Endpoints/signs:*",
        log.stat().st_size,
    )
    (stream,) = logs.describe_log_streams(logGroupName=row["logGroupName"])["logStreams"]
    assert (stream["logStreamName"], stream["firstEventTimestamp"]) == ("AllTraffic/all-processes", milliseconds(1))


def test_groups_are_paged(logs, here):
    names = [f"g{number}" for number in range(7)]
    for name in names:
        log = here.settings.data / "endpoints" / name / "AllTraffic/log.jsonl"
        log.parent.mkdir(parents=True)
        log.write_bytes(b"x\n")
    pages = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix="/aws/sagemaker/Endpoints/g", PaginationConfig={"PageSize": 3}
    )
    found = [row["logGroupName"].rpartition("/")[2] for page in pages for row in page["logGroups"]]
    assert found == names


@pytest.mark.parametrize(
    "group",
    ["/aws/lambda/x", "/aws/sagemaker/Endpoints/nope", "/aws/sagemaker/Endpoints/..", "/aws/sagemaker/Endpoints/"],
)
def test_an_unknown_group_is_not_found(logs, group):
    with pytest.raises(logs.exceptions.ResourceNotFoundException, match=r"The specified log group does not exist\."):
        logs.describe_log_streams(logGroupName=group)


@pytest.mark.parametrize("stream", ["nope/algo-1-1", "../../x", "AllTraffic", "a/b/c"])
def test_an_unknown_stream_is_not_found(logs, stream):
    with pytest.raises(logs.exceptions.ResourceNotFoundException, match=r"The specified log stream does not exist\."):
        logs.get_log_events(logGroupName=JOBS, logStreamName=stream)


def test_a_stream_appears_with_its_first_line(logs, here):
    asked = {"logGroupName": JOBS, "logStreamNamePrefix": "first/", "orderBy": "LogStreamName", "limit": 1}
    assert logs.describe_log_streams(**asked)["logStreams"] == []
    write_job(here, "first", b"")
    assert logs.describe_log_streams(**asked)["logStreams"] == []
    name = write_job(here, "first", b"hello\n")
    answer = logs.describe_log_streams(**asked)
    assert [row["logStreamName"] for row in answer["logStreams"]] == [name]
    assert "nextToken" not in answer


def test_streams_are_all_listed_in_one_answer_and_limited_where_asked(logs, here):
    names = [write_job(here, f"many-{number:03}", b"x\n") for number in range(60)]
    answer = logs.describe_log_streams(logGroupName=JOBS, logStreamNamePrefix="many-")
    assert [row["logStreamName"] for row in answer["logStreams"]] == names
    few = logs.describe_log_streams(logGroupName=JOBS, logStreamNamePrefix="many-", limit=2, descending=True)
    assert [row["logStreamName"] for row in few["logStreams"]] == [names[59], names[58]]
    assert "nextToken" not in {**answer, **few}


def test_streams_are_ordered_by_their_last_event(logs, here):
    late = write_job(here, "a-late", b"x\n", began=BEGAN + timedelta(days=2))
    rows = logs.describe_log_streams(logGroupName=JOBS, orderBy="LastEventTime", descending=True, limit=1)
    assert [row["logStreamName"] for row in rows["logStreams"]] == [late]
    code, message, _ = error_of(
        logs.describe_log_streams, logGroupName=JOBS, orderBy="LastEventTime", logStreamNamePrefix="a"
    )
    assert (code, message) == (
        "InvalidParameterException",
        "Cannot order by LastEventTime with a logStreamNamePrefix.",
    )


def pages_of(logs, stream, **asked):
    """Every page of a stream until one is empty, as SDKs read it; the last page is left out."""
    token = {}
    while True:
        answer = logs.get_log_events(logGroupName=JOBS, logStreamName=stream, startFromHead=True, **asked, **token)
        if not answer["events"]:
            assert answer["nextForwardToken"] == token.get("nextToken", answer["nextForwardToken"])
            return
        token = {"nextToken": answer["nextForwardToken"]}
        yield [event["message"] for event in answer["events"]]


@pytest.mark.parametrize("limit", [1, 7, 25, 10_000])
def test_a_stream_is_read_from_its_head_until_an_empty_page(logs, here, limit):
    stream = write_job(here, "paged", text(LINES))
    pages = list(pages_of(logs, stream, limit=limit))
    assert [line for page in pages for line in page] == LINES
    assert max(map(len, pages)) == min(limit, 25)


def test_a_reader_at_the_end_gets_what_is_added_with_the_token_it_has(logs, here):
    stream = write_job(here, "growing", b"one\n")
    asked = {"logGroupName": JOBS, "logStreamName": stream}
    first = logs.get_log_events(startFromHead=True, **asked)
    nothing = logs.get_log_events(nextToken=first["nextForwardToken"], **asked)
    assert (nothing["events"], nothing["nextForwardToken"]) == ([], first["nextForwardToken"])
    write_job(here, "growing", b"one\ntwo\n")
    more = logs.get_log_events(nextToken=first["nextForwardToken"], **asked)
    assert [event["message"] for event in more["events"]] == ["two"]


def test_without_a_token_the_last_events_come_and_the_token_leads_back(logs, here):
    stream = write_job(here, "backward", text(LINES))
    asked = {"logGroupName": JOBS, "logStreamName": stream, "limit": 10}
    found, token = [], {}
    while (answer := logs.get_log_events(**asked, **token))["events"]:
        found = [event["message"] for event in answer["events"]] + found
        token = {"nextToken": answer["nextBackwardToken"]}
    assert found == LINES
    assert answer["nextBackwardToken"] == token["nextToken"]


@pytest.mark.parametrize(
    ("asked", "lines"),
    [
        ({"startTime": milliseconds(20)}, ["c", "d"]),
        ({"endTime": milliseconds(20)}, ["a", "b"]),
        ({"startTime": milliseconds(10), "endTime": milliseconds(30)}, ["b", "c"]),
        ({"startTime": milliseconds(31)}, []),
        ({"startTime": milliseconds(10), "endTime": milliseconds(30), "limit": 1}, ["c"]),
        ({"startTime": milliseconds(10), "limit": 1, "startFromHead": True}, ["b"]),
    ],
)
def test_times_bound_what_is_read(logs, here, asked, lines):
    content = text(dated(10 * number, word) for number, word in enumerate("abcd"))
    stream = write_job(here, "timed", content)
    events = logs.get_log_events(logGroupName=JOBS, logStreamName=stream, **asked)["events"]
    assert [event["message"][-1] for event in events] == lines


def test_the_sdks_way_to_go_on_finds_each_line_once(logs, here):
    """The SDK asks from the time of the last event on, and leaves out as many events of that time as it has had."""
    content = text([dated(1, "a"), "b", dated(2, "c"), "d", "e"])
    position, found = (0, 0), []
    for cut in range(len(content) + 1):
        stream = write_job(here, "sdk", content[: content.rfind(b"\n", 0, cut) + 1] or b"\n")
        answer = logs.get_log_events(logGroupName=JOBS, logStreamName=stream, startTime=position[0], startFromHead=True)
        for event in answer["events"][position[1] :]:
            found.append(event["message"][-1])
            again = event["timestamp"] == position[0]
            position = (event["timestamp"], position[1] + 1 if again else 1)
    assert found == list("abcde")


def test_damaged_text_is_replaced(logs, here):
    stream = write_job(here, "damaged", b"caf\xe9 \x00 \xff\n")
    (event,) = logs.get_log_events(logGroupName=JOBS, logStreamName=stream)["events"]
    assert event["message"] == "caf\ufffd \x00 \ufffd"


def test_a_line_of_a_hundred_megabytes_is_cut_into_events_and_never_held_whole(logs, here, folder):
    stream = write_job(here, "endless", b"first\n" + b"x" * 100_000_000 + b"\nlast\n")
    process = next(each for each in psutil.process_iter() if _is_control_of(each, folder))
    before = process.memory_info().rss
    page = logs.get_log_events(logGroupName=JOBS, logStreamName=stream, startFromHead=True)
    assert [len(event["message"]) for event in page["events"]] == [5, 262_144, 262_144, 262_144]
    sizes = [len(line) for lines in pages_of(logs, stream) for line in lines]
    assert (sum(sizes), max(sizes)) == (100_000_009, 262_144)
    (event,) = logs.get_log_events(logGroupName=JOBS, logStreamName=stream, limit=1)["events"]
    assert event["message"] == "last"
    assert process.memory_info().rss - before < 30 * 2**20 + resource.getpagesize()


def _is_control_of(process, folder):
    try:
        return "control" in process.cmdline() and process.environ().get("SEXTANT_DATA") == str(folder)
    except psutil.Error:
        return False


@pytest.mark.parametrize("token", ["x", "f/1", "f/-0000000000000000001", "b/", "f/" + "9" * 21])
def test_a_forged_token_is_refused(logs, here, token):
    stream = write_job(here, "forged", b"x\n")
    code, message, _ = error_of(logs.get_log_events, logGroupName=JOBS, logStreamName=stream, nextToken=token)
    assert (code, message) == ("InvalidParameterException", "The specified nextToken is invalid.")


@pytest.mark.parametrize("token", ["f/" + "9" * 20, "f/" + "0" * 19 + "3"])
def test_a_token_of_another_stream_reads_no_further_than_there_is(logs, here, token):
    stream = write_job(here, "foreign", b"short\n")
    events = logs.get_log_events(logGroupName=JOBS, logStreamName=stream, nextToken=token)["events"]
    assert [event["message"] for event in events] in ([], ["rt"])


def filtered(logs, **asked):
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=JOBS, **asked)
    return [(event["logStreamName"].partition("/")[0], event["message"]) for page in pages for event in page["events"]]


@pytest.fixture
def two(here):
    """Two jobs that logged at the same time."""
    first = text([dated(1, "INFO start"), dated(3, "ERROR bad"), "trace of bad", dated(9, "INFO end")])
    second = text([dated(2, "INFO start"), dated(4, "WARN odd"), dated(8, "ERROR worse")])
    return [write_job(here, "two-a", first), write_job(here, "two-b", second)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", ["a", "b", "a", "a", "b", "b", "a"]),
        ("ERROR", ["a", "b"]),
        ("?ERROR ?WARN", ["a", "b", "b"]),
        ("-INFO", ["a", "a", "b", "b"]),
        ('"of bad"', ["a"]),
        ("nowhere", []),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 10_000])
def test_events_of_all_streams_are_filtered_in_order_of_time(logs, two, pattern, found, size):
    asked = {"logStreamNamePrefix": "two-", "filterPattern": pattern, "PaginationConfig": {"PageSize": size}}
    assert [stream[-1] for stream, _ in filtered(logs, **asked)] == found


def test_a_filter_is_bounded_by_streams_and_times(logs, two):
    asked = {"startTime": milliseconds(3), "endTime": milliseconds(9)}
    assert len(filtered(logs, logStreamNames=two, **asked)) == 4
    assert [message[-5:] for _, message in filtered(logs, logStreamNames=two[1:], **asked)] == ["N odd", "worse"]


def test_an_event_has_an_id_of_its_own(logs, two):
    events = logs.filter_log_events(logGroupName=JOBS, logStreamNames=two)["events"]
    assert len({event["eventId"] for event in events}) == len(events) == 7


def test_a_filter_over_much_that_does_not_match_answers_in_between(logs, here):
    stream = write_job(here, "haystack", b"hay hay hay hay\n" * 250_000 + b"needle\n")
    answer = logs.filter_log_events(logGroupName=JOBS, logStreamNames=[stream], filterPattern="needle")
    assert (answer["events"], "nextToken" in answer) == ([], True)
    assert filtered(logs, logStreamNames=[stream], filterPattern="needle") == [("haystack", "needle")]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"filterPattern": "{ $.a = 1 }"}, "is not served: use terms"),
        ({"startFromHead": False}, "startFromHead=false is not served"),
        ({"nextToken": "forged"}, "NextToken is not one that this listing gave"),
        ({"nextToken": "WyJhIl0="}, "The specified nextToken is invalid."),
        ({"logStreamNames": ["a"], "logStreamNamePrefix": "b"}, "exclude each other"),
    ],
)
def test_a_filter_that_cannot_be_served_is_refused(logs, asked, words):
    code, message, _ = error_of(logs.filter_log_events, logGroupName=JOBS, **asked)
    assert (code, words in message) == ("InvalidParameterException", True)


def test_a_group_may_be_named_by_its_arn(logs, here):
    stream = write_job(here, "by-arn", b"x\n")
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{JOBS}"
    assert logs.get_log_events(logGroupIdentifier=arn, logStreamName=stream)["events"][0]["message"] == "x"
    code, message, _ = error_of(logs.describe_log_streams)
    assert (code, message) == (
        "InvalidParameterException",
        "Either logGroupName or logGroupIdentifier must be given",
    )


def test_the_log_of_a_job_that_was_deleted_is_still_read(logs, here):
    write_job(here, "deleted", b"still here\n")
    here.database.processing_jobs.remove("deleted")
    (stream,) = logs.describe_log_streams(logGroupName=JOBS, logStreamNamePrefix="deleted/")["logStreams"]
    events = logs.get_log_events(logGroupName=JOBS, logStreamName=stream["logStreamName"])["events"]
    assert [event["message"] for event in events] == ["still here"]


def test_an_operation_that_is_not_served_names_those_that_are(logs):
    code, message, _ = error_of(logs.create_log_group, logGroupName="mine")
    assert code == "UnknownOperationException"
    assert message.endswith("served are DescribeLogGroups, DescribeLogStreams, FilterLogEvents, GetLogEvents")
