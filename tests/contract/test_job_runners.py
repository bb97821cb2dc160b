"""The container contract, kept by every runner: one monitor that knows nothing of this project, and what it is told.

The monitor (job_programs/evaluation.py) has the habits of AWS's sample container, each of which is a case here. Follows
the AWS developer guide, "Container contract inputs" and "Container contract outputs".
"""

import json

from monitor_jobs.object_store import S3Address
from service.core.states import ExecutionStatus, ProcessingJobStatus
from tests.contract.running_jobs import OUTPUTS
from tests.integration.scheduling import JOB_ARN, MINUTE, NOON, capture_line
from tests.servers.container_engines import IMAGE
from tests.wait import wait_until

BEFORE_NOON = NOON - MINUTE / 2
FILES = (
    "dataset_source",
    "output_path",
    "baseline_constraints",
    "baseline_statistics",
    "record_preprocessor_script",
    "post_analytics_processor_script",
)


def judged(jobs, *labels, **definition):
    """The execution of the sample monitor over one capture file with these answers, once it has ended."""
    house = jobs.house
    house.add_schedule(MonitoringAppSpecification=jobs.monitor(), **definition)
    house.capture_bytes(b"".join(capture_line(BEFORE_NOON, label) for label in labels), opened_at=BEFORE_NOON)
    return house.ended(house.start(), house.ask_for())


def test_a_monitor_written_for_sagemaker_runs_unmodified(jobs):
    ended = judged(jobs, "[[14]]", "[[14]]", "[[14]]", "[[2]]")
    assert ended.failure_reason is None
    assert (ended.status, ended.violations) == (ExecutionStatus.COMPLETED_WITH_VIOLATIONS, 1)
    assert ended.exit_message == "CompletedWithViolations: Job completed successfully with 1 violations."


def test_a_monitor_that_finds_nothing_completes(jobs):
    ended = judged(jobs, "[[14]]", "[[2]]", "[[3]]", Environment={"THRESHOLD": "0.7"})
    assert (ended.status, ended.violations) == (ExecutionStatus.COMPLETED, 0)


def test_violations_under_the_guides_name_are_found_under_the_clients_too(jobs):
    ended = judged(jobs, "[[14]]")
    names = sorted(key.rpartition("/")[2] for key in jobs.house.reports())
    assert names == ["constraint_violations.json", "constraints_violations.json"]
    assert ended.violations == 1  # of one record: what its threshold makes of small windows is the monitor's own affair


def test_metrics_are_taken_from_a_file_whose_folder_the_monitor_did_not_make(jobs):
    assert jobs.house.job_of(judged(jobs, "[[14]]").id).metrics == {"violations": 1.0}


def test_an_answer_that_is_no_json_fails_with_the_monitors_own_words(jobs):
    ended = judged(jobs, "14,0.93")
    assert ended.status is ExecutionStatus.FAILED
    assert ended.failure_reason.startswith("AlgorithmError: exit code 1. Last log lines:\n")
    assert "json.decoder.JSONDecodeError" in ended.failure_reason


def test_a_monitor_that_divides_by_its_records_is_not_started_over_none(jobs):
    jobs.house.add_schedule(MonitoringAppSpecification=jobs.monitor())
    ended = jobs.house.ended(jobs.house.start(), jobs.house.ask_for())
    assert (ended.status, ended.exit_message) == (ExecutionStatus.COMPLETED, "No verdict: 0 records")


def test_a_plain_job_over_no_record_fails_with_the_monitors_own_words(jobs):
    job = jobs.ended(jobs.ask_for(jobs.monitor()))
    assert job.status is ProcessingJobStatus.FAILED
    assert "ZeroDivisionError: division by zero" in job.failure_reason


def test_a_plain_job_is_told_its_output_path(jobs):
    address = jobs.house.capture_bytes(capture_line(BEFORE_NOON, "[[14]]"), opened_at=BEFORE_NOON)
    source = {"S3Uri": str(address), "LocalPath": "/opt/ml/processing/endpointdata"}
    job = jobs.ended(jobs.ask_for(jobs.monitor(), ProcessingInputs=[{"InputName": "in", "S3Input": source}]))
    assert job.failure_reason is None
    assert "constraint_violations.json" in jobs.outputs()


def told(jobs, **members):
    jobs.run("tell", **members)
    return jobs.json("told.json")


