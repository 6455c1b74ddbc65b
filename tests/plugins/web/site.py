"""A hub with the web server on a free port, and a client for it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from hub.core import Hub
from hub.plugin import Plugin
from hub.testing import running

HOUSES = """
houses:
  house1: {bus: 671.1}
  house2: {bus: 671.2, pv: {kwp: 8}, battery: {kwh: 10, kw: 5}}
"""


@dataclass
class Site:
    """A running hub as a browser on this machine reaches it."""

    hub: Hub
    url: str
    client: aiohttp.ClientSession

    @property
    def own(self) -> dict[str, str]:
        """The headers of the hub's own pages."""
        return {"Origin": self.url}

    async def get(self, path: str, **options: Any) -> tuple[int, Any]:
        """Return status and body, decoded if it is JSON."""
        async with self.client.get(self.url + path, allow_redirects=False, **options) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await (answer.json() if is_json else answer.text())

    async def post(self, path: str, **options: Any) -> tuple[int, Any]:
        """Post as the hub's own page and return status and body."""
        headers = {**self.own, **options.pop("headers", {})}
        async with self.client.post(
            self.url + path, headers=headers, allow_redirects=False, **options
        ) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await (answer.json() if is_json else answer.text())


@asynccontextmanager
async def serving(
    folder: Path,
    *,
    web: str = "",
    plugins: str = "",
    types: Mapping[str, type[Plugin[Any]]] | None = None,
) -> AsyncIterator[Site]:
    """Run a hub whose page listens on a free port. `web` and `plugins` are further YAML."""
    text = f"hub: {{name: test}}\n{HOUSES}\nplugins:\n  web: {{use: web, port: 0{web}}}\n{plugins}"
    async with running(folder, text, types=types) as hub:
        await hub.settled()
        url = await hub.services.ask("web/address")
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
            yield Site(hub, url, client)
