"""The SageMaker entry point of the signs model, in the other form: model_fn and transform_fn.

As AWS's own traffic-sign sample does, it answers with the class alone, and its body is a nested list, not a string:
turning that into JSON is the server's part.
"""

import io
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from signs_net import SignsNet

SIDE = 64


def model_fn(model_dir):
    """The trained network, in eval mode, from `{model_dir}/model/model.pt`."""
    card = json.loads(Path(model_dir, "code", "model_card.json").read_text())
    model = SignsNet(len(card["classes"]))
    model.load_state_dict(torch.load(Path(model_dir, "model", "model.pt"), weights_only=True))
    return model.eval()


def transform_fn(model, data, content_type, accept):
    """([[class], ...], content type): one row per picture.

    image/png and image/jpeg hold one picture of any size; application/x-npy holds [64, 64, 3] or [N, 64, 64, 3] uint8.
    """
    with torch.inference_mode():
        classes = model(_pictures(data, content_type)).argmax(dim=1, keepdim=True)
    return classes.tolist(), "application/json"


def _pictures(data, content_type):
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/x-npy":
        pixels = np.load(io.BytesIO(data), allow_pickle=False)
    elif media_type in {"image/png", "image/jpeg"}:
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((SIDE, SIDE)))
    else:
        raise ValueError(f"content type {content_type!r} is not read here: send a PNG, a JPEG or an npy array")
    return as_tensor(pixels)


def as_tensor(pixels):
    """[64, 64, 3] or [N, 64, 64, 3] uint8 -> [N, 3, 64, 64] float32 in [0, 1]."""
    return torch.tensor(pixels.reshape(-1, SIDE, SIDE, 3)).permute(0, 3, 1, 2).float() / 255
