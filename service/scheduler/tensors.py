"""Tensors of a window, which some monitors judge in place of captures, on the file system.

What lives here: which objects a window has, and copying them. What does not: captures (staging), the tensors themselves
(monitor_jobs.tensors).
"""

from pathlib import Path

from monitor_jobs.contract.debug_hook import required_debug_hook
from monitor_jobs.contract.tensor_files import HOOK_FILE, step_folder_of
from monitor_jobs.contract.window import Window, hours_of
from monitor_jobs.object_store import ObjectStore, S3Address
from service.core.deployment import EndpointSpec


def tensors_address(spec: EndpointSpec) -> S3Address:
    """Below which address an endpoint's tensors lie. Raises BadInput where it keeps none."""
    return S3Address.parse(required_debug_hook(spec.endpoint, spec.environment).output).joined(spec.endpoint)


def stage_steps(store: ObjectStore, spec: EndpointSpec, window: Window, target: Path) -> int:
    """How many steps of the window's hours now lie below `target/{variant}/{load}`, with what is said of their loads.

    Every load of that time counts; whoever reads the steps keeps to the window. Raises BadInput where the endpoint
    keeps no tensors. Proven by tests/integration/test_staging_tensors.py.
    """
    variant = tensors_address(spec).joined(spec.variant)
    hours = set(hours_of(window))
    start = len(variant.key) + 1
    steps, hooks = [], set()
    for found in store.list(S3Address.parse(f"{variant}/")):
        path = found.address.key[start:]
        placed = step_folder_of(path)
        if placed is not None and _is_load(placed[0]) and placed[1] in hours:
            steps.append(path)
        elif path.endswith(f"/{HOOK_FILE}"):
            hooks.add(path)
    hooks &= {f"{step.partition('/')[0]}/{HOOK_FILE}" for step in steps}
    for path in (*hooks, *steps):
        _download(store, variant.joined(path), target / spec.variant / path)
    return len(steps)


def _is_load(folder: str) -> bool:
    # a key may begin with ../ and lead anywhere
    return bool(folder) and "/" not in folder and not folder.startswith(".")


def _download(store: ObjectStore, address: S3Address, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    store.download(address, path)
