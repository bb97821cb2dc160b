"""What `dataset_format` says of a dataset."""

import pytest

from monitor_jobs.contract.container import CAPTURE_DATASET_FORMAT
from monitor_jobs.contract.dataset_format import (
    CAPTURE_FORMAT,
    CaptureFormat,
    CsvFormat,
    DatasetFormat,
    JsonLinesFormat,
    ParquetFormat,
    parse_dataset_format,
)
from monitor_jobs.contract.errors import BadInput


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CAPTURE_DATASET_FORMAT, CAPTURE_FORMAT),
        ('{"sagemakerCaptureJson": {}}', CAPTURE_FORMAT),
        (
            '{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput"]}}',
            CaptureFormat(halves=frozenset({"endpointInput"})),
        ),
        ('{"csv": {"header": true, "output_columns_position": "START"}}', CsvFormat(header=True)),
        ('{"csv": {"output_columns_position": "END"}}', CsvFormat(output_columns_position="END")),
        ('{"csv": {"header": false, "delimiter": ";"}}', CsvFormat(header=False)),
        ('{"json": {"lines": true}}', JsonLinesFormat()),
        ('{"json": {"line": true}}', JsonLinesFormat()),
        ('{"json": {}}', JsonLinesFormat()),
        ('{"parquet": {}}', ParquetFormat()),
    ],
)
def test_the_formats_of_aws_are_read(text: str, expected: DatasetFormat):
    assert parse_dataset_format(text) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("csv", "is 'csv', which is no JSON"),
        ('{"avro": {}}', "name one of sagemakerCaptureJson, sagemakerMergeJson, csv, json, parquet"),
        ('{"csv": {}, "json": {}}', "name one of"),
        ("{}", "name one of"),
        ("[]", "valid dictionary"),
        ('{"csv": {"header": "perhaps"}}', "csv.header: Input should be a valid boolean"),
        (
            '{"csv": {"output_columns_position": "MIDDLE"}}',
            "csv.output_columns_position: Input should be",
        ),
        ('{"json": {"lines": false}}', "json.lines: Input should be True"),
        ('{"sagemakerCaptureJson": {"captureIndexNames": ["transformInput"]}}', "should be 'endpointInput'"),
        ('{"sagemakerCaptureJson": {"captureIndexNames": []}}', "at least 1 item"),
    ],
)
def test_what_is_no_format_is_refused_with_its_text_and_an_example(text, complaint):
    with pytest.raises(BadInput) as refused:
        parse_dataset_format(text)
    assert f"dataset_format is {text!r}" in str(refused.value)
    assert complaint in str(refused.value)
    assert str(refused.value).endswith('write it as {"csv": {"header": true}}')
