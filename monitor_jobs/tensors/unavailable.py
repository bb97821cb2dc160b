"""What a trial cannot give, by the names that smdebug has for it."""

from monitor_jobs.contract.errors import NotFound


class TensorUnavailable(NotFound):
    """No step has a tensor of that name."""


class TensorUnavailableForStep(NotFound):
    """The step has no tensor of that name."""


class StepUnavailable(NotFound):
    """The step was not kept, and will not be."""


class StepNotYetAvailable(NotFound):
    """The step may still come."""


class NoMoreData(NotFound):
    """The load has ended before that step."""
