"""The command line's side of the operation tables: AWS's protocols over HTTP with an API key, and waiting.

Commands send an API key, and sign nothing: what signs takes longer to load than a command may.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from monitor_jobs.contract.errors import BadInput, Conflict, NotFound, SextantError

if TYPE_CHECKING:
    import ssl
    from xml.etree import ElementTree as ET

    from monitor_jobs.object_store import ObjectStore
    from service.core.secret import Secret
    from service.settings import Settings

Found = TypeVar("Found")
POLL_SECONDS = 0.2
REQUEST_SECONDS = 70.0
URL_VARIABLE = "SEXTANT_URL"
KEY_VARIABLE = "SEXTANT_API_KEY"
REFUSED = (401, 403)


class Unreachable(SextantError):
    """No control process answers."""


class Client:
    """Calls operations at one address, with an API key where there is one."""

    def __init__(self, url: str, api_key: "Secret | None" = None, *, certificate: Path | None = None) -> None:
        self.url = url
        self._api_key = api_key
        self._certificate = certificate

    def call(self, operation: str, **request: object) -> dict[str, Any]:
        """The operation's answer.

        Raises NotFound, Conflict or BadInput as its error code says, Unreachable where none comes.
        """
        headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        answer = self._send("POST", "/", headers=headers, content=json.dumps(request))
        content = self._object(answer.content)
        if answer.is_success:
            return content
        raise _error(answer.status_code, str(content.get("__type", "")), str(content.get("message", answer.text)))

    def query(self, action: str, **members: str) -> dict[str, Any]:
        """The answer of an operation of IAM, which speaks the query protocol; raises as `call` does."""
        answer = self._send("POST", "/", data={"Action": action, **members})
        root = self._element(answer.content)
        if answer.is_success:
            return dict(_plain(root[0])) if root[0].tag.endswith("Result") and len(root[0]) else {}
        code, message = (root.findtext(f".//{name}", "") for name in ("Code", "Message"))
        raise _error(answer.status_code, code, message)

    def query_pages(self, action: str, rows: str, **members: str) -> list[dict[str, Any]]:
        """All rows of a list operation of IAM, page after page."""
        found: list[dict[str, Any]] = []
        marker: dict[str, str] = {}
        while True:
            answer = self.query(action, **members, **marker)
            found += answer[rows] or []
            if "Marker" not in answer:
                return found
            marker = {"Marker": answer["Marker"]}

    def pages(self, operation: str, rows: str, **request: object) -> list[dict[str, Any]]:
        """All rows of a list operation, page after page."""
        found: list[dict[str, Any]] = []
        token: dict[str, object] = {}
        while True:
            answer = self.call(operation, MaxResults=100, **request, **token)
            found += answer[rows]
            if "NextToken" not in answer:
                return found
            token = {"NextToken": answer["NextToken"]}

    def text(self, path: str) -> str:
        """A page's text. Raises NotFound with its sentence."""
        answer = self._send("GET", path)
        if not answer.is_success:
            raise NotFound(answer.text)
        return str(answer.text)

    def invoke(self, endpoint: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The model's answer.

        Raises NotFound where nothing has that name, BadInput where the request was refused, SextantError where the
        endpoint's process does not answer.
        """
        answer = self._send("POST", f"/endpoints/{endpoint}/invocations", headers=dict(headers), content=body)
        if answer.is_success:
            return bytes(answer.content)
        message = str(self._object(answer.content).get("message", answer.text))
        if message.endswith("not found."):
            raise NotFound(message)
        if answer.status_code in REFUSED:
            raise _error(answer.status_code, "", message)
        raise BadInput(message) if answer.is_client_error else SextantError(message)

    def _object(self, content: bytes) -> dict[str, Any]:
        try:
            return dict(json.loads(content or b"{}"))
        except (ValueError, TypeError) as error:
            raise Unreachable(f"{self.url} is no Sextant: it answers {content[:40]!r}; set {URL_VARIABLE}") from error

    def _element(self, content: bytes) -> "ET.Element":
        from xml.etree import ElementTree as ET

        try:
            root = ET.fromstring(content)  # noqa: S314 -- of the service that the user named; expat bounds entities
        except ET.ParseError as error:
            raise Unreachable(f"{self.url} is no Sextant: it answers {content[:40]!r}; set {URL_VARIABLE}") from error
        for element in root.iter():  # names without their namespace, which is the API's version
            element.tag = element.tag.rpartition("}")[2]
        return root

    def _send(self, method: str, path: str, **options: Any) -> Any:  # noqa: ANN401 -- httpx loads only when needed
        import httpx

        if self._api_key is not None:
            options["headers"] = {**options.get("headers", {}), "Authorization": f"Bearer {self._api_key.reveal()}"}
        try:
            # The service listens on loopback, where a proxy of the environment has no business.
            return httpx.request(
                method, self.url + path, timeout=REQUEST_SECONDS, trust_env=False, verify=self._trusted(), **options
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(
                f"{self.url} does not answer ({error}): start `sextant up`, or set {URL_VARIABLE}"
            ) from error

    def _trusted(self) -> "ssl.SSLContext | bool":
        if not self.url.startswith("https:"):
            return False  # nothing to verify, and no time spent on reading certificates
        import ssl

        context = ssl.create_default_context()
        if self._certificate is not None:
            context.load_verify_locations(self._certificate)  # of this machine's own service, whoever has signed it
        return context


def connect() -> Client:
    """The client of SEXTANT_URL, else of the `sextant up` that uses the data folder, else of the configured address."""
    from service.running import read_running

    settings = load()
    running = read_running(settings.data)
    written = running.url if running else None
    url = (os.environ.get(URL_VARIABLE) or written or f"http://{settings.host}:{settings.port}").rstrip("/")
    certificate = running.certificate if running and url == written else None
    return Client(url, api_key_for(url, settings.data, is_own=url == written), certificate=certificate)


def api_key_for(url: str, data: Path, *, is_own: bool) -> "Secret | None":
    """The API key to send to a URL: the one that was given, else the first key, which no other machine is sent."""
    from service.core.secret import Secret
    from service.first_key import read_first_key

    given = os.environ.get(KEY_VARIABLE)
    if given:
        return Secret(given)
    first_key = read_first_key(data) if is_own or _is_of_this_machine(url) else None
    return first_key.api_key.secret if first_key else None


def load() -> "Settings":
    """The settings of this environment."""
    from service.settings import load_settings

    return load_settings()


def store() -> "ObjectStore":
    """The object store of this environment's settings."""
    from service.wiring import open_store

    return open_store(load())


def endpoint_config_of(client: Client, endpoint: str) -> dict[str, Any]:
    """The endpoint config by which an endpoint serves. Raises NotFound."""
    name = client.call("DescribeEndpoint", EndpointName=endpoint)["EndpointConfigName"]
    return client.call("DescribeEndpointConfig", EndpointConfigName=name)


def wait_for(look: Callable[[], Found | None], *, what: str, timeout_seconds: float) -> Found:
    """What `look` finds, once it finds something; shows a spinner. Raises SextantError when the time is up."""
    from rich.console import Console

    deadline = time.monotonic() + timeout_seconds
    with Console(stderr=True).status(what):
        while (found := look()) is None:
            if time.monotonic() >= deadline:
                raise SextantError(f"{what}: not done after {timeout_seconds:.0f} s")
            time.sleep(POLL_SECONDS)
    return found


def local_time(epoch_seconds: float | None) -> str:
    """A wire time for people, in UTC."""
    if epoch_seconds is None:
        return ""
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _is_of_this_machine(url: str) -> bool:
    from service.local_only import is_loopback

    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:  # no address at all, which whoever sends something there says
        return False


def _plain(element: "ET.Element") -> Any:  # noqa: ANN401 -- texts, lists and dictionaries of XML
    if not len(element):
        return element.text or ""
    if all(child.tag == "member" for child in element):
        return [_plain(child) for child in element]
    return {child.tag: _plain(child) for child in element}


def _error(status: int, code: str, message: str) -> SextantError:
    if status in REFUSED:
        return BadInput(f"{message} (this key came from {KEY_VARIABLE}, else from the data folder of SEXTANT_DATA)")
    if code in ("NoSuchEntity", "NotSupportedService"):
        return NotFound(message)
    if code in ("EntityAlreadyExists", "DeleteConflict", "LimitExceeded"):
        return Conflict(message)
    if code in ("ValidationError", "MalformedPolicyDocument", "InvalidInput"):
        return BadInput(message)
    if code == "ResourceNotFound" or message.startswith("Could not find"):
        return NotFound(message)
    if code == "ResourceInUse" or message.startswith("Cannot create already existing"):
        return Conflict(message)
    return BadInput(message) if code == "ValidationException" else SextantError(f"{code}: {message}")
