"""The console's own files: style, script, icon. Nothing is asked of other servers.

What is vendored is listed in assets/SOURCES.md, with where it is from, its licence and its hash.
"""

from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from service.control.console.rendering import HEADERS, as_json

FOLDER: Final = Path(__file__).parent / "assets"
TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Assets:
    """Every file of the folder that a page may name, read once; no path of a request reaches the disk."""

    def __init__(self, folder: Path = FOLDER) -> None:
        found = (path for path in folder.iterdir() if path.suffix in TYPES)
        self._files = {path.name: (path.read_bytes(), TYPES[path.suffix]) for path in found}

    async def respond(self, request: Request) -> Response:
        """The file that a request names, 304 where the browser has it already."""
        body, media_type = self._files.get(request.path_params["file"], (b"", ""))
        if not media_type:
            return as_json({"detail": "there is no such file"}, 404)
        tag = f'"{sha256(body).hexdigest()[:16]}"'
        headers = {**HEADERS, "Cache-Control": "no-cache", "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(None, 304, headers)
        return Response(body, 200, headers, media_type)
