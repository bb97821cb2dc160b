"""What of the documentation is generated: `python -m tests.documentation [--write]`.

What lives here: the README's environment block, and its table of operations that a team from SageMaker calls, each made
from what the product itself says. What does not: docs/access.md (access_page), holding pages to what is generated
(tests/contract/test_documentation.py).
"""

import argparse
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NoReturn

from service.cli.environment import environment_of, exports
from service.control.api import Api
from service.control.cloudwatch.operations import cloudwatch_api
from service.control.identity.operations import identity_apis
from service.control.logs.operations import logs_api
from service.control.sagemaker.operations import sagemaker_api
from service.core.access import Principal
from service.core.keys import ApiKey, KeyPair
from service.core.secret import Secret
from service.first_key import FirstKey
from service.running import Running
from tests import access_page
from tests.sagemaker_operations import GROUPS, Group

README: Final = Path(__file__).parents[1] / "README.md"
RUNTIME: Final = ("sagemaker-runtime", "InvokeEndpoint")
EXAMPLE: Final = Running(
    url="http://127.0.0.1:8080",
    pid=1,
    region="us-east-1",
    account="000000000000",
    bucket="sextant",
    sdk_config=Path("/srv/sextant-data/sagemaker-sdk.yaml"),
    s3_url="http://127.0.0.1:9000",
)
EXAMPLE_KEY: Final = FirstKey(
    "admin", KeyPair("SXT...", Secret("...")), ApiKey("SXK...", Secret("sxt_...")), is_given=False
)


def main() -> None:
    """Print the generated parts of the README, or write them, and docs/access.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write them into README.md, and docs/access.md")
    if parser.parse_args().write:
        README.write_text(with_parts(README.read_text()))
        access_page.PAGE.write_text(access_page.page())
    else:
        print("\n\n".join(part() for part in PARTS.values()))


def with_parts(page: str) -> str:
    """The page with every generated part as it is now."""
    for name, part in PARTS.items():
        marked = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- end -->)", re.DOTALL)
        assert marked.search(page), f"README.md has no place for the part {name!r}"
        page = marked.sub(lambda match, part=part: f"{match[1]}{part()}\n{match[2]}", page)
    return page


def environment() -> str:
    """What `sextant env` prints, as a shell block."""
    lines = ["```sh", 'eval "$(sextant env)"   # which prints:']
    return "\n".join([*lines, *exports(environment_of(EXAMPLE, EXAMPLE_KEY)), "```"])


def operations() -> str:
    """A table of every operation in reach, by resource: works, or not served."""
    return "\n".join(["| | works | not served |", "|---|---|---|", *map(row, GROUPS)])


def row(group: Group) -> str:
    """One resource's operations."""
    works = [name for name in group.operations if (group.service, name) in served()]
    lacking = [name for name in group.operations if name not in works]
    return f"| {group.resource} | {', '.join(works)} | {', '.join(lacking)} |"


def served() -> frozenset[tuple[str, str]]:
    """(service, operation) of everything that the control process answers."""
    apis: list[Api] = [
        sagemaker_api(never),
        logs_api(never),
        cloudwatch_api(never),
        *identity_apis(never),
    ]
    return frozenset((api.service, operation) for api in apis for operation in api.operations) | {RUNTIME}


def never(_caller: Principal) -> NoReturn:
    """The context of no request: tables are read here, and nothing is called."""
    raise AssertionError("an operation was called")


PARTS: Final[Mapping[str, Callable[[], str]]] = {"environment": environment, "operations": operations}

if __name__ == "__main__":
    main()
