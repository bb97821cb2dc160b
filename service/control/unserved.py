"""What clients look for here and will not find, said in the protocol that they speak: S3, and CBOR.

What does not live here: operations of APIs that are served in part (api.call says those).
"""

import re
from typing import Final
from xml.etree import ElementTree as ET

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.control.access.routes import Route
from service.core.keys import without_api_keys

CBOR_PATH: Final = "/service/{service}/operation/{operation}"
NO_CBOR: Final = "the CBOR protocol is not served: send AWS JSON 1.0 or the query protocol to /"
NO_S3: Final = (
    "S3 is not served at this address: run `sextant up --s3`, and set AWS_ENDPOINT_URL_S3 as `sextant env` prints it"
)
SCOPE: Final = re.compile(r"Credential=[^/,\s]+/\d{8}/[^/,\s]+/([^/,\s]+)/aws4_request")
MAP_OF_TWO, TEXT, LENGTH_OF_TWO_BYTES = 0xA2, 0x60, 25


async def not_found(request: Request, _error: Exception) -> Response:
    """The answer where no route is, or none of that method: S3's own where the request was signed for S3."""
    if _is_for_s3(request):
        return _no_s3(request)
    return JSONResponse({"detail": without_api_keys(f"nothing answers {request.method} {request.url.path}")}, 404)


def unless_for_s3(page: Route) -> Route:
    """The page, where S3's clients ask for their list of buckets."""

    async def answered(request: Request) -> Response:
        return _no_s3(request) if _is_for_s3(request) else await page(request)

    return answered


async def no_cbor(_request: Request) -> Response:
    """The refusal of an operation in CBOR, in CBOR."""
    body = bytes([MAP_OF_TWO]) + b"".join(map(_cbor_text, ("__type", "UnknownOperationException", "message", NO_CBOR)))
    return Response(body, 400, {"smithy-protocol": "rpc-v2-cbor"}, "application/cbor")


def _is_for_s3(request: Request) -> bool:
    scope = SCOPE.search(request.headers.get("authorization", ""))
    return scope is not None and scope[1] == "s3"


def _no_s3(request: Request) -> Response:
    root = ET.Element("Error")
    for name, text in (("Code", "NotImplemented"), ("Message", NO_S3), ("Resource", request.url.path)):
        ET.SubElement(root, name).text = text
    return Response(ET.tostring(root), 501, media_type="application/xml")


def _cbor_text(text: str) -> bytes:
    encoded = text.encode()
    return bytes([TEXT + LENGTH_OF_TWO_BYTES]) + len(encoded).to_bytes(2) + encoded
