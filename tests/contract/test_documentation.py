"""What the pages say is there: commands and their options, files behind links; and nothing of anybody's own machine."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from service.cli.app import app
from tests import access_page, documentation
from tests.sagemaker_operations import GROUPS

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:console|sh|shell|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ASSIGNMENT = re.compile(r"[A-Z_]+=\S*")
OWN_FOLDERS = re.compile(r"(?<![\w.:/}])/(?:home|root|tmp|Users)/")
LONGEST_README = 250


def commands_in(page: str) -> Iterator[str]:
    """The `sextant` command lines of a page's shell blocks, continued lines joined."""
    for block in BLOCK.findall(page):
        for line in block.replace("\\\n", " ").splitlines():
            words = line.strip().removeprefix("$ ").split()
            while words and ASSIGNMENT.fullmatch(words[0]):
                words.pop(0)
            if words and words[0].rpartition("/")[2] == "sextant":
                yield " ".join(words[1:])


def flaw_of(command: str) -> str | None:
    """What the command tree does not know of a command line."""
    node: Any = typer.main.get_command(app)
    words = shlex.split(re.split(r"\s[|>&;#]", command)[0])
    while words and hasattr(node, "commands") and not words[0].startswith("-"):
        if words[0] not in node.commands:
            return f"no command {words[0]!r}"
        node = node.commands[words.pop(0)]
    known = {option for parameter in node.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = [word.partition("=")[0] for word in words if word.startswith("--")]
    return next((f"no option {option}" for option in given if option not in known | {"--help"}), None)


def relative_links(page: str) -> list[str]:
    return [link.partition("#")[0] for link in LINK.findall(page) if not re.match(r"[a-z]+:|#", link)]


QUOTED = [(path, command) for path in PAGES for command in commands_in(path.read_text())]


@pytest.mark.parametrize(("path", "command"), QUOTED, ids=[f"{path.name}: {command}" for path, command in QUOTED])
def test_a_quoted_command_exists_with_its_options(path, command):
    assert flaw_of(command) is None


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_a_relative_link_leads_to_a_file(path):
    links = relative_links(path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_a_page_names_no_folder_of_anybodys_own_machine(path):
    assert [line for line in path.read_text().splitlines() if OWN_FOLDERS.search(line)] == []


def test_the_readme_is_short_beside_what_is_generated():
    generated = sum(len(part().splitlines()) for part in documentation.PARTS.values())
    assert len((ROOT / "README.md").read_text().splitlines()) - generated <= LONGEST_README


def test_the_generated_parts_of_the_readme_are_what_the_product_says_now():
    page = (ROOT / "README.md").read_text()
    assert documentation.with_parts(page) == page, "run `python -m tests.documentation --write`"


def test_the_page_of_who_may_do_what_is_what_is_enforced_now():
    assert access_page.PAGE.read_text() == access_page.page(), "run `python -m tests.documentation --write`"


@pytest.mark.parametrize("name", documentation.PARTS)
def test_a_generated_part_that_was_changed_would_be_found(name):
    page = (ROOT / "README.md").read_text()
    changed = re.sub(rf"(<!-- {name}: .*? -->\n)", r"\1sooner\n", page)
    assert changed != page
    assert documentation.with_parts(changed) == page


def test_every_operation_that_is_served_stands_in_the_table():
    named = {(group.service, operation) for group in GROUPS for operation in group.operations}
    own = {("sagemaker", "StartMonitoringExecution"), ("sagemaker", "DescribeMonitoringExecution")}
    assert documentation.served() - named == own


@pytest.mark.parametrize(
    ("command", "flaw"),
    [
        ("endpoint create x --model m --capture 100", None),
        ("endpoint create x --no-wait | tail -1", None),
        ("--help", None),
        ("endpoint make x", "no command 'make'"),
        ("endpoints list", "no command 'endpoints'"),
        ("schedule run x --since yesterday", "no option --since"),
        ("endpoint create x --modell=m", "no option --modell"),
    ],
)
def test_a_command_that_is_not_there_would_be_found(command, flaw):
    assert flaw_of(command) == flaw


def test_commands_are_found_in_shell_blocks_only():
    page = "sextant one\n```console\n$ A=1 sextant two \\\n    --json\nanswer\n```\n```\nsextant three\n```\n"
    assert [command.split() for command in commands_in(page)] == [["two", "--json"]]


@pytest.mark.parametrize("line", ["see /home/me/x", "`/tmp/x`", "/root/.cache"])
def test_a_folder_of_ones_own_would_be_found(line):
    assert OWN_FOLDERS.search(line)


@pytest.mark.parametrize("line", ["/opt/ml/processing", "https://example.org/home/page", "{data}/tmp/x"])
def test_a_folder_that_everybody_has_is_none_of_ones_own(line):
    assert not OWN_FOLDERS.search(line)
