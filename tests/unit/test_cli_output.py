"""What commands print: tables, fields, JSON."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.output import print_fields, print_json, print_table, say


def test_a_tables_columns_are_aligned(capsys):
    print_table(["Name", "Status"], [{"Name": "a", "Status": "on"}, {"Name": "longer", "Status": "off"}], empty="")
    assert capsys.readouterr().out == "Name    Status\na       on\nlonger  off\n"


def test_a_long_value_is_printed_whole(capsys):
    print_table(["File"], [{"File": "s3://bucket/" + "k" * 500}], empty="")
    assert "s3://bucket/" + "k" * 500 in capsys.readouterr().out


def test_an_absent_value_leaves_its_cell_empty(capsys):
    print_table(["A", "B", "C"], [{"A": 1, "B": None, "C": 3}, {"A": 4, "C": 6}], empty="")
    assert capsys.readouterr().out == "A  B  C\n1     3\n4     6\n"


def test_zero_is_a_value(capsys):
    print_fields({"Records": 0, "Share": 0.0})
    assert capsys.readouterr().out == "Records  0\nShare    0.0\n"


def test_no_rows_print_the_next_step_beside_the_data(capsys):
    print_table(["A"], iter(()), empty="No rows: make some")
    assert capsys.readouterr() == ("", "No rows: make some\n")


@pytest.mark.parametrize("hostile", ["\x1b[2Jgone", "two\nlines", "back\rspace", "bell\a", "right\u202eleft"])
def test_what_a_client_sent_steers_no_terminal(capsys, hostile):
    print_table(["Id"], [{"Id": hostile}], empty="")
    print_fields({"Id": hostile})
    assert all(line.isprintable() for line in capsys.readouterr().out.split("\n"))


def test_brackets_are_text_and_no_markup(capsys):
    print_table(["Id"], [{"Id": "[bold]x[/bold]"}], empty="")
    assert "[bold]x[/bold]" in capsys.readouterr().out


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_a_table_has_one_line_a_row(names):
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.cli.output.print_line", lines.append)
        print_table(["Name"], [{"Name": name} for name in names], empty="")
    assert len(lines) == len(names) + 1


def test_absent_fields_are_left_out(capsys):
    print_fields({"Endpoint": "a", "Reason": None, "Capture": ""})
    assert capsys.readouterr().out == "Endpoint  a\n"


def test_no_fields_print_nothing(capsys):
    print_fields({})
    assert capsys.readouterr().out == ""


def test_json_is_one_document_and_says_times_as_text(capsys):
    print_json({"at": datetime(2026, 11, 20, tzinfo=UTC)})
    assert json.loads(capsys.readouterr().out) == {"at": "2026-11-20 00:00:00+00:00"}


def test_what_is_said_is_no_data(capsys):
    say("done")
    assert capsys.readouterr() == ("", "done\n")
