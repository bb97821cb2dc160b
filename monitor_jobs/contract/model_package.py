"""A SageMaker model package: the layout of model.tar.gz, and the model card that Sextant reads from it.

What lives here: names and the card. What does not: unpacking (model_archive) and running (model_functions).
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CODE_FOLDER = "code"
DEFAULT_PROGRAM = "inference.py"
MODEL_CARD_PATH = f"{CODE_FOLDER}/model_card.json"


class ModelInput(BaseModel):
    """The array that predict_fn takes, without its batch axis."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    shape: tuple[int, ...] = Field(min_length=1)
    dtype: Literal["float32", "float64", "uint8", "int64"] = "float32"


class ModelCard(BaseModel):
    """What a package says of its model; every field may be absent, and then nothing is assumed."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())
    name: str = ""
    classes: tuple[str, ...] = Field(default=(), max_length=10_000)
    input: ModelInput | None = None
    feature_layer: str | None = None
    critical: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    test_accuracy: float | None = Field(default=None, ge=0, le=1)
    description: str = ""

    def class_name(self, index: int) -> str:
        """The label of a class index; the index itself, as text, where the card names no such class."""
        return self.classes[index] if 0 <= index < len(self.classes) else str(index)
