"""Filter patterns over plain text: terms that must, may and must not be in a message.

`a b` wants both, `"a b"` the phrase, `?a ?b` any of these, `-a` none of it; upper and lower case differ. Patterns over
JSON (`{ $.level = "ERROR" }`), columns (`[a, b]`) and regular expressions (`%a%`) are refused: they would match in
other ways than they read.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from monitor_jobs.contract.errors import BadInput

TERM: Final = re.compile(r'\s*(?P<sign>[?-]?)(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<word>[^\s"]+))(?=\s|$)')


@dataclass(frozen=True, slots=True)
class Terms:
    """What a message must hold all of, any of, and none of."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    def match(self, message: str) -> bool:
        """True where a message is as the terms say."""
        return (
            all(term in message for term in self.required)
            and (not self.optional or any(term in message for term in self.optional))
            and not any(term in message for term in self.excluded)
        )


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a message matches a pattern; an empty one matches everything. Raises BadInput for what is not served."""
    text = pattern.strip()
    if text[:1] in ("{", "[", "%"):
        raise BadInput(f"filterPattern {pattern[:80]!r} is not served: use terms, quoted phrases, ?any and -not")
    by_sign: dict[str, list[str]] = {"": [], "?": [], "-": []}
    while text:
        found = TERM.match(text)
        if found is None:
            raise BadInput(f"filterPattern is broken at {text[:40]!r}: close the quote, and set terms apart by spaces")
        phrase = found["phrase"]
        by_sign[found["sign"]].append(found["word"] if phrase is None else re.sub(r"\\(.)", r"\1", phrase))
        text = text[found.end() :].lstrip()
    return Terms(tuple(by_sign[""]), tuple(by_sign["?"]), tuple(by_sign["-"])).match
