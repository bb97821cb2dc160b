"""Pages of what strangers sent: it stays text, whatever it is, and the page may neither run nor load anything."""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_jobs.contract.report import Measurement, UnreadableLines
from monitor_jobs.monitor import Baseline
from monitor_jobs.report_page import verdict_page, with_violations_of
from tests.unit.report_pages import Page, numbers, report, statistics, texts, verdict, violation

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>",
    "</title></desc></svg><iframe src=https://example.com>",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- end of violations --><b>",
    "]]><style>*{background:url(https://example.com)}</style>",
    "&lt;script&gt;&#0;",
    "javascript:alert(1)",
    "\u202e\0\ud800\x1b[2J",
)
LOADING = {"script", "iframe", "img", "object", "embed", "form", "link", "base", "foreignobject", "use", "image"}


@cache
def page_of(name: str) -> str:
    """A page on which everything that can be foreign is this text."""
    measured = Measurement(name=name, value=2, unit=name, limit=1)
    row = violation(name, name, records=2, event_id=name, object_key=name, inference_id=name, detail=name)
    told = report(
        [measured],
        [row.model_copy(update={"description": name})],
        monitor=name,
        endpoint=name,
        remark=name,
        unreadable=UnreadableLines(by_reason={name: 1}),
    )
    matrix = {"confusion_matrix": {name: {name: 5, "b": 1}, "b": {"b": 2}, "c": {name: 1}}, "accuracy": {"value": 0.5}}
    now = statistics(
        numbers(name, [1.0, 2.0], kind=name), texts("text", {name: 5}), multiclass_classification_metrics=matrix
    )
    return verdict_page(told, verdict(now), Baseline(now), schedule=name)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_makes_no_tag(name):
    harmless = Page(page_of("harmless"))
    assert Page(page_of(name)).names == harmless.names


@settings(max_examples=25)
@given(st.text(alphabet=st.sampled_from("<>&'\"/=!-{}%# \nabscriptonload"), min_size=1, max_size=40))
def test_nor_does_any_other(name):
    assert Page(page_of(f"~{name}")).names == Page(page_of("harmless")).names


@pytest.mark.parametrize("name", HOSTILE)
def test_no_tag_runs_or_loads_anything_and_no_attribute_does(name):
    drawn = Page(page_of(name))
    attributes = [(key, value or "") for _, found in drawn.tags for key, value in found.items()]
    assert not LOADING & set(drawn.names)
    assert not [key for key, _ in attributes if key.startswith("on") or key in ("style", "src", "xlink:href")]
    assert {value for key, value in attributes if key == "href"} <= {
        "report.json", "statistics.json", "constraint_violations.json"
    }  # fmt: skip


def test_a_page_may_do_nothing_but_show_its_own_style_sheet():
    html = page_of("harmless")
    (style,) = re.findall("<style>(.*?)</style>", html, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    (policy,) = [found for found in Page(html).attributes("meta") if "http-equiv" in found]
    assert policy["content"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize("name", HOSTILE)
def test_a_page_is_text_that_can_be_written(name):
    assert page_of(name).encode().isascii() is False
    assert "\0" not in page_of(name)


@pytest.mark.parametrize("name", HOSTILE)
def test_violations_are_replaced_whole_whatever_they_say(name):
    replaced = with_violations_of(page_of(name), report(violations=[violation("age", "other_check")]))
    before, after = Page(page_of(name)), Page(replaced)
    assert "other_check" in after.text
    assert after.names.count("section") == before.names.count("section")
    assert replaced.endswith(page_of(name)[-400:])


def test_a_page_without_violations_left_has_none():
    assert "Violations" not in Page(with_violations_of(page_of("harmless"), report())).text


@pytest.mark.parametrize("text", ["", "<p>of another program</p>", "<!-- violations --> cut off"])
def test_what_is_no_page_of_ours_is_left_as_it_is(text):
    assert with_violations_of(text, report()) == text
