"""Where it is told that something of a variant was erased. Whoever asks for it, and whoever goes on with it, agree."""

from collections.abc import Mapping

from monitor_jobs.contract.debug_hook import debug_hook_of


def told_at(capture_destination: str | None, environment: Mapping[str, str]) -> str | None:
    """Where the variant's captures go, else where its model's environment has tensors go; None where it keeps nothing.

    Raises BadInput where the environment asks for what tensors cannot be.
    """
    if capture_destination:
        return capture_destination.rstrip("/")
    hook = debug_hook_of(environment)
    return None if hook is None else hook.output.rstrip("/")
