"""How a dataset is written, as the container variable `dataset_format` says it: captures, CSV, JSON lines, Parquet.

What lives here: the five formats and parsing them. What does not: reading them (monitor_jobs.feature_table). Follows
the AWS developer guide, "Container contract inputs", and the SDK's `DatasetFormat`.
"""

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import from_json

from monitor_jobs.contract.errors import BadInput

HalfName: TypeAlias = Literal["endpointInput", "endpointOutput"]
EXAMPLE: Final = '{"csv": {"header": true}}'


class _Format(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class CaptureFormat(_Format):
    """JSON lines as data capture writes them; which halves of each record to read."""

    halves: frozenset[HalfName] = Field(
        frozenset({"endpointInput", "endpointOutput"}), alias="captureIndexNames", min_length=1
    )


class MergedFormat(CaptureFormat):
    """JSON lines as data capture writes them, each with its ground truth."""


CAPTURE_FORMAT: Final = CaptureFormat()


class CsvFormat(_Format):
    """CSV; without a header columns are `_c0`, `_c1`, ...; where the column of the model's output stands."""

    header: bool = False
    output_columns_position: Literal["START", "END"] = "START"


class JsonLinesFormat(_Format):
    """A JSON object or array a line."""

    lines: Literal[True] = Field(default=True, validation_alias=AliasChoices("lines", "line"))


class ParquetFormat(_Format):
    """Parquet."""


DatasetFormat: TypeAlias = CaptureFormat | CsvFormat | JsonLinesFormat | ParquetFormat


class _Choice(_Format):
    """The variable's outer object, of which one field is given."""

    captures: CaptureFormat | None = Field(None, alias="sagemakerCaptureJson")
    merged: MergedFormat | None = Field(None, alias="sagemakerMergeJson")
    csv: CsvFormat | None = None
    json_lines: Annotated[JsonLinesFormat | None, Field(alias="json")] = None
    parquet: ParquetFormat | None = None

    @model_validator(mode="after")
    def _one_of_five(self) -> "_Choice":
        if len(self.named) != 1:
            raise ValueError("name one of sagemakerCaptureJson, sagemakerMergeJson, csv, json, parquet")
        return self

    @property
    def named(self) -> list[DatasetFormat]:
        """The formats that are given."""
        formats = (self.captures, self.merged, self.csv, self.json_lines, self.parquet)
        return [each for each in formats if each is not None]


def parse_dataset_format(text: str) -> DatasetFormat:
    """The format that a `dataset_format` variable names; raises BadInput with the value where it names none."""
    try:
        value: Any = from_json(text)
        return _Choice.model_validate(value).named[0]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = f"{place}: {first['msg']}" if place else first["msg"]
        raise BadInput(f"dataset_format is {text!r}: {reason}; write it as {EXAMPLE}") from error
    except ValueError as error:
        raise BadInput(f"dataset_format is {text!r}, which is no JSON: write it as {EXAMPLE}") from error
