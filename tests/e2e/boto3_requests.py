"""What the boto3 flow sends: requests as AWS's clients write them, over one endpoint and one schedule of it.

What lives here: requests as values. What does not: sending them (boto3_calls).
"""

from typing import Any

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sextant/class-skew:latest"
BUCKET, ENDPOINT, SCHEDULE = "sm-local", "signs", "signs-skew"
PACKAGE = "models/signs/model.tar.gz"
CONTAINER = {"ModelDataUrl": f"s3://{BUCKET}/{PACKAGE}", "Image": "pytorch-inference:2.6.0-cpu-py312"}
VARIANT = {
    "VariantName": "AllTraffic",
    "ModelName": ENDPOINT,
    "InitialInstanceCount": 1,
    "InstanceType": "ml.m5.large",
}
RESOURCES = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}}
JOB_DEFINITIONS = {  # each kind, and the repository of AWS's own monitor of that kind
    "DataQuality": "sagemaker-model-monitor-analyzer",
    "ModelQuality": "sagemaker-model-monitor-analyzer",
    "ModelBias": "sagemaker-clarify-processing:1.0",
    "ModelExplainability": "sagemaker-clarify-processing:1.0",
}


def capture(percentage: int) -> dict[str, Any]:
    """Requests and answers, this many of a hundred."""
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": percentage,
        "DestinationS3Uri": f"s3://{BUCKET}/datacapture",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
    }


def monitoring_schedule() -> dict[str, Any]:
    """A schedule's configuration: class skew, at once, with a threshold that balanced traffic keeps."""
    source = {"EndpointName": ENDPOINT, "LocalPath": "/opt/ml/processing/input/endpoint"}
    target = {"S3Uri": f"s3://{BUCKET}/reports", "LocalPath": "/opt/ml/processing/outputs"}
    return {
        "ScheduleConfig": {
            "ScheduleExpression": "NOW",
            "DataAnalysisStartTime": "-PT1H",
            "DataAnalysisEndTime": "-PT0H",
        },
        "MonitoringJobDefinition": {
            "MonitoringInputs": [{"EndpointInput": source}],
            "MonitoringOutputConfig": {"MonitoringOutputs": [{"S3Output": target}]},
            "MonitoringResources": RESOURCES,
            "MonitoringAppSpecification": {"ImageUri": IMAGE},
            "Environment": {"THRESHOLD": "0.5"},
            "RoleArn": ROLE,
        },
    }


def job_definition_request(kind: str) -> dict[str, Any]:
    """What Create{kind}JobDefinition needs."""
    specification = {"ImageUri": f"156813124566.dkr.ecr.us-east-1.amazonaws.com/{JOB_DEFINITIONS[kind]}"}
    source: dict[str, Any] = {
        "EndpointInput": {"EndpointName": ENDPOINT, "LocalPath": "/opt/ml/processing/input/endpoint"}
    }
    if kind in ("ModelQuality", "ModelBias"):
        source["GroundTruthS3Input"] = {"S3Uri": f"s3://{BUCKET}/ground-truth"}
    if kind == "ModelQuality":
        specification["ProblemType"] = "MulticlassClassification"
    if kind in ("ModelBias", "ModelExplainability"):
        specification["ConfigUri"] = f"s3://{BUCKET}/analysis_config.json"
    target = {"S3Uri": f"s3://{BUCKET}/{kind}", "LocalPath": "/opt/ml/processing/outputs"}
    return {
        "JobDefinitionName": f"signs-{kind}",
        f"{kind}AppSpecification": specification,
        f"{kind}JobInput": source,
        f"{kind}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": target}]},
        "JobResources": RESOURCES,
        "RoleArn": ROLE,
    }


def processing_job(name: str) -> dict[str, Any]:
    """Class skew over all captures."""
    source = {"S3Uri": f"s3://{BUCKET}/datacapture", "LocalPath": "/opt/ml/processing/in"}
    target = {"S3Uri": f"s3://{BUCKET}/by-hand", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    kinds = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {
        "ProcessingJobName": name,
        "ProcessingInputs": [{"InputName": "captures", "S3Input": {**source, **kinds}}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "report", "S3Output": target}]},
        "ProcessingResources": RESOURCES,
        "AppSpecification": {"ImageUri": IMAGE},
        "Environment": {"dataset_source": "/opt/ml/processing/in", "output_path": "/opt/ml/processing/out"},
        "RoleArn": ROLE,
    }
