"""The web server: pages, API and live stream, on aiohttp."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, ClassVar

import jinja2
from aiohttp import web

from hub.api import ConfigProblemError, Context, Plugin, hookimpl

from . import security
from .api import Api, Handler
from .configuration import WebConfig
from .files import Files
from .gate import Gate
from .node_door import NodeDoor
from .sessions import Sessions
from .stream import Stream

HERE = Path(__file__).parent
DAPP = HERE.parent.parent / "dapp-static"
MAX_BODY = 64 * 1024
STOP_WITHIN_S = 1.0
#: Modules of others, by the name the pages know, and where npm puts them.
VENDOR = {
    "ethers.js": "ethers/dist/ethers.min.js",
    "uplot.js": "uplot/dist/uPlot.esm.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
}

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - only with a password, see `start`


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
        password = config.password.get_secret_value() if config.password else None
        self._sessions = Sessions(password, time.monotonic)
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        self._stream = Stream(ctx)
        self._node = NodeDoor(ctx)
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=STOP_WITHIN_S)
        self._runner: web.AppRunner | None = runner
        await self._listen(runner)
        port = runner.addresses[0][1]
        shown = "127.0.0.1" if config.host in _EVERYWHERE else config.host
        self._url = (config.public_url or f"http://{shown}:{port}").rstrip("/")
        self._stream.start()
        ctx.serve("web/address", self._address)

    async def _listen(self, runner: web.AppRunner) -> None:
        host, port = self.config.host, self.config.port
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigProblemError(
                f"plugins.{self._ctx.name}.port: cannot listen on {host}:{port} "
                f"({os.strerror(error.errno or 0)}); stop what uses it, or choose another port"
            ) from None

    async def stop(self) -> None:
        """Stop listening and let the pages go."""
        runner = getattr(self, "_runner", None)
        if runner is not None:
            self._stream.stop()
            await runner.cleanup()
            await self._node.close()

    async def _address(self, _: Any) -> str:
        return self._url

    def _application(self) -> web.Application:
        config = self.config
        gate = Gate(
            listening_on=config.host,
            names=config.names,
            public_url=config.public_url,
            sessions=self._sessions,
            render=self._render,
            warn=self._ctx.log.warning,
        )
        app = web.Application(middlewares=[gate.middleware], client_max_size=MAX_BODY)
        app.router.add_get("/", self._page("operator.html"))
        app.router.add_get("/dapp", self._page("dapp.html"))
        app.router.add_get("/ws", self._stream.handle)
        gate.add_routes(app)
        Api(self._ctx, self._node).add_routes(app)
        for routes in self._ctx.plugin_hooks().hub_web_routes(ctx=self._ctx):
            self._add_foreign(app, routes)
        self._add_files(app)
        return app

    def _add_foreign(self, app: web.Application, routes: Any) -> None:
        """Add what another plugin serves; what does not fit is left out."""
        try:
            for method, path, handler in routes:
                app.router.add_route(method, path, handler)
        except Exception as error:  # noqa: BLE001  # a stranger's list may hold anything
            self._ctx.log.error("routes of another plugin are left out: %s (%r)", error, routes)

    def _add_files(self, app: web.Application) -> None:
        files = Files(self._ctx.run_blocking)
        dapp = self.config.dapp or DAPP
        for name, file in VENDOR.items():
            path = dapp / "node_modules" / file
            app.router.add_get(f"/vendor/{name}", files.one(path, "max-age=3600"))
        app.router.add_get("/static/{name:.+}", files.folder(HERE / "static"))
        app.router.add_get("/dapp-static/{name:.+}", files.folder(dapp))

    def _page(self, template: str) -> Handler:
        async def answer(_: web.Request) -> web.StreamResponse:
            return self._render(template)

        return answer

    def _render(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        state = self._ctx.hub_state()
        text = self._templates.get_template(template).render(
            hub=state["name"],
            version=state["version"],
            has_password=self._sessions.required,
            **values,
        )
        return web.Response(text=text, content_type="text/html", status=status)


@hookimpl
def hub_plugin_types() -> dict[str, type[Plugin[Any]]]:
    """Offer the web server."""
    return {"web": Web}
