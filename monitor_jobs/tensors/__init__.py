"""Tensors of answered requests: what an endpoint keeps of them, and how anybody reads that.

What lives here: the objects (layout, step_file), what a network leaves in them (recording, kinds), reading (trial), and
explanations from tensors alone (rebuilding). What does not: which request is kept (contract.debug_hook), the endpoint's
own part (service.endpoint), the mathematics (saliency).
"""

from monitor_jobs.tensors.trial import Trial, create_trial

__all__ = ["Trial", "create_trial"]
