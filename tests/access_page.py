"""docs/access.md, made from the table of rules: `python -m tests.documentation --write` writes it.

What lives here: the page. What does not: holding it to the table (tests/contract/test_documentation.py).
"""

from pathlib import Path
from typing import Final

from service.control.access.rules import RULES, Open, Rule
from service.core.access import ALLOWED, Action, Role

PAGE: Final = Path(__file__).parents[1] / "docs" / "access.md"
YES, CODE, NO = "yes", "built-in monitors", ""

INTRODUCTION: Final = """\
# Who may do what

Generated from the table that is enforced, `service/control/access/rules.py`, by `python -m tests.documentation --write`.

A user has grants: a role, and the endpoints that it is for, as a pattern of names in which `*` stands for any
characters. What no grant allows is denied, whether it is there or not, in AWS's sentence (`AccessDeniedException`).
Lists leave out what their caller may not read.

- **invoker** asks models, and nothing else.
- **viewer** reads: descriptions, lists, logs, metrics.
- **operator** also looks after schedules, alerts, tags, and jobs that run built-in monitors as they are.
- **deployer** also deploys and asks models, and runs images and scripts of their own: whoever deploys runs code.
- **admin** also decides who may.

The last column says which name a grant must fit. An endpoint, an endpoint configuration and a model go by their own
names; what judges an endpoint (schedules, executions, alerts, job definitions, their jobs, logs and metrics) goes by
the endpoint's. "Built-in monitors" means: only where the request brings no image, command, script or variable of the
caller's own."""


def page() -> str:
    """The whole page."""
    roles = " | ".join(Role)
    head = [f"| | {roles} | the grant must fit |", "|---" * (len(Role) + 2) + "|"]
    return "\n".join([INTRODUCTION, "", *head, *(_row(name, rule) for name, rule in RULES.items())]) + "\n"


def _row(name: str, rule: Rule) -> str:
    cells = " | ".join(_cell(role, rule) for role in Role)
    return f"| `{name}` | {cells} | {_words(rule)} |"


def _cell(role: Role, rule: Rule) -> str:
    if isinstance(rule.action, Open):
        return YES
    if rule.action not in ALLOWED[role]:
        return NO
    return CODE if rule.brings_code is not None and Action.DEPLOY not in ALLOWED[role] else YES


def _words(rule: Rule) -> str:
    if isinstance(rule.action, Open):
        return f"none: open to {rule.action}"
    refers = "" if rule.refers_to is None else f"; to be readable: {rule.refers_to.words}"
    return rule.concerns.words + refers
