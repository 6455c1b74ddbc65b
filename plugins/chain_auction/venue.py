"""Where the market is held: its twin in Python, or the contract on a chain of one's own or others'.

A twin needs nothing. The contract is reached through a node, which the hub starts and ends itself
where none is named.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Mapping

from hub.api import Context

from . import node
from .coin import wei
from .configuration import CONTRACTS, Config
from .market import Market
from .twin_market import TwinMarket, pseudo_address

DEV_CHAIN_ID = 31337
HOST = "127.0.0.1"
#: Accounts with coin that an embedded chain has beside those of the houses.
SPARE_ACCOUNTS = 6


class Venue:
    """Opens the market of one section of hub.yaml, and closes what it opened.

    Raises what the market raises: `Misconfigured`, `Unreachable` and the like.
    """

    def __init__(self, ctx: Context, config: Config) -> None:
        self._ctx = ctx
        self._config = config
        self._node: node.AnvilNode | None = None
        self._opened: Market | None = None
        #: Address by house.
        self.addresses: Mapping[str, str] = {}

    @property
    def market(self) -> Market:
        """The market, once it is open."""
        if self._opened is None:
            raise RuntimeError("the market is not open yet")
        return self._opened

    @property
    def embedded(self) -> bool:
        """Whether the chain is this hub's own."""
        return self._node is not None

    async def open(self) -> None:
        """Open it; a chain of the hub's own takes a second or two."""
        config = self._config
        if config.backend == "twin" or (config.backend == "auto" and self._ctx.virtual):
            await self._open_twin()
        else:
            await self._open_contract()

    async def close(self) -> None:
        """Close what was opened, however far that came."""
        if self._opened is not None:
            await self._opened.close()
        if self._node is not None:
            await self._ctx.run_blocking(self._node.stop)

    def fault(self) -> str | None:
        """Why the hub's own chain is no longer there; None while it is, or where there is none."""
        if self._node is None or self._node.running:
            return None
        return f"the embedded chain ended: {self._node.last_words() or 'it was killed'}"

    async def keep_state(self) -> None:
        """Set aside the state of the hub's own chain, as long as that is whole."""
        if self._node is not None:
            await self._ctx.run_blocking(self._node.keep_good_state)

    async def _open_twin(self) -> None:
        ctx, config = self._ctx, self._config
        twin = TwinMarket(
            config.params(),
            price_tick_wei=wei(config.price_tick),
            lot_wh=config.lot_wh,
            now_s=lambda: round(ctx.clock.now().timestamp() * 1000) // 1000,
        )
        await twin.open(ctx.ledger, ctx.name)
        self._opened = twin
        self.addresses = {house: pseudo_address(house) for house in ctx.houses}

    async def _open_contract(self) -> None:
        ctx, config = self._ctx, self._config
        compiled = config.load_artefact()
        if config.embedded:
            await self._start_node()
        # web3 takes two seconds to import: on a thread, and only where there is a chain.
        module = await ctx.run_blocking(importlib.import_module, ".chain_market", __package__)
        # Virtual time stands still for the chain: what is waited for there takes real time.
        sleep = self._sleep_outside if ctx.virtual else ctx.clock.sleep
        hub = module.Surroundings(
            ctx.ledger, lambda: ctx.clock.now().timestamp(), sleep, asyncio.Lock, ctx.log,
            ctx.run_blocking, ctx.outside, ctx.virtual,
        )  # fmt: skip
        own_url = self._node.url if self._node is not None else ""
        settings = config.chain_settings(ctx.name, ctx.houses, own_url)
        market = module.ChainMarket(settings, compiled, hub)
        self._opened = market
        await market.open()
        self.addresses = market.keyring.addresses

    async def _start_node(self) -> None:
        ctx, config = self._ctx, self._config
        settings = node.NodeSettings(
            binary=node.find_binary(CONTRACTS),
            state_dir=ctx.data_dir,
            host=HOST,
            port=node.free_port(HOST) if ctx.virtual else config.port,
            chain_id=config.chain_id or DEV_CHAIN_ID,
            accounts=max(10, len(ctx.houses) + SPARE_ACCOUNTS),
            port_key=f"plugins.{ctx.name}.port",
            origin_s=int(ctx.clock.now().timestamp()) if ctx.virtual else None,
        )
        self._node = node.AnvilNode(settings)
        for line in await ctx.run_blocking(self._node.start):
            ctx.log.warning("%s", line)

    async def _sleep_outside(self, seconds: float) -> None:
        await self._ctx.run_blocking(time.sleep, seconds)
