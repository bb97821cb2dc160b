"""Which monitor a job of AWS's image is."""

from collections.abc import Mapping

from monitor_jobs.contract.container import Variable
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.data_quality.monitor import DataQuality


def chosen_monitor(environment: Mapping[str, str]) -> DataQuality:
    """The monitor that `analysis_type` asks for; data quality where it is not set. Raises BadInput naming its value."""
    analysis = environment.get(Variable.ANALYSIS_TYPE)
    if analysis:
        raise BadInput(f"{Variable.ANALYSIS_TYPE} is {analysis!r}: leave it out, for data quality is all there is here")
    return DataQuality()
