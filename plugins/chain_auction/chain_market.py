"""The market on a chain: the contract behind the interface of `market.Market`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from web3.types import TxReceipt, Wei

from . import deployment, report, store
from .artefact import Artefact
from .chain import Chain
from .chain_settings import ChainSettings
from .clearing import PricingMode
from .coin import coin
from .events import Head, News
from .explain import kwh, per_kwh
from .keys import Keyring, keyring
from .log_reader import LogReader
from .market import Funds, MarketFacts, Placed, Proof
from .problems import ChainReplaced, Misconfigured, Refused
from .restoration import Restorer
from .rpc_provider import Outside
from .sender import Sender
from .store import ChainRow
from .tables import Ledger
from .trade_ids import numbered


@dataclass(slots=True)
class Surroundings:
    """What the hub lends: its ledger, clock, locks and log, and a thread for what takes long."""

    ledger: Ledger
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    new_lock: Callable[[], AbstractAsyncContextManager[object]]
    log: logging.Logger
    run_blocking: Callable[..., Awaitable[Any]]
    outside: Outside = nullcontext
    #: Whether time is virtual: the chain then follows it, and no crash is to be survived.
    virtual: bool = False


@dataclass(slots=True)
class ChainMarket:
    """One contract on one chain. `open` before use, `close` after."""

    settings: ChainSettings
    artefact: Artefact
    hub: Surroundings
    chain: Chain = field(init=False)
    keyring: Keyring = field(init=False)
    facts: MarketFacts = field(init=False)
    _row: ChainRow = field(init=False)
    _sender: Sender = field(init=False)
    _reader: LogReader = field(init=False)
    _kept_block: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        label = "the embedded chain" if self.settings.place.embedded else "the chain's node"
        self.chain = Chain(self.settings.rpc_url, self.artefact.abi, label, self.hub.outside)

    @property
    def chain_key(self) -> int:
        return self._row.id

    async def open(self) -> None:
        """Connect, find or deploy the contract, finish what a crash interrupted."""
        place = self.settings.place
        chain_id = await self.chain.open()
        if self.settings.chain_id not in (None, chain_id):
            raise Misconfigured(
                f"{place.where}.chain_id: expected chain {self.settings.chain_id}, "
                f"but the node is on chain {chain_id}"
            )
        # Deriving a key takes a tenth of a second, reading the interface two.
        self.keyring = await self.hub.run_blocking(
            keyring, self.settings.keys, embedded=place.embedded, chain_id=chain_id,
            where=place.where,
        )  # fmt: skip
        await self._send_lost_again(chain_id)
        if place.embedded:
            await self.chain.set_clock(int(self.hub.now()))
        if self.hub.virtual:
            await self.chain.follow_clock(self.hub.now)
        self._row = await deployment.find_market(
            self.chain, self.hub.ledger, place, self.artefact, chain_id, self.hub.log.warning
        )
        self._sender = self._make_sender(self._row.id, chain_id)
        if not self._row.contract:
            await self._deploy()
        await self.hub.run_blocking(self.chain.use, self._row.contract)
        self.facts = await self._read_facts(chain_id)
        await self._sender.resume()
        self._reader = LogReader(
            self.chain,
            self.hub.ledger,
            self._row.id,
            Head(self._row.checkpoint_block, self._row.checkpoint_hash, 0),
            self.settings.confirmations,
        )

    async def _send_lost_again(self, chain_id: int) -> None:
        """A killed node may have lost its last blocks: put our transactions back, before all else,
        so that the contract itself is found again."""
        row = await self.hub.ledger.run(
            partial(store.current_chain, market=self.settings.place.market)
        )
        first = await self.chain.block(0)
        if row is None or row.chain_id != chain_id or first is None or row.genesis != first.hash:
            return
        checkpoint = Head(row.checkpoint_block, row.checkpoint_hash, 0)
        reader = LogReader(
            self.chain, self.hub.ledger, row.id, checkpoint, self.settings.confirmations
        )
        try:
            lost_after = await reader.rewind()
        except ChainReplaced:
            return  # `find_market` judges what it is now
        if lost_after is None:
            return
        sender = self._make_sender(row.id, chain_id)
        if self.settings.place.embedded:
            restored = await self._restorer(row.id).restore(lost_after)
            self.hub.log.warning(
                "the chain had lost what came after block %d; %d transactions were restored",
                lost_after,
                restored,
            )
            await sender.look_after()
        else:
            await sender.reopen_after(lost_after)

    def _restorer(self, chain_key: int) -> Restorer:
        return Restorer(self.chain, self.hub.ledger, chain_key, self.hub.now, self.hub.sleep)

    def _make_sender(self, chain_key: int, chain_id: int) -> Sender:
        hub = self.hub
        sender = Sender(
            self.chain, hub.ledger, chain_key, chain_id, self.settings.sender, hub.now, hub.sleep,
            hub.new_lock, hub.log,
        )  # fmt: skip
        keys = (self.keyring.operator, self.keyring.oracle, *self.keyring.accounts.values())
        for account in keys:
            sender.add_account(account)
        return sender

    async def _deploy(self) -> None:
        arguments = deployment.constructor_arguments(
            self.settings.price_tick_wei, self.settings.lot_wh, self.settings.params,
            self.keyring.operator.address, self.keyring.oracle.address,
        )  # fmt: skip
        creation = self.chain.encode_deployment(self.artefact.bytecode, *arguments)
        receipt = await self._sender.send(
            self.keyring.operator, "deploy", "deployment of the contract", creation
        )
        self._row = await deployment.note_deployed(self.chain, self.hub.ledger, self._row, receipt)
        self.hub.log.info("contract deployed at %s", self._row.contract)

    async def _read_facts(self, chain_id: int) -> MarketFacts:
        wanted = deployment.params_tuple(self.settings.params)
        params = tuple(await self.chain.call("params"))
        owner = await self.chain.call("owner")
        if params != wanted and owner == self.keyring.operator.address:
            changes = ",".join(map(str, wanted))
            await self._send(
                self.keyring.operator, f"params:{changes}:{self.hub.now():.0f}", "new rules",
                "setParams", wanted,
            )  # fmt: skip
            params = wanted
        min_qty_wh, order_ttl_s, settlement_ttl_s, permille, _, mode, _, max_open_wh = params
        return MarketFacts(
            chain_id=chain_id,
            rpc_url=self.settings.wallet_rpc_url,
            contract=self._row.contract,
            abi=self.artefact.abi,
            embedded=self.settings.place.embedded,
            price_tick_wei=int(await self.chain.call("priceTick")),
            lot_wh=int(await self.chain.call("lot")),
            min_qty_wh=int(min_qty_wh),
            order_ttl_s=int(order_ttl_s),
            settlement_ttl_s=int(settlement_ttl_s),
            deposit_permille=int(permille),
            max_open_wh=int(max_open_wh),
            pricing_mode=PricingMode.PAY_AS_BID if mode else PricingMode.UNIFORM,
        )

    # -- following --

    async def poll(self) -> News:
        news = await self._reader.poll()
        if news.undone:
            first = min(entry.block for entry in news.undone)
            await self._sender.reopen_after(first - 1)
        keeps = self.settings.place.embedded and not self.hub.virtual
        if keeps and news.head.number != self._kept_block:
            oldest = news.head.number - store.BLOCKS_KEPT
            first = max(min(self._kept_block, news.head.number) + 1, oldest)
            await self._restorer(self._row.id).keep(first, news.head.number, oldest)
            self._kept_block = news.head.number
        return news

    async def retry_pending(self) -> None:
        await self._sender.look_after()

    async def funds(self, trader: str) -> Funds:
        credit_wei = await self.chain.call("balanceOf", trader)
        return Funds(await self.chain.balance(trader), int(credit_wei))

    def can_sign_for(self, trader: str) -> bool:
        return trader in self.keyring.accounts

    # -- trading --

    async def place(
        self, trader: str, *, is_bid: bool, price_wei_per_kwh: int, qty_wh: int, expiry: int,
        request_id: str,
    ) -> Placed:  # fmt: skip
        account = self._account(trader)
        side = "bid" if is_bid else "ask"
        what = f"{side} of {kwh(qty_wh)} at {per_kwh(price_wei_per_kwh, 'ETH')}"
        escrow_wei = int(await self.chain.call("escrowFor", is_bid, price_wei_per_kwh, qty_wh))
        funds = await self.funds(trader)
        short_wei = max(0, escrow_wei - funds.credit_wei)
        if short_wei > funds.wallet_wei:
            raise Refused(
                f"the {what} needs {coin(escrow_wei)} in escrow; the wallet {trader} holds "
                f"{coin(funds.wallet_wei)} and {coin(funds.credit_wei)} are credited to it"
            )
        receipt = await self._send(
            account, request_id, what, "placeBid" if is_bid else "placeAsk",
            price_wei_per_kwh, qty_wh, expiry, value_wei=short_wei,
        )  # fmt: skip
        for name, args, _ in self.chain.decode(receipt["logs"]):
            if name == "OrderPlaced":
                return Placed(int(args["id"]), _tx(receipt))
        raise Refused(f"the {what} was mined as {_tx(receipt)} without placing an order")

    async def cancel(self, trader: str, order_id: int, request_id: str) -> str:
        account = self._account(trader)
        what = f"cancellation of order {order_id}"
        return _tx(await self._send(account, request_id, what, "cancelOrder", order_id))

    def _account(self, trader: str) -> Any:
        account = self.keyring.accounts.get(trader)
        if account is None:
            raise Refused(
                f"the hub holds no key for {trader}; its owner can trade on the trading page"
            )
        return account

    # -- operating --

    async def match(self, max_matches: int, request_id: str) -> str:
        operator = self.keyring.operator
        return _tx(await self._send(operator, request_id, "clearing", "matchOrders", max_matches))

    async def settle(
        self, proofs: Sequence[Proof], start_s: int, end_s: int, request_id: str
    ) -> Mapping[int, str]:
        message = report.meter_batch(proofs, start_s, end_s)
        signature = report.sign_batch(
            self.keyring.oracle, message, chain_id=self.facts.chain_id, contract=self.facts.contract
        )
        receipt = await self._send(
            self.keyring.oracle, request_id, f"settlement of {len(proofs)} trades", "settleBatch",
            report.as_tuple(message), self.keyring.oracle.address, signature,
        )  # fmt: skip
        return {
            int(args["tradeId"]): self.chain.explain(bytes(args["reason"]))
            for name, args, _ in self.chain.decode(receipt["logs"])
            if name == "SettlementRefused"
        }

    async def expire(self, trade_id: int, request_id: str) -> str:
        operator = self.keyring.operator
        what = f"expiry of the {numbered(trade_id)}"
        return _tx(await self._send(operator, request_id, what, "expire", trade_id))

    async def prune(self, order_ids: Sequence[int], request_id: str) -> str:
        operator = self.keyring.operator
        what = f"refund of {len(order_ids)} expired orders"
        return _tx(await self._send(operator, request_id, what, "prune", list(order_ids)))

    async def withdraw(self, trader: str, request_id: str) -> str:
        account = self._account(trader)
        number = int(await self.chain.call("accountOf", trader))
        what = f"payment of the credit of {trader}"
        return _tx(await self._send(account, request_id, what, "withdraw", number))

    async def _send(
        self,
        account: Any,
        request_id: str,
        what: str,
        function: str,
        *args: Any,
        value_wei: int = 0,
    ) -> TxReceipt:
        tx = self.chain.encode(function, *args)
        tx["value"] = Wei(value_wei)
        return await self._sender.send(account, request_id, what, tx)

    async def close(self) -> None:
        await self.chain.close()


def _tx(receipt: TxReceipt) -> str:
    return receipt["transactionHash"].to_0x_hex()
