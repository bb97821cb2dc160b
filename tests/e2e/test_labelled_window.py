"""Model quality of real answers, by boto3: baseline, definition, schedule, ground truth, verdicts right and wrong."""

import csv
import io
import json
from datetime import UTC, datetime

import numpy as np
import pytest

from monitor_jobs.contract.ground_truth import ground_truth_folder
from monitor_jobs.object_store import S3Address
from service.demo import packaging
from service.demo.digits import load_digits_split
from tests.aws_clients import client
from tests.e2e.service_under_test import ROLE, next_second
from tests.wait import wait_until

ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
RESOURCES = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 20}}
BASELINE, DATASET = "s3://sextant/quality/baseline", "/opt/ml/processing/input/baseline_dataset_input"
METRICS = "aws/sagemaker/Endpoints/model-metrics"
SENT, UNLABELLED, STRAY = 60, 4, 2


@pytest.fixture(scope="module")
def service(running_service, tmp_path_factory):
    running_service.deploy("digits", packaging.write_package(tmp_path_factory.mktemp("package") / "digits.tar.gz"))
    running_service.wait_in_service("digits")
    return running_service


@pytest.fixture(scope="module")
def sagemaker(service):
    return client("sagemaker", service.url)


@pytest.fixture(scope="module")
def scans():
    test = load_digits_split().test
    return test.images.numpy(), [str(label) for label in test.labels.tolist()]


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def baseline(service, sagemaker, scans):
    """What a job as the SDK's ModelQualityMonitor.suggest_baseline sends it leaves of answers with their labels."""
    images, labels = (each[SENT:360] for each in scans)
    said = np.argmax(service.invoke("digits", npy(images), "application/x-npy"), axis=1).tolist()
    text = io.StringIO()
    csv.writer(text).writerows([("prediction", "label"), *zip(said, labels, strict=True)])
    service.store.put(S3Address.parse("s3://sextant/quality/validation/validation.csv"), text.getvalue().encode())
    kinds = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
    source = {"S3Uri": "s3://sextant/quality/validation", "LocalPath": DATASET, **kinds}
    target = {"S3Uri": BASELINE, "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    sagemaker.create_processing_job(
        ProcessingJobName="suggest",
        ProcessingInputs=[{"InputName": "baseline_dataset_input", "S3Input": source}],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "monitoring_output", "S3Output": target}]},
        ProcessingResources=RESOURCES,
        AppSpecification={"ImageUri": ANALYZER},
        Environment={
            "analysis_type": "MODEL_QUALITY",
            "problem_type": "MulticlassClassification",
            "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
            "dataset_source": DATASET,
            "output_path": "/opt/ml/processing/output",
            "publish_cloudwatch_metrics": "Disabled",
            "inference_attribute": "prediction",
            "ground_truth_attribute": "label",
        },
        RoleArn=ROLE,
    )

    def ended():
        job = sagemaker.describe_processing_job(ProcessingJobName="suggest")
        return job if job["ProcessingJobStatus"] != "InProgress" else None

    job = wait_until(ended, timeout_seconds=120, what="the baseline")
    assert job["ProcessingJobStatus"] == "Completed", job
    return {
        name: json.loads(service.store.get(S3Address.parse(f"{BASELINE}/{name}.json")))
        for name in ("statistics", "constraints")
    }


@pytest.fixture(scope="module")
def window(service, scans):
    """The window in which scans were sent one by one, each under an id of its own."""
    start = next_second()
    for number, image in enumerate(scans[0][:SENT]):
        headers = {"X-Amzn-SageMaker-Inference-Id": f"scan-{number}"}
        service.invoke("digits", npy(image[None]), "application/x-npy", **headers)
    return start, next_second()


def upload(service, name, labels):
    """Ground truth as the guide has it, in the folder of this hour."""
    lines = [
        json.dumps({"groundTruthData": {"data": label, "encoding": "CSV"}, "eventMetadata": {"eventId": of}})
        for of, label in labels.items()
    ]
    folder = ground_truth_folder(f"s3://sextant/labels/{name}", datetime.now(UTC))
    service.store.put(S3Address.parse(f"{folder}0000.jsonl"), "\n".join(lines).encode())


