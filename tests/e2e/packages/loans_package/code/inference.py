"""Whether to grant a loan, by a formula: lines of age, income and region in, decision and probability out, all CSV."""

import csv
import io
import json
import math
from pathlib import Path


def model_fn(model_dir):
    return json.loads(Path(model_dir, "weights.json").read_text())


def transform_fn(weights, data, content_type, accept):
    answers = [_answer(weights, *row) for row in csv.reader(io.StringIO(data))]
    return "".join(f"{int(probability >= 0.5)},{probability:.4f}\n" for probability in answers), "text/csv"


def _answer(weights, age, income, region):
    score = weights["bias"] + weights["age"] * float(age) + weights["income"] * float(income)
    return 1 / (1 + math.exp(-score - weights["region"].get(region, 0.0)))
