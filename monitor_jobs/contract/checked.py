"""Objects that tell where a byte of them was changed: JSON whose last field is the SHA-256 of all before it.

What lives here: writing and reading that field. What does not: what the objects say (manifest, watermark). The sum
finds damage, not forgery: whoever may write the object may write its sum.
"""

from hashlib import sha256
from typing import Self

from pydantic import BaseModel, ConfigDict

_FIELD = b',"checksum":"'


class Checked(BaseModel):
    """A model that is stored with its checksum."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    def to_json(self) -> bytes:
        """The object as it is stored."""
        return with_checksum(self.model_dump_json(by_alias=True, exclude_none=True).encode())

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """What was stored. Raises ValueError where one byte is another, or it is no such object at all."""
        body, _, _ = text.rpartition(_FIELD)
        if text != with_checksum(body + b"}"):
            raise ValueError(f"{text[:40]!r}... does not end with its checksum: it was changed, or cut short")
        return cls.model_validate_json(body + b"}")


def with_checksum(text: bytes) -> bytes:
    """The text of a JSON object with its checksum as one more field."""
    return text[:-1] + _FIELD + sha256(text).hexdigest().encode() + b'"}'
