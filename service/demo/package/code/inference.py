"""The SageMaker entry point of the digits model: model_fn, input_fn, predict_fn, output_fn.

What lives here: the way from a request to an answer. What does not: the network (digits_net.py). Stands alone: needs
numpy, Pillow, safetensors and torch, and nothing of the server that runs it.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from digits_net import DigitsNet  # type: ignore[import-not-found]  # the server puts code/ on the path
from PIL import Image
from safetensors.torch import load_file

SIDE = 32
Array = npt.NDArray[np.generic]


def model_fn(model_dir: str) -> DigitsNet:
    """The trained network, in eval mode, from `{model_dir}/model.safetensors`."""
    model = DigitsNet()
    model.load_state_dict(load_file(Path(model_dir) / "model.safetensors"))
    return model.eval()


def input_fn(data: bytes | str, content_type: str) -> torch.Tensor:
    """Scans [N, 1, 32, 32] float32, from one scan or a batch.

    application/x-npy and application/json hold [32, 32], [N, 32, 32] or [N, 1, 32, 32] in [0, 1]; image/png holds one
    picture of any size, bright ink on a dark ground. Raises ValueError for another type or shape and for pixels that
    are no finite numbers, OSError for a damaged picture.
    """
    readers = {"application/x-npy": _from_npy, "application/json": _from_json, "image/png": _from_png}
    media_type = _media_type(content_type)
    if media_type not in readers:
        raise ValueError(f"content type {content_type!r} is not read here: send one of {', '.join(readers)}")
    return _as_batch(readers[media_type](data.encode() if isinstance(data, str) else data))


def predict_fn(data: torch.Tensor | Array, model: DigitsNet) -> torch.Tensor:
    """Probabilities [N, 10] on the CPU, each row summing to 1, wherever the model lives."""
    scans = torch.as_tensor(data, device=model.classifier.weight.device)
    with torch.inference_mode():
        return torch.softmax(model(scans), dim=1).cpu()


def output_fn(prediction: torch.Tensor, accept: str) -> str | bytes:
    """Probabilities as JSON (rows of ten), CSV (a line per scan) or npy. Raises ValueError for any other type."""
    writers: dict[str, Callable[[Array], str | bytes]] = {
        "application/json": _to_json,
        "text/csv": _to_csv,
        "application/x-npy": _to_npy,
    }
    media_type = _media_type(accept)
    if media_type in {"", "*/*"}:
        media_type = "application/json"
    if media_type not in writers:
        raise ValueError(f"{accept!r} is not written here: accept one of {', '.join(writers)}")
    return writers[media_type](prediction.numpy())


def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def _as_batch(pixels: Array) -> torch.Tensor:
    if pixels.size == 0 or pixels.shape[-2:] != (SIDE, SIDE) or pixels.shape[:-2][1:] not in {(), (1,)}:
        raise ValueError(f"scans have shape {list(pixels.shape)}: send [32, 32], [N, 32, 32] or [N, 1, 32, 32]")
    scans = np.ascontiguousarray(pixels, dtype=np.float32).reshape(-1, 1, SIDE, SIDE)
    if not np.isfinite(scans).all():
        raise ValueError("a pixel is NaN or infinite: send numbers between 0 and 1")
    return torch.from_numpy(scans)


def _from_npy(data: bytes) -> Array:
    # Pickled arrays run code on load; a request must never do that.
    array: Array = np.load(io.BytesIO(data), allow_pickle=False)
    return array


def _from_json(data: bytes) -> Array:
    scans = json.loads(data)
    if not isinstance(scans, list):
        raise ValueError(f"the JSON text is a {type(scans).__name__}: send nested lists of pixels")  # noqa: TRY004
    return np.asarray(scans, dtype=np.float32)


def _from_png(data: bytes) -> Array:
    with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
        scan = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(scan, dtype=np.float32) / 255


def _to_json(probabilities: Array) -> str:
    return json.dumps(probabilities.tolist())


def _to_csv(probabilities: Array) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in probabilities.tolist())


def _to_npy(probabilities: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, probabilities)
    return buffer.getvalue()
