"""The console's own files: what is vendored is what it says it is, and no template asks for what the policy forbids."""

import base64
import re
from hashlib import sha384

import pytest

from service.control.console.assets import FOLDER
from service.control.console.rendering import TEMPLATES, as_json, page

ROW = re.compile(r"^\| (\S+\.js) \|.*`([A-Za-z0-9+/=]{64})` \|$", re.MULTILINE)
INLINE = re.compile(r"<style|<script(?! src=\"/assets/)|\sstyle=|\son\w+=|javascript:|https?://")


def test_every_script_has_the_hash_that_its_source_is_listed_with():
    listed = dict(ROW.findall((FOLDER / "SOURCES.md").read_text()))
    found = {path.name: path.read_bytes() for path in FOLDER.glob("*.js")}
    assert {name: base64.b64encode(sha384(script).digest()).decode() for name, script in found.items()} == listed


@pytest.mark.parametrize("template", sorted(TEMPLATES.iterdir()), ids=lambda path: path.name)
def test_no_template_has_a_script_a_style_or_an_address_in_it(template):
    assert INLINE.findall(template.read_text()) == []


@pytest.mark.parametrize("planted", ["<script>", '<p style="x">', "<p onclick=x>", "<a href='http://x'>"])
def test_one_that_has_is_noticed(planted):
    assert INLINE.search(planted)


def test_nothing_of_a_text_becomes_markup():
    shown = page("refusal", sentence="<b onclick='x'>\"&").body.decode()
    assert "&lt;b onclick=&#39;x&#39;&gt;&#34;&amp;" in shown


def test_json_says_what_is_no_number_as_null_and_is_never_taken_for_a_page():
    answer = as_json({"value": float("nan"), "text": "<script>"})
    assert answer.headers["content-type"] == "application/json"
    assert b'"value": null' in answer.body
