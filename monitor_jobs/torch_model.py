"""Loads a model package's weights with torch.

What lives here: what needs torch to load a model. What does not: archives and cards (model_archive), serving
(service.endpoint). Pickled state is read with `weights_only=True` or not at all. torch is imported where it is first
needed, because packages of other frameworks are served without it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from monitor_jobs.contract.errors import ModelUnsuitable

if TYPE_CHECKING:
    import torch

DEFAULT_FILE = "model.pt"
FILE_SUFFIXES = (".pt", ".pth")


def load_torchscript(folder: Path) -> "torch.nn.Module":
    """The TorchScript module of a package without model_fn: `model.pt`, else the folder's only .pt or .pth file.

    On the GPU where there is one. TorchScript is a program, which may write files as it is loaded: like a package's
    own code it is run by whoever may deploy. Pickles are not: tests/unit/test_hostile_weights.py.
    Raises ModelUnsuitable where there is not exactly one file, or it is no TorchScript.
    The toolkit's rule: sagemaker-pytorch-inference-toolkit, default_model_fn.
    """
    import torch

    path = _script_path(folder)
    try:
        return cast("torch.nn.Module", torch.jit.load(path, map_location=device()))  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise ModelUnsuitable(
            f"{path.name} is no TorchScript: save it with torch.jit.save or write a model_fn"
        ) from error


def device() -> "torch.device":
    """Where models run: the GPU where there is one."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _script_path(folder: Path) -> Path:
    default = folder / DEFAULT_FILE
    if default.is_file():
        return default
    found = sorted(path for path in folder.iterdir() if path.suffix in FILE_SUFFIXES and path.is_file())
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise ModelUnsuitable(f"without a model_fn a package needs exactly one .pt or .pth file, found: {names}")
    return found[0]
