"""Bodies far beyond any limit, sent to their end before the answer is read, as most clients do.

What does not live here: servers, and what they should answer.
"""

import socket
from contextlib import closing
from enum import StrEnum

import httpx
import psutil

from tests.aws_clients import SIGNED

PART = b"x" * 2**20
CHUNK = b"%x\r\n%b\r\n" % (len(PART), PART)


class Framing(StrEnum):
    """How a request says where its body ends."""

    CHUNKED = "transfer-encoding: chunked"
    DECLARED = "content-length: {}"


def long_body(
    port: int, path: str, framing: Framing, *, mebibytes: int, server: psutil.Process, header: str = "accept: */*"
) -> tuple[bytes, int]:
    """The answer, b"" where the connection was reset, and how many bytes the server's resident memory grew by."""
    before = peak = server.memory_info().rss
    lines = [f"POST {path} HTTP/1.1", "host: localhost", header, framing.format(mebibytes * len(PART)), "", ""]
    part = CHUNK if framing is Framing.CHUNKED else PART
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as connection:
        try:
            connection.sendall("\r\n".join(lines).encode())
            for _ in range(mebibytes):
                connection.sendall(part)
                peak = max(peak, server.memory_info().rss)
            answer = connection.recv(65536)
        except ConnectionError:
            answer = b""
    return answer, peak - before


def signature_of(path):
    """The headers of a known caller, for another body: that the signature is wrong shows once the body is read."""
    request = next(SIGNED.auth_flow(httpx.Request("POST", f"http://localhost{path}", content=b"another")))
    wanted = ("authorization", "x-amz-date", "x-amz-content-sha256", "amz-sdk-invocation-id")
    return "\r\n".join(f"{name}: {request.headers[name]}" for name in wanted if name in request.headers)
