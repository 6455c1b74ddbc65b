"""Files of the pages: scripts, styles and images. Packed once, and sent again only if changed."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ParamSpec, Protocol, TypeVar

from aiohttp import web

#: What is served, by the end of its name. Nothing else is, such as the settings of npm.
TYPES: Mapping[str, str] = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
_TEXTS = (".js", ".css", ".svg")
#: Modules of others are served one by one, by `Files.one`.
_HIDDEN = "node_modules"
#: A packet's worth: packing less gains nothing.
_WORTH_PACKING = 1400
#: Ask again each time, and get "unchanged" for an answer.
REVALIDATE = "no-cache"

P = ParamSpec("P")
T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Content:
    """A file as it was read: `stamp` is its time and size, `packed` the same by gzip."""

    stamp: tuple[int, int]
    tag: str
    type: str
    plain: bytes
    packed: bytes | None


def current(path: Path, known: Content | None) -> Content:
    """Return a file, read and packed unless it is as `known`; OSError if that cannot be done."""
    status = path.stat()
    stamp = (status.st_mtime_ns, status.st_size)
    if known is not None and known.stamp == stamp:
        return known
    body = path.read_bytes()
    packed = None
    if path.suffix in _TEXTS and len(body) >= _WORTH_PACKING:
        packed = gzip.compress(body, 9, mtime=0)
    digest = hashlib.sha256(body).hexdigest()[:20]
    return Content(stamp, digest, TYPES[path.suffix], body, packed)


def below(folder: Path, name: str) -> Path | None:
    """Return the file of that name in a folder, None if it is none of those that are served."""
    parts = PurePosixPath(name).parts
    if any(part == _HIDDEN or part.startswith((".", "/")) for part in parts):
        return None
    if not name.isprintable() or "\\" in name:
        return None
    path = (folder / name).resolve()
    if path.suffix not in TYPES or not path.is_relative_to(folder.resolve()) or not path.is_file():
        return None
    return path


class Work(Protocol):
    """Runs a function that blocks, away from the event loop."""

    def __call__(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]: ...


class Files:
    """Serves files."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._known: dict[Path, Content] = {}

    def folder(self, folder: Path) -> Handler:
        """Return a handler for `/…/{name:.+}`: the files of a folder and those below."""

        async def answer(request: web.Request) -> web.StreamResponse:
            path = await self._work(below, folder, request.match_info["name"])
            if path is None:
                raise web.HTTPNotFound
            return await self._answer(request, path, REVALIDATE)

        return answer

    def one(self, path: Path, cache: str) -> Handler:
        """Return a handler for one file, with what to say of caching it."""

        async def answer(request: web.Request) -> web.StreamResponse:
            return await self._answer(request, path, cache)

        return answer

    async def _answer(self, request: web.Request, path: Path, cache: str) -> web.Response:
        content = await self._content(path)
        body = content.plain
        tag = content.tag
        headers = {"Cache-Control": cache, "Vary": "Accept-Encoding"}
        if content.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            body, tag = content.packed, f"{content.tag}-gzip"
            headers["Content-Encoding"] = "gzip"
        headers["ETag"] = f'"{tag}"'
        if any(known.value in (tag, "*") for known in request.if_none_match or ()):
            headers.pop("Content-Encoding", None)
            return web.Response(status=304, headers=headers)
        charset = "utf-8" if path.suffix in _TEXTS else None
        return web.Response(body=body, content_type=content.type, charset=charset, headers=headers)

    async def _content(self, path: Path) -> Content:
        try:
            found = await self._work(current, path, self._known.get(path))
        except FileNotFoundError:
            raise web.HTTPNotFound(text=f"{path.name} is not installed: run `make setup`") from None
        except OSError as error:
            raise web.HTTPNotFound(text=f"{path.name} cannot be read: {error.strerror}") from None
        self._known[path] = found
        return found
