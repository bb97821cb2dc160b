"""What an HTTP server of ours holds its callers to, as numbers.

What lives here: the numbers, and when a body is given up. What does not: connections (http_server).
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How long callers may take, how many they may be, and how much they may send that is no body.

    A body has `body_seconds` in all, and beyond `grace_seconds` it comes at `bytes_per_second` at least; what is left
    of this time is for throwing it away, once it was refused. An answer of which nothing is taken is given up after as
    long as a body. Who was told why it is hung up on has `leave_seconds` to read it.
    """

    head_seconds: float = 10.0
    body_seconds: float = 30.0
    grace_seconds: float = 10.0
    bytes_per_second: float = 1024.0
    leave_seconds: float = 2.0
    head_bytes: int = 65_536
    headers: int = 100
    connections: int = 1000
    pipelined: int = 16

    def body_ends(self, *, began: float, received_bytes: int) -> float:
        """The moment at which a body is given up of which so much has come."""
        return began + min(self.body_seconds, self.grace_seconds + received_bytes / self.bytes_per_second)


DEFAULT_LIMITS: Final = HttpLimits()
