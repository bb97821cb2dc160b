"""Addresses that would have a server speak to somebody else: what S3 members may be sent, and where each would lead.

What lives here: the texts, and every member of the served operations that takes an address. What does not: sending
them (unit tests), connecting to what they name (connecting).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from monitor_jobs.contract.errors import SextantError
from service.control.sagemaker.operations import OPERATIONS
from tests.dialect.fuzz import GOOD, SHAPES, renamed, shape_name
from tests.hostile.members import Path, is_address, members, with_value
from tests.sagemaker_requests import Installation

ACCESS_POINT: Final = "arn:aws:s3:us-west-2:123456789012:accesspoint"
OUTPOST: Final = "test-accessp-o0b1d075431d83bebde8xz5w8ijx1qzlbp3i3kuse10--op-s3"
LONGEST_KEY: Final = 1025  # with the slash before it


def hostile_addresses(victim: str) -> list[str]:
    """Addresses that lead to the server `victim` (host:port), to a cloud's metadata or out of the bucket, if obeyed."""
    host, _, port = victim.partition(":")
    return [
        *(f"{scheme}://{victim}/x" for scheme in ("http", "https", "HTTP", "ftp", "gopher", "S3", "s3a", "s3n")),
        *(f"{scheme}:{victim}" for scheme in ("s3", "s3:/", "jar:http", "data", "//")),
        *(f"s3://{authority}/x" for authority in _authorities(host, port)),
        *(f"s3://{name}/x" for name in _buckets_of_amazons()),
        *(f"https://{place}" for place in METADATA),
        *(f"s3://{place}" for place in METADATA),
        *(f"s3://captures{rest}" for rest in KEYS_THAT_CLIMB),
        *(
            "file:///etc/passwd",
            "/etc/passwd",
            "../x",
            "captures/x",
            "s3:captures/x",
            "s3//captures/x",
            "",
            " ",
            "s3://",
        ),
        *(f" s3://{victim}/x", f"\ts3://{victim}/x", f"s3://captures/x s3://{victim}/x"),
    ]


def stays(address: str) -> bool:
    """True for an address that every S3 server reads as one in the bucket `captures`."""
    found = re.fullmatch(r"s3://captures(/.*)?", address, re.DOTALL)
    key = (found[1] or "") if found else "/.."
    return not {".", ".."} & set(key.split("/")) and "\0" not in key and len(key) <= LONGEST_KEY


@dataclass
class Taken:
    """What became of requests with hostile addresses; `wrongly` names those that were not refused as they should."""

    requests: int = 0
    inside: int = 0
    wrongly: list[str] = field(default_factory=list)


def offer(here: Installation, victim: str) -> Taken:
    """Every hostile address at every member that takes one, to an installation that allows the bucket `captures`."""
    taken = Taken()
    for operation, path in address_members():
        for address in hostile_addresses(victim):
            request = renamed(request_with(operation, path, address), taken.requests)
            taken.requests += 1
            what = f"{operation} {'.'.join(map(str, path))} {address[:80]!r}"
            try:
                here.call(operation, **request)
                taken.inside += 1
                taken.wrongly += [] if stays(address) else [f"{what} was taken"]
            except SextantError as error:
                taken.wrongly += [] if str(error) else [f"{what} was refused without a word"]
            except Exception as error:  # noqa: BLE001 -- a finding, whatever it is
                taken.wrongly.append(f"{what}: {error!r}")
    return taken


def _authorities(host: str, port: str) -> Iterator[str]:
    number = int.from_bytes(bytes(map(int, host.split("."))), "big")
    yield from (host, f"{host}:{port}", f"user@{host}:{port}", f"captures@{host}:{port}", f"captures:key@{host}")
    yield from (str(number), hex(number), oct(number), "0x7f.1", "127.1", "0", "localhost:" + port, f"{host}.:{port}")
    yield from (f"[::ffff:{host}]:{port}", "[::1]", f"[::1%25lo]:{port}", f"{host}\\@captures", f"captures\\@{host}")
    yield from (f"captures#@{host}:{port}", f"captures?@{host}:{port}", f"captures%2f@{host}", f"captures%00.{host}")
    yield from (
        f"captures\n{host}",
        f"captures\r\nHost: {host}",
        "captures\0",
        "captures\u3002example",
        "127\u30020.0.1",
    )
    yield from (
        "\u2460\u2461\u2466.0.0.1",
        "captures\uff0fx",
        "captures\u2024\u2024",
        "capture\u017f",
        "CAPTURES",
        "..",
    )


def _buckets_of_amazons() -> Iterator[str]:
    yield from (f"{ACCESS_POINT}:mine", f"{ACCESS_POINT}/mine", f"{ACCESS_POINT}:mine.mrap", "arn:aws:s3:::captures")
    yield from ("arn:aws:s3::123456789012:accesspoint:mfzwi23gnjvgw.mrap", OUTPOST, "use1-az4--x-s3", "mine-s3alias")
    yield "arn:aws:s3-outposts:us-west-2:123456789012:outpost:op-01234567890123456:accesspoint:mine"
    yield "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/mine"


METADATA: Final = (
    "169.254.169.254/latest/meta-data/",
    "2852039166/latest/meta-data/",
    "0xa9fea9fe/x",
    "0251.0376.0251.0376/x",
    "[fd00:ec2::254]/x",
    "[::ffff:a9fe:a9fe]/x",
    "169.254.170.2/v2/credentials",
    "100.100.100.200/latest",
    "metadata.google.internal:80/computeMetadata/v1/",
)
KEYS_THAT_CLIMB: Final = (
    "/..",
    "/../private/x",
    "/x/../../private/x",
    "/./x",
    "/x/..",
    "/%2e%2e/private/x",
    "/..%2fprivate/x",
    "/..\\private\\x",
    "//private/x",
    "/\u2025/private/x",
    "/x?versionId=1",
    "/x#fragment",
    "/x\r\nHost: private",
    "/x\0y",
    "/" + "k" * 1025,
)


def address_members() -> Iterator[tuple[str, Path]]:
    """Every operation of the table with the way to every member of its request that takes an S3 address."""
    for operation in sorted(OPERATIONS):
        yield from ((operation, path) for path in members(shape_name(operation), SHAPES, is_address))


def request_with(operation: str, path: Path, address: str) -> dict[str, Any]:
    """A good request of an operation but for this address at a member."""
    return with_value(GOOD[operation], shape_name(operation), SHAPES, path, address)
