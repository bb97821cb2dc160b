"""Which monitor a job of AWS's image is."""

from collections.abc import Mapping
from typing import Any, Final

from monitor_jobs.contract.container import Variable
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.data_quality.monitor import DataQuality
from monitor_jobs.model_quality.monitor import ModelQuality
from monitor_jobs.monitor import Monitor

MODEL_QUALITY: Final = "MODEL_QUALITY"


def chosen_monitor(environment: Mapping[str, str]) -> Monitor[Any, Any]:
    """The monitor that `analysis_type` asks for; data quality where it is not set. Raises BadInput naming its value."""
    analysis = environment.get(Variable.ANALYSIS_TYPE)
    if not analysis:
        return DataQuality()
    if analysis == MODEL_QUALITY:
        return ModelQuality()
    raise BadInput(f"{Variable.ANALYSIS_TYPE} is {analysis!r}: leave it out for data quality, or set {MODEL_QUALITY}")
