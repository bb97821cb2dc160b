"""AWS's query protocol: a form with `Action`, its members by dotted names; answers and errors as XML.

What lives here: forms to members and back to XML, along the published shapes. What does not: whether a request fits
its shape (shapes).
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

from starlette.responses import Response

from monitor_jobs.contract.errors import BadInput
from service.control.api import Api, Json, Refusal, UnknownOperationException, query_code
from service.control.shapes import Shape
from service.core.keys import without_api_keys

FORM: Final = "application/x-www-form-urlencoded"
MOST_FIELDS: Final = 100_000
DEEPEST: Final = 16
LIST_PLACE: Final = re.compile("[0-9]{1,9}")
NOT_IN_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Tree = dict[str, Any]  # members by name; a text where the form has a value


class QueryProtocol:
    """The port protocol.WireProtocol over every API; the scope of the signature says which, else the Action does."""

    def __init__(self, apis: Sequence[Api]) -> None:
        self._apis = tuple(apis)

    def target(self, headers: Mapping[str, str], body: bytes, scope: str | None) -> tuple[Api, str]:  # noqa: ARG002
        """See protocol.WireProtocol."""
        action = str(_tree(body).get("Action", ""))
        for api in self._apis:
            if api.signing_name == scope if scope else action in api.operations:
                return api, action
        known = ", ".join(sorted(api.signing_name for api in self._apis))
        raise UnknownOperationException(
            f"Action {action!r} of {scope or 'an unsigned request'} is not served: served are {known}"
        )

    def parse(self, body: bytes, api: Api, operation: str) -> Json:
        """See protocol.WireProtocol."""
        shape = api.model.input_shape(operation)
        return {} if shape is None else _structure(_tree(body), api.model.shapes[shape], api.model.shapes)

    def answer(self, content: Json, api: Api, operation: str) -> Response:
        """See protocol.WireProtocol."""
        root = ET.Element(f"{operation}Response", xmlns=str(api.model.metadata["xmlNamespace"]))
        output = api.model.operations[operation].get("output")
        if output is not None:
            result = ET.SubElement(root, output["resultWrapper"])
            _append(result, content, api.model.shapes[output["shape"]], api.model.shapes)
        metadata = ET.SubElement(root, "ResponseMetadata")
        return _response(root, 200, request_id_in=metadata)

    def refusal(self, refusal: Refusal, api: Api | None) -> Response:
        """See protocol.WireProtocol."""
        root = ET.Element("ErrorResponse")
        error = ET.SubElement(root, "Error")
        for name, text in (
            ("Type", refusal.fault),
            ("Code", refusal.query_code or query_code(refusal.code, api)),
            ("Message", without_api_keys(refusal.message)),
        ):
            ET.SubElement(error, name).text = _xml_text(text)
        return _response(root, refusal.query_status or refusal.status, request_id_in=root)


def _tree(body: bytes) -> Tree:
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise BadInput(f"Request body is no form: {error}") from error
    tree: Tree = {}
    for name, text in fields:
        *parents, leaf = name.split(".", DEEPEST)
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise BadInput(f"{name} is both a value and a structure: send one of them")
        node[leaf] = text
    return tree


def _parsed(value: object, shape: Shape, shapes: Mapping[str, Shape]) -> object:
    if shape["type"] in _STRUCTURED:
        if value == "":
            value = {}  # how clients send an empty list
        if not isinstance(value, dict):
            raise BadInput(f"{str(value)[:80]!r} is no {shape['type']}: name its members")
        return _STRUCTURED[shape["type"]](value, shape, shapes)
    if not isinstance(value, str):
        raise BadInput(f"a structure is no {shape['type']}: send a value")
    return _scalar(value, shape["type"])


def _structure(tree: Tree, shape: Shape, shapes: Mapping[str, Shape]) -> Json:
    members = shape["members"].items()
    return {name: _parsed(tree[name], shapes[member["shape"]], shapes) for name, member in members if name in tree}


def _list(tree: Tree, shape: Shape, shapes: Mapping[str, Shape]) -> list[object]:
    items = tree.get("member", {})
    if not isinstance(items, dict) or not all(LIST_PLACE.fullmatch(number) for number in items):
        raise BadInput("a list is sent as NAME.member.1, NAME.member.2 and so on")
    return [_parsed(items[number], shapes[shape["member"]["shape"]], shapes) for number in sorted(items, key=int)]


def _scalar(text: str, kind: str) -> object:
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
    except ValueError as error:
        raise BadInput(f"{text[:80]!r} is no {kind}") from error
    return text.lower() == "true" if kind == "boolean" else text


_STRUCTURED: Final[Mapping[str, Callable[[Tree, Shape, Mapping[str, Shape]], object]]] = {
    "structure": _structure,
    "list": _list,
}


def _append(parent: ET.Element, value: Any, shape: Shape, shapes: Mapping[str, Shape]) -> None:  # noqa: ANN401
    if shape["type"] == "structure":
        for name, member in shape["members"].items():
            if value.get(name) is not None:
                _append(ET.SubElement(parent, name), value[name], shapes[member["shape"]], shapes)
    elif shape["type"] == "list":
        for item in value:
            _append(ET.SubElement(parent, "member"), item, shapes[shape["member"]["shape"]], shapes)
    else:
        parent.text = _xml_text(value)


def _xml_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", str(value))


def _response(root: ET.Element, status: int, *, request_id_in: ET.Element) -> Response:
    request_id = str(uuid.uuid4())
    ET.SubElement(request_id_in, "RequestId").text = request_id
    return Response(ET.tostring(root), status, {"x-amzn-RequestId": request_id}, "text/xml")
