"""The JSON API: what the pages ask of the hub and have it do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from hub.api import Command, Context, HubError, Priority, Reading, plain

from . import answers, metrics
from .node_door import NodeDoor

#: Time to answer a request for a reload before the reload stops this very plugin.
RELOAD_AFTER_S = 0.2

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Questions that are passed on with nothing but a limit, by path.
PLAIN_QUESTIONS = {
    "/api/alarms": "faults/alarms",
    "/api/notifications": "alerts/recent",
    "/api/scenarios": "scenarios/list",
}


class Api:
    """Handlers of everything below `/api`, and of `/health`, `/metrics` and `/rpc`."""

    def __init__(self, ctx: Context, node: NodeDoor) -> None:
        self._ctx = ctx
        self._node = node

    def add_routes(self, app: web.Application) -> None:
        """Add all routes."""
        handlers: dict[str, Handler] = {
            "/health": self._health,
            "/metrics": self._metrics,
            "/api/state": self._state,
            "/api/feeder": self._feeder,
            "/api/devices": self._devices,
            "/api/network": self._network,
            "/api/taps": self._taps,
            "/api/market/{what:info|book|trades|balances}": self._market,
            "/api/explain/{order}": self._explain,
            "/api/history": self._history,
            "/api/events": self._events,
            "/api/logs": self._logs,
        }
        handlers |= {path: self._plain(service) for path, service in PLAIN_QUESTIONS.items()}
        for path, handler in handlers.items():
            app.router.add_get(path, self._guarded(handler))
        app.router.add_post("/api/scenarios/{id}/run", self._guarded(self._run_scenario))
        app.router.add_post("/api/command", self._guarded(self._command))
        app.router.add_post("/api/reload", self._guarded(self._reload))
        app.router.add_post("/rpc", self._guarded(self._node.handle))

    def _guarded(self, handler: Handler) -> Handler:
        """Turn what is wrong with a request, or with the hub, into an answer."""

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except web.HTTPException:
                raise
            except answers.BadRequest as error:
                return _json({"error": str(error)}, status=400)
            except HubError as error:
                return _json({"error": str(error)}, status=503)
            except Exception:
                self._ctx.log.exception("%s was not answered", request.path)
                return _json({"error": "an error inside the hub; its log tells more"}, status=500)

        return answer

    # -- the hub --

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

    async def _logs(self, request: web.Request) -> web.Response:
        limit = answers.number(request.query, "limit", 200)
        asked = {"limit": limit, "plugin": request.query.get("plugin")}
        return _json(await self._ctx.ask("hub/log", asked))

    async def _reload(self, _: web.Request) -> web.Response:
        self._ctx.background(self._reload_soon(), name="reload")
        return _json({"status": "accepted"}, status=202)

    async def _reload_soon(self) -> None:
        await asyncio.sleep(RELOAD_AFTER_S)
        await self._ctx.reload()

    # -- questions --

    def _plain(self, service: str) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            limit = answers.number(request.query, "limit", 100)
            return _json(await self._ctx.ask(service, {"limit": limit}))

        return answer

    def _feeder_name(self, request: web.Request) -> str:
        """Return the feeder that is asked for; the first one if none is named."""
        names = [
            name.split("/")[1]
            for name in self._ctx.services
            if name.startswith("grid/") and name.endswith("/topology")
        ]
        name = request.query.get("name") or (names[0] if names else "")
        if name not in names:
            raise web.HTTPNotFound(text="no such feeder is running")
        return name

    async def _feeder(self, request: web.Request) -> web.Response:
        name = self._feeder_name(request)
        return _json({**await self._ctx.ask(f"grid/{name}/topology"), "name": name})

    async def _devices(self, request: web.Request) -> web.Response:
        name = self._feeder_name(request)
        return _json(await self._ctx.ask(f"grid/{name}/houses"))

    async def _taps(self, request: web.Request) -> web.StreamResponse:
        """The agent of the feeder that is named, null without one; of no name, the first agent."""
        feeder = request.query.get("feeder")
        if feeder is None:
            return _json(await self._ctx.ask("taps/status"))
        for service in self._ctx.services:
            if service.startswith("taps/") and service.count("/") == 2:
                status = await self._ctx.ask(service)
                if status["feeder"] == feeder:
                    return _json(status)
        return _json(None)

    async def _network(self, request: web.Request) -> web.Response:
        name = self._feeder_name(request)
        return _json(await self._ctx.ask(f"grid/{name}/network"))

    async def _market(self, request: web.Request) -> web.Response:
        what = request.match_info["what"]
        limit = answers.number(request.query, "limit", 50)
        return _json(await self._ctx.ask(f"market/{what}", {"limit": limit}))

    async def _explain(self, request: web.Request) -> web.Response:
        order = answers.number(request.match_info, "order", 0, most=2**32)
        return _json(await self._ctx.ask("market/explain", {"order_id": order}))

    async def _history(self, request: web.Request) -> web.Response:
        asked = answers.history_request(request.query)
        return _json(await self._ctx.ask("history/series", asked))

    async def _events(self, request: web.Request) -> web.Response:
        limit = answers.number(request.query, "limit", 100)
        topics = request.query.getall("topic", [])
        return _json(await self._ctx.ask("history/events", {"limit": limit, "topics": topics}))

    # -- commands --

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


def _json(data: Any, *, status: int = 200) -> web.Response:
    return web.json_response(
        plain(data), status=status, dumps=lambda value: json.dumps(value, allow_nan=False)
    )
