"""Whether a job, a schedule or a job definition runs code of its sender's choice, which takes a deployer.

What lives here: what counts as such code. What does not: how jobs are run (adapters), who is a deployer (access).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from monitor_jobs.contract.catalog import MONITOR_VARIABLES, built_in_module, runs_models
from monitor_jobs.contract.container import Variable
from service.core.records import MonitoringType

# Arguments and an entrypoint are commands, the other two scripts.
COMMANDS: Final = ("ContainerEntrypoint", "ContainerArguments")
SCRIPTS: Final = ("RecordPreprocessorSourceUri", "PostAnalyticsProcessorSourceUri")
# Any other variable could make an interpreter or a linker load what the job's inputs bring: PYTHONPATH, LD_PRELOAD. Two
# of a monitor's own name scripts, which an input may bring as well.
SCRIPT_VARIABLES: Final = {Variable.RECORD_PREPROCESSOR.value, Variable.POST_ANALYTICS_PROCESSOR.value}
HARMLESS: Final = (MONITOR_VARIABLES | {variable.value for variable in Variable}) - SCRIPT_VARIABLES


def job_brings_code(request: Mapping[str, Any]) -> bool:
    """True for a CreateProcessingJob that runs more than a built-in monitor as it is, or loads a model."""
    return _brings_code(request["AppSpecification"], request.get("Environment") or ())


def schedule_brings_code(request: Mapping[str, Any]) -> bool:
    """True for a schedule whose own definition does; one that names a definition was judged when that was made."""
    definition = request["MonitoringScheduleConfig"].get("MonitoringJobDefinition")
    if definition is None:
        return False
    return _brings_code(definition["MonitoringAppSpecification"], definition.get("Environment") or ())


def definition_brings_code(kind: MonitoringType, request: Mapping[str, Any]) -> bool:
    """True for a Create...JobDefinition of a kind that does."""
    application = request[f"{kind}AppSpecification"]
    return _brings_code(application, application.get("Environment") or ())


def _brings_code(application: Mapping[str, Any], variables: Iterable[str]) -> bool:
    return (
        built_in_module(application["ImageUri"]) is None
        or runs_models(application["ImageUri"])
        or any(application.get(member) for member in (*COMMANDS, *SCRIPTS))
        or not HARMLESS.issuperset(variables)
    )
