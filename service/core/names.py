"""Names of resources: SageMaker's patterns, ARNs, and AWS's sentence for a value that breaks a constraint.

What lives here: what a name may be. What does not: whether a thing of that name exists.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from monitor_jobs.contract.errors import BadInput

NAME_PATTERN: Final = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
MODEL_NAME_PATTERN: Final = r"[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?"
ROLE_ARN_PATTERN: Final = r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
JOBS_LOG_GROUP: Final = "/aws/sagemaker/ProcessingJobs"
ENDPOINT_LOG_GROUPS: Final = "/aws/sagemaker/Endpoints/"  # each with its endpoint's name behind it
MAX_NAME_CHARACTERS: Final = 63
MIN_ROLE_ARN_CHARACTERS: Final = 20
MAX_ROLE_ARN_CHARACTERS: Final = 2048
_ECHOED_CHARACTERS: Final = 256
_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:sagemaker:([a-z0-9-]+):([0-9]{12}):([a-z-]+)/(" + NAME_PATTERN.replace("(", "(?:") + ")"
)


class Named(StrEnum):
    """Members of requests that hold a name, as AWS's sentences call them."""

    ENDPOINT = "endpointName"
    ENDPOINT_CONFIG = "endpointConfigName"
    MODEL = "modelName"
    VARIANT = "variantName"
    SCHEDULE = "monitoringScheduleName"
    JOB_DEFINITION = "jobDefinitionName"
    PROCESSING_JOB = "processingJobName"


class Resource(StrEnum):
    """Kinds of resources, as ARNs spell them."""

    ENDPOINT = "endpoint"
    ENDPOINT_CONFIG = "endpoint-config"
    MODEL = "model"
    SCHEDULE = "monitoring-schedule"
    PROCESSING_JOB = "processing-job"
    DATA_QUALITY_JOB_DEFINITION = "data-quality-job-definition"
    MODEL_QUALITY_JOB_DEFINITION = "model-quality-job-definition"
    MODEL_BIAS_JOB_DEFINITION = "model-bias-job-definition"
    MODEL_EXPLAINABILITY_JOB_DEFINITION = "model-explainability-job-definition"


@dataclass(frozen=True, slots=True)
class ResourceArn:
    """The parts of a SageMaker ARN."""

    kind: Resource
    name: str
    region: str
    account: str

    def __str__(self) -> str:
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{self.kind}/{self.name}"


def validate_name(member: Named, value: str) -> str:
    """The name itself, where it fits SageMaker's pattern and length: 1-63 letters, digits and inner hyphens.

    Raises BadInput in AWS's words. Clients check lengths but no patterns, so this is the only guard; names become
    folders and keys. Checked in tests/unit/test_names.py.
    """
    pattern = MODEL_NAME_PATTERN if member is Named.MODEL else NAME_PATTERN
    return _constrained(member, value, pattern=pattern, lengths=(1, MAX_NAME_CHARACTERS))


def validate_role_arn(value: str) -> str:
    """The ARN of an IAM role itself. Raises BadInput in AWS's words where it is none."""
    lengths = (MIN_ROLE_ARN_CHARACTERS, MAX_ROLE_ARN_CHARACTERS)
    return _constrained("roleArn", value, pattern=ROLE_ARN_PATTERN, lengths=lengths)


def arn(kind: Resource, name: str, *, region: str, account: str) -> str:
    """The ARN of a resource. The name keeps its case: clients cut names out of ARNs."""
    return str(ResourceArn(kind, name, region, account))


def parse_arn(text: str) -> ResourceArn:
    """The parts of an ARN. Raises BadInput where it names no kind of resource that is kept here."""
    match = _ARN.fullmatch(text)
    if match is None or match[3] not in tuple(Resource):
        raise BadInput(
            f"{text[:_ECHOED_CHARACTERS]!r} is no ARN of a resource kept here: "
            "write one such as arn:aws:sagemaker:us-east-1:123456789012:endpoint/NAME"
        )
    region, account, kind, name = match.groups()
    return ResourceArn(Resource(kind), name, region, account)


def name_of_arn(text: str, kind: Resource) -> str:
    """The name in an ARN of that kind. Raises BadInput for anything else."""
    parsed = parse_arn(text)
    if parsed.kind is not kind:
        raise BadInput(f"{text[:_ECHOED_CHARACTERS]!r} is an ARN of kind {parsed.kind}: give one of kind {kind}")
    return parsed.name


def validation_error(member: str, value: object, breaches: list[str]) -> BadInput:
    """AWS's sentence for one member that breaks one or more constraints."""
    found = "1 validation error" if len(breaches) == 1 else f"{len(breaches)} validation errors"
    shown = str(value)[:_ECHOED_CHARACTERS]
    sentences = (f"Value '{shown}' at '{member}' failed to satisfy constraint: Member must {rule}" for rule in breaches)
    return BadInput(f"{found} detected: {'; '.join(sentences)}")


def _constrained(member: str, value: str, *, pattern: str, lengths: tuple[int, int]) -> str:
    shortest, longest = lengths
    breaches = []
    if len(value) < shortest:
        breaches.append(f"have length greater than or equal to {shortest}")
    if len(value) > longest:
        breaches.append(f"have length less than or equal to {longest}")
    # fullmatch, since `$` lets a trailing newline through; ASCII, since \d takes any script's digits.
    elif not re.fullmatch(pattern, value, re.ASCII):
        breaches.append(f"satisfy regular expression pattern: {pattern}")
    if breaches:
        raise validation_error(member, value, breaches)
    return value