def judged(service, sagemaker, window, name):
    """The execution of a schedule by a definition of that name, whose ground truth is below labels/{name}."""
    output = {"S3Uri": "s3://sextant/reports", "LocalPath": "/opt/ml/processing/output"}
    sagemaker.create_model_quality_job_definition(
        JobDefinitionName=name,
        ModelQualityBaselineConfig={"ConstraintsResource": {"S3Uri": f"{BASELINE}/constraints.json"}},
        ModelQualityAppSpecification={"ImageUri": ANALYZER, "ProblemType": "MulticlassClassification"},
        ModelQualityJobInput={
            "EndpointInput": {"EndpointName": "digits", "LocalPath": "/opt/ml/processing/input_data"},
            "GroundTruthS3Input": {"S3Uri": f"s3://sextant/labels/{name}"},
        },
        ModelQualityJobOutputConfig={"MonitoringOutputs": [{"S3Output": output}]},
        JobResources=RESOURCES,
        RoleArn=ROLE,
    )
    sagemaker.create_monitoring_schedule(
        MonitoringScheduleName=name,
        MonitoringScheduleConfig={
            "ScheduleConfig": {"ScheduleExpression": "cron(0 0 1 1 ? 2099)"},
            "MonitoringJobDefinitionName": name,
            "MonitoringType": "ModelQuality",
        },
    )
    return service.verdict(service.ask_for(name, *window))


@pytest.fixture(scope="module")
def right(service, sagemaker, scans, baseline, window):
    """The verdict where labels are right, some are missing, and two are of other requests."""
    labels = {f"scan-{number}": scans[1][number] for number in range(SENT - UNLABELLED)}
    upload(service, "right", labels | {f"stray-{number}": "1" for number in range(STRAY)})
    return judged(service, sagemaker, window, "right")


def test_a_baseline_has_awss_files(baseline):
    metrics = baseline["statistics"]["multiclass_classification_metrics"]
    limits = baseline["constraints"]["multiclass_classification_constraints"]
    assert sum(sum(row.values()) for row in metrics["confusion_matrix"].values()) == 300
    assert metrics["accuracy"]["value"] > 0.9 > metrics["accuracy_best_constant_classifier"]["value"]
    assert limits["accuracy"]["comparison_operator"] == "LessThanThreshold"
    assert limits["accuracy"]["threshold"] < metrics["accuracy"]["value"]


def test_right_labels_complete(service, right):
    assert right["MonitoringExecutionStatus"] == "Completed", right
    section = service.report(right, "statistics.json")["multiclass_classification_metrics"]
    assert sum(sum(row.values()) for row in section["confusion_matrix"].values()) == SENT - UNLABELLED


def test_the_report_says_how_many_captures_have_no_label_and_how_many_labels_no_capture(service, right):
    measured = {row["name"]: row["value"] for row in service.report(right)["measurements"]}
    assert measured["unlabelled_share"] == pytest.approx(UNLABELLED / SENT)
    assert measured["unmatched_label_share"] == pytest.approx(STRAY / (SENT - UNLABELLED + STRAY))


def test_metrics_are_published_in_awss_namespace(service, right):
    dimensions = [{"Name": "Endpoint", "Value": "digits"}, {"Name": "MonitoringSchedule", "Value": "right"}]
    rows = client("cloudwatch", service.url).list_metrics(Namespace=METRICS, Dimensions=dimensions)["Metrics"]
    assert {"accuracy", "weighted_f1", "weighted_f2_best_constant_classifier"} <= {row["MetricName"] for row in rows}


def test_shuffled_labels_are_a_violation(service, sagemaker, scans, baseline, window):
    labels = np.random.default_rng(4).permutation(scans[1][:SENT]).tolist()
    upload(service, "shuffled", {f"scan-{number}": label for number, label in enumerate(labels)})
    execution = judged(service, sagemaker, window, "shuffled")
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations", execution
    (first, *_) = service.report(execution, "constraint_violations.json")["violations"]
    assert first.keys() == {"metric_name", "constraint_check_type", "description"}
    assert first["constraint_check_type"] == "LessThanThreshold"


def test_no_label_at_all_is_no_verdict(service, sagemaker, baseline, window):
    execution = judged(service, sagemaker, window, "nothing")
    assert execution["MonitoringExecutionStatus"] == "Completed"
    assert execution["ExitMessage"].startswith(
        f"No verdict: 0 of {SENT} captures have a label; No estimate of accuracy"
    )
