"""The web server: pages, API and live stream, on aiohttp."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

import jinja2
from aiohttp import WSMsgType, web
from pydantic import Field, SecretStr

from hub.api import (
    Command,
    ConfigProblemError,
    Context,
    HubError,
    Message,
    MeteringPoints,
    Plugin,
    PluginConfig,
    PluginStatus,
    Priority,
    Reading,
    encode,
    hookimpl,
    plain,
)

from . import answers, metrics, security
from .live import MAX_BACKLOG, LiveState

HERE = Path(__file__).parent
FRAME_EVERY_S = 0.25
SESSION_S = 12 * 3600
#: Wrong passwords from one address within `GUESS_WINDOW_S` before it has to wait.
MAX_GUESSES = 5
GUESS_WINDOW_S = 15 * 60

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - only with a password, see `start`

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebConfig(PluginConfig):
    """The pages."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    public_url: str | None = Field(
        None, pattern=r"^https?://", description="address under which people reach the pages"
    )
    names: list[str] = Field(
        default_factory=list, description="further host names under which it is reached"
    )
    password: SecretStr | None = Field(
        None, min_length=8, description="asked for before anything is shown or changed"
    )
    dapp: Path | None = Field(None, description="folder of the trading page")


class Web(Plugin[WebConfig]):
    """Serves the operator's page, the trading page, the API and the live stream."""

    Config = WebConfig
    wall_clock_only = True
    summary: ClassVar[str] = "The pages, the API and the live stream"

    async def start(self, ctx: Context) -> None:
        """Listen. Refuses to be reachable from elsewhere without a password."""
        self._ctx = ctx
        config = self.config
        if not security.is_loopback(config.host) and config.password is None:
            raise ConfigProblemError(
                f"plugins.{ctx.name}.host: {config.host} can be reached by others, so a password "
                f"is needed: `password: !secret web_password`; or listen on 127.0.0.1"
            )
        self._live = LiveState(encode)
        self._clients: set[asyncio.Queue[str | None]] = set()
        self._sessions: dict[str, float] = {}
        self._guesses: dict[str, list[float]] = {}
        self._pages = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, config.host, config.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigProblemError(
                f"plugins.{ctx.name}.port: cannot listen on {config.host}:{config.port} "
                f"({error.strerror}); stop what uses it, or choose another port"
            ) from None
        port = self._runner.addresses[0][1]
        shown = "127.0.0.1" if config.host in _EVERYWHERE else config.host
        self._url = (config.public_url or f"http://{shown}:{port}").rstrip("/")
        ctx.subscribe("#", self._absorb)
        ctx.every(FRAME_EVERY_S, self._send_frame, name="frame")
        ctx.serve("web/address", self._address)

    async def stop(self) -> None:
        """Stop listening and let the clients go."""
        for client in tuple(getattr(self, "_clients", ())):
            client.put_nowait(None)
        if hasattr(self, "_runner"):
            await self._runner.cleanup()

    async def _address(self, _: Any) -> str:
        return self._url

    # -- the application -----------------------------------------------------------------------

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=64 * 1024)
        get, post = app.router.add_get, app.router.add_post
        get("/", self._page("operator.html"))
        get("/dapp", self._page("dapp.html"))
        get("/login", self._login_page)
        post("/login", self._login)
        post("/logout", self._logout)
        get("/health", self._health)
        get("/metrics", self._metrics)
        get("/ws", self._stream)
        get("/api/state", self._state)
        get("/api/feeder", self._feeder)
        get("/api/market/{what:info|book|trades|balances}", self._market)
        get("/api/history", self._history)
        get("/api/logs", self._logs)
        for path, service in {
            "/api/alarms": "faults/alarms",
            "/api/notifications": "alerts/recent",
            "/api/taps": "taps/status",
            "/api/scenarios": "scenarios/list",
        }.items():
            get(path, self._answer(service))
        post("/api/scenarios/{id}/run", self._run_scenario)
        post("/api/command", self._command)
        post("/api/reload", self._reload)
        for routes in self._ctx.plugin_hooks().hub_web_routes(ctx=self._ctx):
            for method, path, handler in routes:
                app.router.add_route(method, path, handler)
        self._static(app)
        return app

    def _static(self, app: web.Application) -> None:
        root = HERE.parent.parent
        app.router.add_static("/static", HERE / "static")
        dapp = self.config.dapp or root / "dapp-static"
        if dapp.is_dir():
            app.router.add_static("/dapp-static", dapp)
        modules = dapp / "node_modules"
        for name, file in {
            "ethers.js": "ethers/dist/ethers.min.js",
            "uplot.js": "uplot/dist/uPlot.esm.js",
            "uplot.css": "uplot/dist/uPlot.min.css",
        }.items():
            app.router.add_get(f"/vendor/{name}", self._file(modules / file))

    def _file(self, path: Path) -> Handler:
        there = path.is_file()

        async def answer(_: web.Request) -> web.StreamResponse:
            if not there:
                raise web.HTTPNotFound(text=f"{path.name} is not installed: run `make setup`")
            return web.FileResponse(path, headers={"Cache-Control": "max-age=3600"})

        return answer

    # -- who may ask ---------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        config = self.config
        host = request.headers.get("Host", "")
        if not security.host_allowed(host, config.host, self._names()):
            raise web.HTTPMisdirectedRequest(text="this hub is not known under that name")
        changes = request.method not in ("GET", "HEAD")
        if (changes or request.path == "/ws") and not security.same_origin(
            request.headers.get("Origin"), host, config.public_url
        ):
            raise web.HTTPForbidden(text="only the hub's own pages may ask this")
        open_paths = request.path in ("/login", "/health") or request.path.startswith("/static/")
        if config.password is not None and not open_paths and not self._logged_in(request):
            if request.path in ("/", "/dapp"):
                raise web.HTTPFound("/login")
            raise web.HTTPUnauthorized(text="log in first")
        try:
            response = await handler(request)
        except web.HTTPException as error:
            await self._protect(error)
            raise
        except answers.BadRequest as error:
            response = web.json_response({"error": str(error)}, status=400)
        except HubError as error:
            response = web.json_response({"error": str(error)}, status=503)
        if not response.prepared:
            await self._protect(response)
        return response

    def _names(self) -> list[str]:
        public = (
            security.host_name(self.config.public_url.split("//")[1])
            if self.config.public_url
            else ""
        )
        return [*self.config.names, *([public] if public else [])]

    async def _protect(self, response: web.StreamResponse) -> None:
        response.headers.update(
            {
                "Content-Security-Policy": security.content_policy(await self._reachable()),
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
                "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
            }
        )
        response.headers.setdefault("Cache-Control", "no-cache")

    async def _reachable(self) -> list[str]:
        """The node that the trading page talks to, if there is a market."""
        if "market/info" not in self._ctx.services:
            return []
        try:
            info = await self._ctx.ask("market/info", timeout_s=0.5)
        except HubError:
            return []
        origin = security.origin_of(str(info.get("rpc_url") or ""))
        return [origin] if origin else []

    def _logged_in(self, request: web.Request) -> bool:
        until = self._sessions.get(request.cookies.get("hub_session", ""))
        return until is not None and until > time.monotonic()

    async def _login_page(self, _: web.Request) -> web.Response:
        return self._render("login.html", wrong=False)

    async def _login(self, request: web.Request) -> web.Response:
        now = time.monotonic()
        address = request.remote or "?"
        guesses = [t for t in self._guesses.get(address, []) if now - t < GUESS_WINDOW_S]
        if len(guesses) >= MAX_GUESSES:
            raise web.HTTPTooManyRequests(
                text="too many wrong passwords; wait a quarter of an hour"
            )
        given = str((await request.post()).get("password", ""))
        expected = self.config.password.get_secret_value() if self.config.password else ""
        if not expected or not secrets.compare_digest(given.encode(), expected.encode()):
            self._guesses[address] = [*guesses, now]
            self._ctx.log.warning("wrong password from %s", address)
            return self._render("login.html", status=401, wrong=True)
        token = secrets.token_urlsafe(32)
        self._sessions = {t: until for t, until in self._sessions.items() if until > now}
        self._sessions[token] = now + SESSION_S
        response = web.HTTPSeeOther("/")
        response.set_cookie(
            "hub_session",
            token,
            max_age=SESSION_S,
            httponly=True,
            samesite="Strict",
            secure=self._url.startswith("https:"),
        )
        raise response

    async def _logout(self, request: web.Request) -> web.Response:
        self._sessions.pop(request.cookies.get("hub_session", ""), None)
        raise web.HTTPSeeOther("/login")

    # -- pages ---------------------------------------------------------------------------------

    def _page(self, name: str) -> Handler:
        async def answer(_: web.Request) -> web.StreamResponse:
            return self._render(name)

        return answer

    def _render(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        state = self._ctx.hub_state()
        text = self._pages.get_template(template).render(
            hub=state["name"],
            version=state["version"],
            has_password=self.config.password is not None,
            **values,
        )
        return web.Response(text=text, content_type="text/html", status=status)

    # -- API -----------------------------------------------------------------------------------

    def _answer(self, service: str) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            limit = answers.number(request.query, "limit", 100)
            return _json(await self._ctx.ask(service, {"limit": limit}))

        return answer

    async def _health(self, _: web.Request) -> web.Response:
        state = self._ctx.hub_state()
        bad = [p["plugin"] for p in state["plugins"] if p["state"] in ("FAILED", "BACKOFF")]
        return _json({"ok": not bad, "not_running": bad})

    async def _metrics(self, _: web.Request) -> web.Response:
        fresh = [
            (last.message.device, last.message.quantity, last.message.value)
            for last in self._ctx.last_matching("reading/+/+").values()
            if not last.stale and isinstance(last.message, Reading)
        ]
        body = metrics.render(self._ctx.hub_state(), fresh)
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE_LATEST})

    async def _state(self, _: web.Request) -> web.Response:
        return _json({**self._ctx.hub_state(), "houses": self._houses()})

    def _houses(self) -> dict[str, Any]:
        return {
            house_id: {
                "name": house.name(house_id),
                "device": house.device(house_id),
                "bus": house.bus,
                "phases": house.phases,
                "nominal_v": house.nominal_v,
                "site": house.site,
                "pv": house.pv is not None,
                "battery": house.battery is not None,
                "ev": house.ev is not None,
                "wallet": house.wallet,
            }
            for house_id, house in self._ctx.houses.items()
        }

    async def _feeder(self, request: web.Request) -> web.Response:
        """The topology of a feeder; of the first one if none is named."""
        services = self._ctx.services
        names = [
            n.split("/")[1] for n in services if n.startswith("grid/") and n.endswith("/topology")
        ]
        name = request.query.get("name") or (names[0] if names else "")
        if name not in names:
            raise web.HTTPNotFound(text="no such feeder is running")
        topology = await self._ctx.ask(f"grid/{name}/topology")
        houses = f"grid/{name}/houses"
        devices = await self._ctx.ask(houses) if houses in services else {}
        return _json({**topology, "name": name, "devices": devices, "feeders": names})

    async def _market(self, request: web.Request) -> web.Response:
        what = request.match_info["what"]
        limit = answers.number(request.query, "limit", 50)
        return _json(await self._ctx.ask(f"market/{what}", {"limit": limit}))

    async def _history(self, request: web.Request) -> web.Response:
        asked = answers.history_request(request.query)
        return _json(await self._ctx.ask("history/series", asked))

    async def _logs(self, request: web.Request) -> web.Response:
        limit = answers.number(request.query, "limit", 200)
        asked = {"limit": limit, "plugin": request.query.get("plugin")}
        return _json(await self._ctx.ask("hub/log", asked))

    async def _run_scenario(self, request: web.Request) -> web.Response:
        return await self._send(f"scenario/{request.match_info['id']}", "run", {})

    async def _command(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
        except (ValueError, RecursionError):
            raise answers.BadRequest("expected JSON") from None
        return await self._send(*answers.command_fields(body))

    async def _send(self, target: str, action: str, args: dict[str, Any]) -> web.Response:
        command = Command(target, action, args, priority=Priority.OPERATOR, cause="page")
        result = await self._ctx.send(command)
        answer = {"status": result.status, "reason": result.reason, "data": result.data}
        return _json(answer, status=200 if result.done else 409)

    async def _reload(self, _: web.Request) -> web.Response:
        # The reload may stop this very plugin: answer first.
        self._ctx.background(self._reload_soon(), name="reload")
        return _json({"status": "accepted"}, status=202)

    async def _reload_soon(self) -> None:
        await asyncio.sleep(0.2)
        await self._ctx.reload()

    # -- the live stream -------------------------------------------------------------------------

    def _absorb(self, message: Message) -> None:
        if isinstance(message, MeteringPoints):
            return  # what only simulated meters may know
        self._live.absorb(
            type(message).__name__, message.topic, message, conflated=_is_state(message)
        )

    async def _send_frame(self) -> None:
        frame = self._live.frame()
        if frame is None or not self._clients:
            return
        text = json.dumps(frame, allow_nan=False)
        for client in tuple(self._clients):
            if client.qsize() >= MAX_BACKLOG:
                self._clients.discard(client)
                client.put_nowait(None)
            else:
                client.put_nowait(text)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=20.0, max_msg_size=4096)
        await socket.prepare(request)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        queue.put_nowait(json.dumps(self._live.snapshot(), allow_nan=False))
        self._clients.add(queue)
        writer = asyncio.create_task(self._write(socket, queue))
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            self._clients.discard(queue)
            writer.cancel()
        return socket

    async def _write(self, socket: web.WebSocketResponse, queue: asyncio.Queue[str | None]) -> None:
        while (text := await queue.get()) is not None:
            await socket.send_str(text)
        await socket.close(code=1013, message=b"too slow")


def _is_state(message: Message) -> bool:
    """Return whether only the newest of its topic matters to a page."""
    return message.conflated or isinstance(message, PluginStatus)


def _json(data: Any, *, status: int = 200) -> web.Response:
    return web.json_response(
        plain(data), status=status, dumps=lambda value: json.dumps(value, allow_nan=False)
    )


@hookimpl
def hub_plugin_types() -> dict[str, type[Plugin[Any]]]:
    """Offer the web server."""
    return {"web": Web}
