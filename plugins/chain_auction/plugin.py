"""Wiring of the market: configuration, commands, questions, messages and the schedule."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from hub.api import (
    BatchCleared,
    CheckContext,
    Command,
    ConfigPath,
    ConfigProblemError,
    Context,
    DeliveryScheduled,
    Duration,
    MarketEvent,
    MarketStatus,
    OrderCancelled,
    OrderPlaced,
    PenaltyApplied,
    Plugin,
    PluginConfig,
    Quality,
    Reading,
    Rejected,
    TradeExpired,
    TradeMatched,
    TradeSettled,
    Unavailable,
    WalletAddress,
    hookimpl,
)

from . import artefact, node, views
from .announcements import announcement, moment
from .book import BookTrade
from .chain_settings import ChainSettings, KeySettings, Place, SenderSettings
from .clearing import PricingMode
from .clearing_house import ClearingHouse, Party
from .coin import wei
from .deliveries import Delivery, DeliveryPlan, WindowRule
from .events import Entry
from .market import Market
from .metering import Meters
from .problems import (
    ChainReplaced,
    MarketError,
    Misconfigured,
    Refused,
    StillPending,
    Unreachable,
)
from .tables import metadata
from .twin_market import TwinMarket, pseudo_address
from .twin_records import Params

CONTRACTS = Path(__file__).parents[2] / "contracts"
DEV_CHAIN_ID = 31337
SETTLE_EVERY_S = 1.0
TIDY_EVERY_S = 10.0
LOOK_AFTER_S = 2.0
NODE_CHECK_S = 0.5
KEEP_STATE_S = 600.0
#: Time between the end of a window and the settlement deadline that settling must have.
SPARE_S = 10.0
GWEI = 10**9
MESSAGES: Mapping[str, type[MarketEvent]] = {
    message.__name__: message
    for message in (
        OrderPlaced, OrderCancelled, BatchCleared, TradeMatched, TradeSettled, TradeExpired,
        PenaltyApplied,
    )
}  # fmt: skip
#: A transaction is sent again after this, and with higher fees after that.
RESEND_AFTER_S = 15.0
REPLACE_AFTER_S = 60.0


class Config(PluginConfig):
    """The market: where it runs, its rules, and when it is cleared and settled."""

    backend: Literal["auto", "chain", "twin"] = Field(
        "auto", description="auto: a chain, and in virtual time its twin in Python"
    )
    rpc: SecretStr | None = Field(
        None, description="address of an Ethereum node; default: an embedded development chain"
    )
    wallet_rpc: str | None = Field(
        None, description="address of a node for browser wallets, if it may be shown to everybody"
    )
    port: int = Field(8545, ge=1, le=65535, description="port of the embedded chain")
    chain_id: int | None = Field(None, ge=1, description="refuse any other chain than this")
    contract: WalletAddress | None = Field(None, description="address of a deployed contract")
    first_block: int = Field(0, ge=0, description="block in which that contract was deployed")
    deploy: bool = Field(False, description="deploy the contract if there is none yet")
    key: SecretStr | None = Field(None, description="private key of the operator (use !secret)")
    oracle_key: SecretStr | None = Field(
        None, description="private key that signs meter reports; default: the operator's"
    )
    keys: dict[str, SecretStr] = Field(
        default_factory=dict, description="private keys of houses that the hub trades for"
    )
    artefact: ConfigPath | None = Field(None, description="the compiled contract, if elsewhere")
    confirmations: int = Field(1, ge=1, le=64, description="blocks until an event counts")
    max_fee_gwei: int = Field(200, ge=1, description="highest fee per gas that is ever paid")
    poll_every: Duration = Field(1.0, gt=0, description="how often the chain is read")
    receipt_timeout: Duration = Field(8.0, gt=0, description="wait for a transaction so long")
    match_every: Duration = Field(15.0, gt=0, description="how often the book is cleared")
    window: Duration = Field(30.0, ge=1, description="length of a delivery window")
    lead: Duration = Field(5.0, ge=0, description="time between match and delivery, at least")
    aligned: bool = Field(False, description="windows start at whole multiples of their length")
    meter_gap: Duration = Field(15.0, gt=0, description="readings farther apart prove nothing")
    meter_accuracy_permille: int = Field(
        10, ge=0, le=50, description="a shortfall within the meters' accuracy is no shortfall"
    )
    price_tick: str = Field("0.000001", description="smallest step of prices in ETH per kWh")
    lot_wh: int = Field(1, ge=1, description="smallest step of quantities in Wh")
    min_qty_wh: int = Field(100, ge=1, description="smallest order in Wh")
    order_ttl: Duration = Field(86_400.0, ge=60, description="longest life of an order")
    settlement_ttl: Duration = Field(600.0, ge=60, description="time to settle a trade")
    deposit_permille: int = Field(100, ge=0, le=1000, description="deposit in per mille of value")
    max_slippage_bp: int = Field(
        0, ge=0, le=10_000, description="prices farther from the last one are refused; 0: none"
    )
    pricing: PricingMode = Field(PricingMode.UNIFORM, description="who sets the price of a trade")
    strike_limit: int = Field(0, ge=0, le=255, description="failed trades until barred; 0: never")
    withdraw_above: str | None = Field(
        "0", description="pay credits of own houses above this many ETH out; null: never"
    )

    @field_validator("price_tick", "withdraw_above")
    @classmethod
    def _amount(cls, value: str | None) -> str | None:
        if value is not None:
            wei(value)
        return value

    @field_validator("window")
    @classmethod
    def _whole_seconds(cls, value: float) -> float:
        if value != int(value):
            raise ValueError("expected whole seconds, since the chain counts in them")
        return value

    @model_validator(mode="after")
    def _time_to_settle(self) -> Config:
        needed_s = self.lead + 2 * self.window + self.meter_gap + SPARE_S
        if self.settlement_ttl < needed_s:
            raise ValueError(
                f"settlement_ttl must be at least {needed_s:g} s: "
                f"lead + two windows + meter_gap + {SPARE_S:g} s"
            )
        return self

    @property
    def embedded(self) -> bool:
        """Whether the hub runs the chain itself."""
        return self.rpc is None

    def params(self) -> Params:
        """The settable rules of the contract."""
        return Params(
            min_qty_wh=self.min_qty_wh,
            order_ttl_s=int(self.order_ttl),
            settlement_ttl_s=int(self.settlement_ttl),
            deposit_rate_permille=self.deposit_permille,
            max_slippage_bp=self.max_slippage_bp,
            mode=self.pricing,
            strike_limit=self.strike_limit,
        )


class ChainAuction(Plugin[Config]):
    """The market of the microgrid."""

    Config: ClassVar[type[PluginConfig]] = Config
    summary: ClassVar[str] = "the double auction on an Ethereum chain: clearing and settlement"

    async def start(self, ctx: Context) -> None:
        self.ctx = ctx
        self.house: ClearingHouse
        self._node: node.AnvilNode | None = None
        self._market: Market | None = None
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next_match_at = ctx.clock.now()
        self._status: tuple[object, ...] = ()
        await ctx.ledger.create(metadata)
        async with self._problems():
            addresses = await self._open_market()
            await self._open_house(addresses)
        self._serve()
        self._schedule()

    async def stop(self) -> None:
        if self._market is not None:
            await self._market.close()
        if self._node is not None:
            await self.ctx.run_blocking(self._node.stop)

    # -- opening --

    async def _open_market(self) -> Mapping[str, str]:
        """Open the chain or the twin; returns the houses' addresses."""
        ctx, config = self.ctx, self.config
        if config.backend == "twin" or (config.backend == "auto" and ctx.virtual):
            twin = TwinMarket(
                config.params(),
                price_tick_wei=wei(config.price_tick),
                lot_wh=config.lot_wh,
                now_s=lambda: self._now_ms() // 1000,
            )
            await twin.open(ctx.ledger, ctx.name)
            self._market = twin
            return {house: pseudo_address(house) for house in ctx.houses}
        compiled = artefact.load(config.artefact or CONTRACTS / "build/EnergyDoubleAuction.json")
        if config.embedded:
            await self._start_node()
        # web3 takes two seconds to import: on a thread, and only where there is a chain.
        module = await ctx.run_blocking(importlib.import_module, ".chain_market", __package__)
        hub = module.Surroundings(
            ctx.ledger, lambda: ctx.clock.now().timestamp(), ctx.clock.sleep, asyncio.Lock, ctx.log,
            ctx.run_blocking,
        )  # fmt: skip
        market = module.ChainMarket(self._chain_settings(), compiled, hub)
        self._market = market
        await market.open()
        addresses: Mapping[str, str] = market.keyring.addresses
        return addresses

    def _chain_settings(self) -> ChainSettings:
        ctx, config = self.ctx, self.config
        own_url = self._node.url if self._node is not None else ""
        return ChainSettings(
            place=Place(
                market=ctx.name,
                embedded=config.embedded,
                contract=config.contract,
                deploy=config.deploy,
                first_block=config.first_block,
                where=f"plugins.{ctx.name}",
            ),
            rpc_url=_plain(config.rpc) or own_url,
            wallet_rpc_url=config.wallet_rpc or own_url,
            chain_id=config.chain_id,
            confirmations=config.confirmations,
            price_tick_wei=wei(config.price_tick),
            lot_wh=config.lot_wh,
            params=config.params(),
            sender=SenderSettings(
                receipt_timeout_s=config.receipt_timeout,
                resend_after_s=RESEND_AFTER_S,
                replace_after_s=REPLACE_AFTER_S,
                max_fee_wei=config.max_fee_gwei * GWEI,
                # Nobody competes for a place in the embedded chain's blocks.
                tip_wei=0 if config.embedded else None,
            ),
            keys=KeySettings(
                houses=tuple(ctx.houses),
                wallets={h: house.wallet for h, house in ctx.houses.items() if house.wallet},
                operator_key=_plain(config.key),
                oracle_key=_plain(config.oracle_key),
                house_keys={h: key.get_secret_value() for h, key in config.keys.items()},
            ),
        )

    async def _start_node(self) -> None:
        ctx, config = self.ctx, self.config
        settings = node.NodeSettings(
            binary=node.find_binary(CONTRACTS),
            state_dir=ctx.data_dir,
            host="127.0.0.1",
            port=config.port,
            chain_id=config.chain_id or DEV_CHAIN_ID,
            accounts=max(10, len(ctx.houses) + 6),
            port_key=f"plugins.{ctx.name}.port",
        )
        self._node = node.AnvilNode(settings)
        for line in await ctx.run_blocking(self._node.start):
            ctx.log.warning("%s", line)

    async def _open_house(self, addresses: Mapping[str, str]) -> None:
        ctx, config = self.ctx, self.config
        assert self._market is not None
        rule = WindowRule(
            lead_ms=round(config.lead * 1000),
            length_ms=round(config.window * 1000),
            aligned=config.aligned,
            spare_ms=round(SPARE_S * 1000),
        )
        meters = Meters(round(config.meter_gap * 1000))
        self.house = ClearingHouse(
            market=self._market,
            ledger=ctx.ledger,
            plan=DeliveryPlan(rule, meters, config.meter_accuracy_permille),
            parties={
                house: Party(house, address, ctx.houses[house].device(house))
                for house, address in addresses.items()
            },
            now_ms=self._now_ms,
            lock=asyncio.Lock(),
            listener=self,
            log=ctx.log,
            withdraw_above_wei=None
            if config.withdraw_above is None
            else wei(config.withdraw_above),
        )
        self._names = views.Names(
            {address: house for house, address in addresses.items()},
            {house: ctx.houses[house].name(house) for house in addresses},
        )
        for quantity in ("energy_import", "energy_export"):
            ctx.subscribe(f"reading/+/{quantity}", self._metered)
        await self.house.start()

    def _metered(self, reading: Reading) -> None:
        if reading.quality is not Quality.BAD:
            at_ms = round(reading.at.timestamp() * 1000)
            self.house.plan.meters.add(reading.device, reading.quantity, at_ms, reading.value)

    def _now_ms(self) -> int:
        return round(self.ctx.clock.now().timestamp() * 1000)

    # -- schedule --

    def _schedule(self) -> None:
        ctx, config = self.ctx, self.config
        ctx.every(config.poll_every, self._poll, name="poll", now=True)
        ctx.every(SETTLE_EVERY_S, self._settle, name="settle")
        ctx.every(config.match_every, self._match, name="match")
        ctx.every(TIDY_EVERY_S, self._tidy, name="tidy")
        self._next_match_at = ctx.clock.now() + timedelta(seconds=config.match_every)
        if self.house.market.facts.on_chain:
            ctx.every(LOOK_AFTER_S, self._look_after, name="transactions")
            ctx.background(self._watch(), name="chain")
        if self._node is not None:
            ctx.every(KEEP_STATE_S, self._keep_state, name="keep state")

    async def _poll(self) -> None:
        async with self._problems():
            await self.house.poll()
        self._tell_status()

    async def _settle(self) -> None:
        async with self._problems(absence_is_news=False):
            await self.house.settle()

    async def _match(self) -> None:
        self._next_match_at = self.ctx.clock.now() + timedelta(seconds=self.config.match_every)
        async with self._problems(absence_is_news=False):
            await self.house.clear()

    async def _tidy(self) -> None:
        async with self._problems(absence_is_news=False):
            await self.house.tidy()

    async def _look_after(self) -> None:
        async with self._problems(absence_is_news=False):
            await self.house.market.retry_pending()

    async def _keep_state(self) -> None:
        if self._node is not None:
            await self.ctx.run_blocking(self._node.keep_good_state)

    async def _watch(self) -> None:
        """End the plugin, so that it starts anew, when the chain under it is gone."""
        while not self._broken.done():
            if self._node is not None and not self._node.running:
                raise Unavailable(
                    f"the embedded chain ended: {self._node.last_words() or 'it was killed'}"
                )
            await self.ctx.clock.sleep(NODE_CHECK_S)
        await self._broken

    @asynccontextmanager
    async def _problems(self, *, absence_is_news: bool = True) -> AsyncIterator[None]:
        """Tell the hub how permanent a problem with the market is.

        That the chain is away is said once, by the job that reads it, and not by every other.
        """
        try:
            yield
        except Misconfigured as error:
            raise ConfigProblemError(str(error)) from error
        except StillPending as error:
            self.ctx.log.warning("%s", error)
        except MarketError as error:
            if isinstance(error, ChainReplaced) and not self._broken.done():
                self._broken.set_exception(Unavailable(str(error)))
            if absence_is_news or not isinstance(error, Unreachable):
                raise Unavailable(str(error)) from error

    # -- messages --

    def happened(self, entry: Entry) -> None:
        """Publish an event of the market."""
        house = self.house
        on_chain = house.market.facts.on_chain
        told = announcement(entry, house.book, house.plan, house.head, on_chain=on_chain)
        if told is not None:
            name, figures = told
            self.ctx.publish(MESSAGES[name](market=self.ctx.name, **figures))

    def undone(self, entry: Entry) -> None:
        """Say that an event did not happen after all."""
        self.ctx.log.warning("taken back by the chain: %s", entry.event)

    def scheduled(self, delivery: Delivery, trade: BookTrade) -> None:
        """Publish a delivery window."""
        buyer, seller = self._names.house(trade.buyer), self._names.house(trade.seller)
        self.ctx.publish(
            DeliveryScheduled(
                market=self.ctx.name, at=self.ctx.clock.now(), block=trade.block, tx=trade.tx,
                trade_id=trade.id, buyer=buyer or trade.buyer, seller=seller or trade.seller,
                qty_wh=trade.qty_wh, start=moment(delivery.start_ms / 1000),
                end=moment(delivery.end_ms / 1000),
            )
        )  # fmt: skip

    def _tell_status(self) -> None:
        facts, book = self.house.market.facts, self.house.book
        problem = self.house.deviation or None
        status = (facts.chain_id, book.paused, facts.contract, problem)
        if status != self._status:
            self._status = status
            self.ctx.publish(
                MarketStatus(
                    market=self.ctx.name, at=self.ctx.clock.now(), block=self.house.head.number,
                    chain_id=facts.chain_id, paused=book.paused, contract=facts.contract,
                    embedded=facts.embedded, problem=problem,
                )
            )  # fmt: skip
            if problem:
                self.ctx.degraded(f"the contract did not clear as the rules say: {problem}")
            else:
                self.ctx.online()

    # -- questions and commands --

    def _serve(self) -> None:
        ctx = self.ctx
        ctx.serve("market/info", self._info)
        ctx.serve("market/book", self._book)
        ctx.serve("market/trades", self._trades)
        ctx.serve("market/balances", self._balances)
        ctx.serve("market/sellers", self._sellers)
        ctx.serve("market/explain", self._explain)
        ctx.handle(f"market/{ctx.name}/orders", self._order)

    async def _info(self, _: Any) -> Any:
        return views.info(
            self.house.market.facts,
            self.house.book,
            next_match_at=self._next_match_at,
            window_s=self.config.window,
            head_block=self.house.head.number,
            accounts={party.house: party.address for party in self.house.parties.values()},
            time_lapse=self.ctx.time_lapse,
        )

    async def _book(self, _: Any) -> Any:
        facts = self.house.market.facts
        return views.book_answer(self.house.book, facts, self._names, self._now_ms() // 1000)

    async def _trades(self, request: Any) -> Any:
        wanted = dict(request or {})
        return views.trades_answer(
            self.house.book,
            self.house.plan,
            self._names,
            self._now_ms(),
            limit=int(wanted.get("limit", 50)),
            house=wanted.get("house"),
        )

    async def _balances(self, _: Any) -> Any:
        async with self._problems():
            return {
                party.house: views.balance(
                    self.house.book, party.address, await self.house.market.funds(party.address)
                )
                for party in self.house.parties.values()
            }

    async def _sellers(self, request: Any) -> Any:
        exclude = dict(request or {}).get("exclude")
        return views.sellers(self.house.book, self._names, self._now_ms() // 1000, exclude)

    async def _explain(self, request: Any) -> Any:
        order_id = int(dict(request)["order_id"])
        facts, now_s = self.house.market.facts, self._now_ms() // 1000
        return {"text": views.explanation(self.house.book, facts, order_id, now_s)}

    async def _order(self, command: Command) -> Mapping[str, Any]:
        try:
            return await self._carry_out(command)
        except Refused as refusal:
            raise Rejected(str(refusal)) from refusal
        except StillPending as pending:
            return {"order_id": None, "tx": pending.tx, "pending": str(pending)}
        except MarketError as error:
            raise Rejected(f"the market cannot be reached: {error}") from error

    async def _carry_out(self, command: Command) -> Mapping[str, Any]:
        if command.action == "match":
            tx = await self.house.clear()
            return {"tx": tx, "matched": tx is not None}
        args = command.args
        party = self.house.parties.get(str(args.get("house")))
        if party is None:
            known = ", ".join(self.house.parties) or "none"
            raise Refused(f"{args.get('house')!r} is no house that trades here ({known})")
        if command.action == "cancel":
            order_id = _whole(args, "order_id")
            tx = await self.house.market.cancel(party.address, order_id, f"cancel:{command.id}")
            await self.house.poll()
            return {"order_id": order_id, "tx": tx}
        if command.action not in ("place_bid", "place_ask"):
            raise Refused(
                f"unknown action {command.action!r}: expected place_bid, place_ask, cancel or match"
            )
        ttl_s = float(args.get("ttl_s") or self.config.order_ttl)
        placed = await self.house.market.place(
            party.address,
            is_bid=command.action == "place_bid",
            price_wei_per_kwh=_whole(args, "price_wei_per_kwh"),
            qty_wh=_whole(args, "qty_wh"),
            expiry=self._now_ms() // 1000 + min(int(ttl_s), int(self.config.order_ttl)),
            request_id=f"order:{command.id}",
        )
        await self.house.poll()
        return {"order_id": placed.order_id, "tx": placed.tx}

    async def probe(self) -> Mapping[str, Any]:
        async with self._problems():
            await self.house.poll()
        facts = self.house.market.facts
        return {
            "chain": facts.chain_id,
            "contract": facts.contract,
            "block": self.house.head.number,
            "orders": len(self.house.book.resting()),
            "pending trades": len(self.house.book.pending),
        }

    @classmethod
    def check(cls, config: Any, check: CheckContext) -> list[str]:
        found: list[str] = []
        if config.backend == "twin":
            return found
        try:
            artefact.load(config.artefact or CONTRACTS / "build/EnergyDoubleAuction.json")
            if config.embedded:
                node.find_binary(CONTRACTS)
        except Misconfigured as error:
            found.append(str(error))
        where = f"plugins.{check.name}"
        if not config.embedded:
            check.unchecked.append(f"{where}.rpc: whether the node answers")
            if config.key is None:
                found.append(f"{where}.key: missing; an external chain needs the operator's key")
            if config.contract is None and not config.deploy:
                found.append(f"{where}: expected contract: 0x… or deploy: true")
        found += [
            f"{where}.keys.{house}: there is no house {house!r} under houses:"
            for house in config.keys
            if house not in check.houses
        ]
        return found + _address_problems(config, check)


def _address_problems(config: Config, check: CheckContext) -> list[str]:
    """Addresses whose letters are mixed must have the right checksum: a typo would lose money."""
    from eth_utils.address import is_checksum_address

    named = {f"houses.{h}.wallet": house.wallet for h, house in check.houses.items()}
    named[f"plugins.{check.name}.contract"] = config.contract
    return [
        f"{where}: {address} has a wrong checksum (EIP-55); copy it again, or write it in lower "
        f"case"
        for where, address in named.items()
        if address is not None
        and address[2:] not in (address[2:].lower(), address[2:].upper())
        and not is_checksum_address(address)
    ]


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _whole(args: Mapping[str, Any], name: str) -> int:
    value = args.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Refused(f"{name}: expected a whole number, got {value!r}")
    try:
        number = int(value)
    except ValueError:
        raise Refused(f"{name}: expected a whole number, got {value!r}") from None
    if number <= 0:
        raise Refused(f"{name}: expected a number above 0, got {number}")
    return number


@hookimpl
def hub_plugin_types() -> Mapping[str, type[Plugin[Any]]]:
    """Register the market."""
    return {"chain_auction": ChainAuction}
