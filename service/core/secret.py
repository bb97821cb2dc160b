"""A value that nobody is shown by accident: not by repr, str, format, pickle, nor in a traceback's variables.

What lives here: the wrapper. What does not: how secrets are kept (adapters.sealed_secrets) or made (core.keys).
"""

import hmac
from typing import Final, NoReturn

from monitor_jobs.contract.errors import SextantError

HIDDEN: Final = "***"


class Unsealable(SextantError):
    """A stored secret was sealed with another sealing key, for another id, or was changed since."""


class Secret:
    """A text that only `reveal` shows; two are equal where their texts are, compared in constant time."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for whoever signs or seals with it."""
        return self._text

    def __len__(self) -> int:
        return len(self._text)

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, _spec: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied: hand on its sealed form")