def test_a_container_is_given_its_variables_and_nothing_of_the_services(jobs, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret-of-the-service@proxy")
    environment = told(jobs, Environment={"THRESHOLD": "0.5", "TEXT": "two\nlines, 'quoted' \"=\" $HOME *"})[
        "environment"
    ]
    assert environment["THRESHOLD"] == "0.5"
    assert environment["TEXT"] == "two\nlines, 'quoted' \"=\" $HOME *"
    assert environment["output_path"] == OUTPUTS
    assert "secret-of-the-service" not in str(environment)


def test_a_container_reads_its_whole_job(jobs):
    config = told(jobs, Environment={"THRESHOLD": "0.5"}, RoleArn="arn:aws:iam::000000000000:role/r")["config"]
    job = config["processingjobconfig.json"]
    assert job["ProcessingJobArn"] == f"{JOB_ARN}{job['ProcessingJobName']}"
    assert job["Environment"] == {"THRESHOLD": "0.5", "output_path": OUTPUTS}
    assert {*job} >= {"AppSpecification", "ProcessingInputs", "ProcessingResources", "StoppingCondition", "RoleArn"}
    assert job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["LocalPath"] == OUTPUTS
    assert config["resourceconfig.json"] == {"current_host": "algo-1", "hosts": ["algo-1"]}


def test_the_promised_folders_are_there(jobs):
    assert {"/opt/ml/output", "/opt/ml/output/metrics/cloudwatch", OUTPUTS} <= {*told(jobs)["files"]}


def test_a_schedules_variables_name_files_that_are_there(jobs):
    house = jobs.house
    for name in ("constraints.json", "statistics.json", "pre.py", "post.py"):
        house.store.put(S3Address("bucket", f"base/{name}"), b"{}")
    resources = {"Constraints": "constraints.json", "Statistics": "statistics.json"}
    baseline = {f"{kind}Resource": {"S3Uri": f"s3://bucket/base/{name}"} for kind, name in resources.items()}
    scripts = {"RecordPreprocessorSourceUri": "pre.py", "PostAnalyticsProcessorSourceUri": "post.py"}
    specification = jobs.behaviour("tell") | {name: f"s3://bucket/base/{key}" for name, key in scripts.items()}
    house.add_schedule(MonitoringAppSpecification=specification, BaselineConfig=baseline)
    house.capture(BEFORE_NOON)
    execution = house.ended(house.start(), house.ask_for())
    told = json.loads(house.store.get(S3Address("bucket", house.reports()[0])))
    environment = told["environment"]
    assert {environment[name] for name in FILES} <= {*told["files"]}
    assert environment["sagemaker_monitoring_schedule_name"] == "skew"
    assert told["config"]["processingjobconfig.json"]["ProcessingJobName"] == execution.processing_job_name


def test_arguments_arrive_as_they_were_sent(jobs):
    jobs.run("tell", "--flag with space")
    assert jobs.json("told.json")["arguments"] == ["tell", "--flag with space"]


def test_an_exit_code_is_told_with_the_last_words(jobs):
    job = jobs.run("end_with", "3")
    assert (job.status, job.exit_code) == (ProcessingJobStatus.FAILED, 3)
    assert job.failure_reason == "AlgorithmError: exit code 3. Last log lines:\nfirst line\nlast words"


def test_a_script_that_came_as_an_input_is_run_by_the_images_python(containers):
    script = b"import sys; open('/opt/ml/processing/outputs/said', 'w').write(' '.join(sys.argv[1:]))"
    containers.house.store.put(S3Address("bucket", "code/say.py"), script)
    code = {"S3Uri": "s3://bucket/code/say.py", "LocalPath": "/opt/ml/processing/input/code"}
    entrypoint = ["python3", "/opt/ml/processing/input/code/say.py"]
    specification = {"ImageUri": IMAGE, "ContainerEntrypoint": entrypoint, "ContainerArguments": ["a", "b"]}
    job = containers.ended(containers.ask_for(specification, ProcessingInputs=[{"InputName": "code", "S3Input": code}]))
    assert job.failure_reason is None
    assert containers.output("said") == b"a b"


def test_the_first_kilobyte_of_the_message_is_kept(jobs):
    message = jobs.run("leave_long_message").exit_message
    assert message == ("abä" * 1000).encode()[:1024].decode()


def test_a_message_that_is_not_utf8_fails_the_job(jobs):
    job = jobs.run("leave_latin1_message")
    assert job.failure_reason == "message is not UTF-8 at byte 3: write the exit message as UTF-8"


def test_a_continuous_output_is_uploaded_while_the_job_writes(jobs):
    name = jobs.ask_for(jobs.behaviour("write_slowly", f"{OUTPUTS}/go"), mode="Continuous")
    process = jobs.house.start()
    process.tick()
    _soon(lambda: "early.txt" in jobs.outputs(), "the early file")
    assert jobs.house.database.processing_jobs.get(name).ended_at is None
    (jobs.root(name) / OUTPUTS.lstrip("/") / "go").touch()
    assert jobs.ended(name, process).status is ProcessingJobStatus.COMPLETED
    assert jobs.output("late.txt") == b"late"


def test_outputs_are_removed_from_the_disk_once_they_are_uploaded(jobs):
    name = jobs.ask_for(jobs.behaviour("leave_output", "text"))
    jobs.ended(name)
    _soon(lambda: not jobs.root(name).exists(), "tidiness")
    assert jobs.output("left.txt") == b"text"


def test_a_local_path_outside_of_the_containers_folder_is_refused(jobs):
    output = {"S3Uri": "s3://bucket/out", "LocalPath": "/outputs"}
    outputs = {"Outputs": [{"OutputName": "out", "S3Output": output}]}
    job = jobs.run("tell", ProcessingOutputConfig=outputs)
    assert job.failure_reason.startswith("LocalPath /outputs lies outside of /opt/ml: ")


def _soon(condition, what):
    wait_until(condition, timeout_seconds=60, what=what)
