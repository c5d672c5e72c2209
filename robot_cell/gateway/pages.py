"""The web page: built files, held in memory with their compressed form.

A request names a key of a table, not a path of the disk: there is nothing to climb out of.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import Request
from fastapi.responses import Response

FOLDER: Final = Path(__file__).parent / "static"
INDEX: Final = "index.html"
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK: Final = "no-cache"
_COMPRESSED: Final = (".html", ".js", ".css", ".svg", ".json", ".map", ".txt", ".webmanifest")
_TYPES: Final = {
    ".js": "text/javascript",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
POLICY: Final = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_EMPTY: Final = (
    b"<!doctype html><html lang=en><meta charset=utf-8><title>robot_cell</title>"
    b"<p>The web page is not built here. The API is at /api/v1.</p>"
)


@dataclass(frozen=True)
class Page:
    """A file as it is sent."""

    content: bytes
    packed: bytes | None
    media_type: str
    etag: str


class Pages:
    """The files of a folder as of its start."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._pages = {
            file.relative_to(folder).as_posix(): _page(file)
            for file in (sorted(folder.rglob("*")) if folder.is_dir() else [])
            if file.is_file()
        }
        self._pages.setdefault(
            INDEX, Page(_EMPTY, None, "text/html", f'"{hashlib.sha256(_EMPTY).hexdigest()[:20]}"')
        )

    def answer(self, request: Request, path: str) -> Response | None:
        """The file at a path; a path of the page's own (no dot in it) is the page itself."""
        name = path.strip("/") or INDEX
        page = self._pages.get(name)
        if page is None and "." not in name.rpartition("/")[2]:
            name, page = INDEX, self._pages[INDEX]
        if page is None:
            return None
        headers = {
            "ETag": page.etag,
            "Cache-Control": _FOR_EVER if name.startswith("assets/") else _ASK,
            "Vary": "Accept-Encoding",
            "Content-Security-Policy": POLICY,
        }
        if request.headers.get("if-none-match") == page.etag:
            return Response(status_code=304, headers=headers)
        content = page.content
        if page.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            content, headers["Content-Encoding"] = page.packed, "gzip"
        return Response(content, media_type=page.media_type, headers=headers)


def _page(file: Path) -> Page:
    content = file.read_bytes()
    ending = file.suffix.lower()
    kind = _TYPES.get(ending) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    packed = gzip.compress(content, 6, mtime=0) if ending in _COMPRESSED else None
    return Page(content, packed, kind, f'"{hashlib.sha256(content).hexdigest()[:20]}"')
