"""Who gets in: a middleware in front of every request, and the login page behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from . import security
from .sessions import SESSION_S, Sessions, TooManyGuesses

COOKIE = "hub_session"
SAFE_METHODS = ("GET", "HEAD")
PAGES = ("/", "/dapp")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Render = Callable[..., web.Response]


class Gate:
    """Lets in what names this hub, comes from its own pages, and is logged in.

    Args:
        listening_on: The address the server listens on.
        names: Further host names it is reached under.
        public_url: Where people reach the pages, if that is elsewhere.
        sessions: Who is logged in.
        render: Renders a template of the given name and status.
        warn: Takes a line for the log.
    """

    def __init__(
        self,
        *,
        listening_on: str,
        names: Iterable[str],
        public_url: str | None,
        sessions: Sessions,
        render: Render,
        warn: Callable[[str], None],
    ) -> None:
        public = security.host_name(public_url.split("//")[1]) if public_url else ""
        self._listening_on = listening_on
        self._names = [*names, *([public] if public else [])]
        self._public_url = public_url
        self._sessions = sessions
        self._render = render
        self._warn = warn

    def add_routes(self, app: web.Application) -> None:
        """Add login and logout."""
        app.router.add_get("/login", self._login_page)
        app.router.add_post("/login", self._login)
        app.router.add_post("/logout", self._logout)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn away who may not ask, and protect every answer."""
        try:
            self._admit(request)
            response = await handler(request)
        except web.HTTPException as error:
            self._protect(error)
            raise
        if not response.prepared:
            self._protect(response)
        return response

    def _admit(self, request: web.Request) -> None:
        host = request.headers.get("Host", "")
        if not security.host_allowed(host, self._listening_on, self._names):
            raise web.HTTPMisdirectedRequest(text="this hub is not known under that name")
        if (
            request.method not in SAFE_METHODS or request.path == "/ws"
        ) and not security.same_origin(request.headers.get("Origin"), host, self._public_url):
            raise web.HTTPForbidden(text="only the hub's own pages may ask this")
        is_open = request.path in ("/login", "/health") or request.path.startswith("/static/")
        if is_open or self._sessions.valid(request.cookies.get(COOKIE, "")):
            return
        if request.path in PAGES:
            raise web.HTTPFound("/login")
        raise web.HTTPUnauthorized(text="log in first")

    @staticmethod
    def _protect(response: web.StreamResponse) -> None:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers.setdefault("Cache-Control", "no-cache")
        if response.content_type == "text/html":
            response.headers["Content-Security-Policy"] = security.CONTENT_POLICY
            response.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"

    async def _login_page(self, _: web.Request) -> web.Response:
        return self._render("login.html", wrong=False)

    async def _login(self, request: web.Request) -> web.Response:
        address = request.remote or "?"
        given = str((await request.post()).get("password", ""))
        try:
            token = self._sessions.login(address, given)
        except TooManyGuesses:
            raise web.HTTPTooManyRequests(
                text="too many wrong passwords; wait a quarter of an hour"
            ) from None
        if token is None:
            self._warn(f"wrong password from {address}")
            return self._render("login.html", status=401, wrong=True)
        response = web.HTTPSeeOther("/")
        response.set_cookie(
            COOKIE,
            token,
            max_age=SESSION_S,
            httponly=True,
            samesite="Strict",
            secure=(self._public_url or "").startswith("https:"),
        )
        raise response

    async def _logout(self, request: web.Request) -> web.Response:
        self._sessions.logout(request.cookies.get(COOKIE, ""))
        raise web.HTTPSeeOther("/login")
