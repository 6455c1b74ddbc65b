"""What plugins may contribute at start. pluggy collects; data travels on the bus, never here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import typer

    from hub.link import LinkFactory
    from hub.plugin import Context, Plugin
    from hub.watcher import Watcher

hookspec = pluggy.HookspecMarker("microgrid_hub")
hookimpl = pluggy.HookimplMarker("microgrid_hub")

#: `(method, path, handler)`; the handler takes an aiohttp request.
Route = tuple[str, str, Callable[..., Awaitable[Any]]]


@hookspec
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Register plugin types: return a mapping from the name used in `use:` to the class."""
    raise NotImplementedError


@hookspec
def hub_link_factories() -> Mapping[str, LinkFactory]:
    """Register transports: return a mapping from URL scheme to a function that opens a link."""
    raise NotImplementedError


@hookspec
def hub_web_routes(ctx: Context) -> list[Route]:
    """Register pages and API calls: return a list of (method, path, handler)."""
    raise NotImplementedError


@hookspec
def hub_cli(app: typer.Typer) -> None:
    """Register commands: add them to the Typer application of `hub`."""
    raise NotImplementedError


@hookspec
def hub_simulation_watchers(folder: Path) -> Sequence[Watcher]:
    """Register reports of `hub simulate --report`: return a list of what watches the run and then
    writes its files into the folder.
    """
    raise NotImplementedError
