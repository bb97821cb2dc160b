"""CreateProcessingJob as we ask for it ourselves: a window of captures in, files out.

What lives here: what such requests have in common. What does not: reading the requests of others (processing), which
image and what for (explanations, the command line).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

DATASET: Final = "/opt/ml/processing/input/endpoint"
MODEL_FOLDER: Final = "/opt/ml/processing/model"
MAX_CAPTURE_INPUTS: Final = 9  # of the ten inputs that a processing job may have; the tenth is the model, or its card
OUTPUT: Final = "/opt/ml/processing/outputs"


def processing_job(
    name: str,
    *,
    image: str,
    inputs: Sequence[Mapping[str, Any]],
    target: str,
    environment: Mapping[str, str],
    role_arn: str,
    arguments: Sequence[str] = (),
) -> dict[str, Any]:
    """A CreateProcessingJob whose output folder goes to `target`; the variables that name folders are ours."""
    output = {"S3Uri": target, "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"}
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    return {
        "ProcessingJobName": name,
        "ProcessingInputs": list(inputs),
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "output", "S3Output": output}]},
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": image} | ({"ContainerArguments": list(arguments)} if arguments else {}),
        "Environment": {**environment, "dataset_source": DATASET, "output_path": OUTPUT},
        "RoleArn": role_arn,
    }


def s3_input(name: str, uri: str, local_path: str) -> dict[str, Any]:
    """One input: what lies below an address, at a path of the container."""
    source = {"S3Uri": uri, "LocalPath": local_path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}
