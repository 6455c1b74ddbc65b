"""A development chain of the test's own, and the market on it without a hub around."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hub.api import Database
from plugins.chain_auction import artefact
from plugins.chain_auction.chain_market import ChainMarket, Surroundings
from plugins.chain_auction.chain_settings import (
    ChainSettings,
    KeySettings,
    Place,
    SenderSettings,
)
from plugins.chain_auction.configuration import CONTRACTS
from plugins.chain_auction.node import AnvilNode, NodeSettings, find_binary
from plugins.chain_auction.tables import metadata
from plugins.chain_auction.twin_records import Params


@pytest.fixture
def node_settings(tmp_path: Path, unused_tcp_port_factory: Callable[[], int]) -> NodeSettings:
    return NodeSettings(
        binary=find_binary(CONTRACTS),
        state_dir=tmp_path / "chain",
        host="127.0.0.1",
        port=unused_tcp_port_factory(),
        chain_id=31337,
        accounts=10,
        port_key="plugins.market.port",
    )


@pytest.fixture
def node(node_settings: NodeSettings) -> Iterator[AnvilNode]:
    """A running chain that keeps its history, so that it can be reorganised."""
    node = AnvilNode(replace(node_settings, prune=False))
    node.start()
    yield node
    node.stop()


@dataclass
class Bench:
    """Makes markets on one chain and one ledger, as restarts of a hub would."""

    node: AnvilNode
    ledger: Database
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    made: list[ChainMarket] = field(default_factory=list)

    def settings(self) -> ChainSettings:
        return ChainSettings(
            place=Place("market", True, None, False, 0, "plugins.market"),
            rpc_url=self.node.url,
            wallet_rpc_url=self.node.url,
            chain_id=None,
            confirmations=1,
            price_tick_wei=10**12,
            lot_wh=1,
            params=Params(settlement_ttl_s=600),
            sender=SenderSettings(5.0, 15.0, 60.0, 500 * 10**9, 0),
            keys=KeySettings(("house1", "house2"), {}, None, None, {}),
        )

    async def open(self, settings: ChainSettings | None = None) -> ChainMarket:
        """A market that is open; close it."""
        market = self.make(settings)
        await market.open()
        return market

    def make(self, settings: ChainSettings | None = None) -> ChainMarket:
        compiled = artefact.load(CONTRACTS / "build/EnergyDoubleAuction.json")
        surroundings = Surroundings(
            self.ledger, self.now, self.sleep, asyncio.Lock, logging.getLogger("test"),
            asyncio.to_thread,
        )  # fmt: skip
        market = ChainMarket(settings or self.settings(), compiled, surroundings)
        self.made.append(market)
        return market


@pytest.fixture
async def bench(node: AnvilNode, tmp_path: Path) -> AsyncIterator[Bench]:
    ledger = Database.sqlite(tmp_path / "ledger.db", durable=True)
    await ledger.create(metadata)
    bench = Bench(node, ledger)
    yield bench
    for market in bench.made:  # also where a test failed before it came to that
        await market.close()
    await ledger.close()
