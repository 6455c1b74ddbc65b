"""Sends transactions so that each takes effect once, whatever crashes in between.

The order of things: the signed bytes are committed to the ledger, then sent, then the receipt is
awaited. After a crash the same bytes are sent again. One key has one writer. A transaction that
stays out for long is replaced by one with the same nonce and higher fees.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from web3.types import TxParams, TxReceipt

from . import intents
from .chain import AlreadySent, Chain, Underpriced, sign
from .chain_settings import SenderSettings
from .coin import coin
from .intents import Intent
from .problems import Refused, StillPending, Unreachable
from .tables import Ledger

#: Nodes accept a replacement only if both fees rise by an eighth at least.
BUMP_PERMILLE = 1125
MAX_REPLACEMENTS = 5
#: The first look for a receipt; the pause doubles up to a second.
FIRST_PAUSE_S = 0.01


@dataclass(slots=True)
class Sender:
    """The only one that sends from the hub's keys on one chain."""

    chain: Chain
    ledger: Ledger
    chain_key: int
    chain_id: int
    settings: SenderSettings
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    new_lock: Callable[[], AbstractAsyncContextManager[object]]
    log: logging.Logger
    _locks: dict[str, AbstractAsyncContextManager[object]] = field(default_factory=dict)
    _accounts: dict[str, LocalAccount] = field(default_factory=dict)
    _replacements: dict[str, int] = field(default_factory=dict)

    def add_account(self, account: LocalAccount) -> None:
        """Make a key known, so that its transactions can be replaced."""
        self._accounts[account.address] = account

    async def send(
        self, account: LocalAccount, request_id: str, what: str, tx: TxParams
    ) -> TxReceipt:
        """Carry a transaction out once and return its receipt.

        The same `request_id` never takes effect twice: its receipt is returned again. Raises
        `Refused` if the contract says no, `StillPending` if it is not mined in time.
        """
        async with self._locks.setdefault(account.address, self.new_lock()):
            intent = await self.ledger.run(
                partial(intents.find, chain=self.chain_key, intent_id=request_id)
            )
            if intent is not None and intent.state == "failed":
                await self.ledger.run(
                    partial(intents.set_aside, chain=self.chain_key, intent=intent)
                )
                intent = None
            if intent is None:
                intent = await self._prepare(account, request_id, what, tx)
                await self._first_broadcast(intent)
        return await self._wait(intent)

    async def _prepare(
        self, account: LocalAccount, request_id: str, what: str, tx: TxParams
    ) -> Intent:
        """Fill in gas, fees and nonce, sign, and commit."""
        gas = await self.chain.estimate(tx, account.address)
        fee, tip = await self.chain.fees(self.settings.tip_wei)
        fee = min(fee, self.settings.max_fee_wei)
        await self._require_coin(account.address, int(tx.get("value", 0)), gas * fee, what)
        nonce = max(
            await self.chain.nonce(account.address),
            await self.ledger.run(
                partial(intents.next_nonce, chain=self.chain_key, sender=account.address)
            ),
        )
        complete: dict[str, Any] = {
            **tx, "chainId": self.chain_id, "nonce": nonce, "gas": gas, "type": 2,
            "maxFeePerGas": fee, "maxPriorityFeePerGas": min(tip, fee),
        }  # fmt: skip
        complete.setdefault("value", 0)
        raw, tx_hash = sign(account, complete)
        intent = Intent(
            request_id, account.address, nonce, what, raw, tx_hash, (), "signed", self.now()
        )
        await self.ledger.run(partial(intents.commit, chain=self.chain_key, intent=intent))
        return intent

    async def _require_coin(self, address: str, value_wei: int, fees_wei: int, what: str) -> None:
        """Say how much is missing before the node says no without figures."""
        has_wei = await self.chain.balance(address)
        if has_wei < value_wei + fees_wei:
            raise Refused(
                f"{what}: {address} holds {coin(has_wei)}, needed are {coin(value_wei)} "
                f"and up to {coin(fees_wei)} for fees"
            )

    async def _first_broadcast(self, intent: Intent) -> None:
        try:
            await self.chain.send(intent.raw)
        except (AlreadySent, Underpriced):
            pass  # on its way already, or waiting for fees that `look_after` raises
        except Refused:
            await self.ledger.run(
                partial(intents.remove, chain=self.chain_key, intent_id=intent.id)
            )
            raise
        except Unreachable as away:
            raise StillPending(
                f"{intent.what}: signed, and sent as soon as the chain answers ({away})", intent.tx
            ) from away

    async def _wait(self, intent: Intent) -> TxReceipt:
        waited_s, pause_s = 0.0, FIRST_PAUSE_S
        while True:
            try:
                receipt = await self._receipt(intent)
            except Unreachable:
                receipt = None
            if receipt is not None:
                if receipt["status"] != 1:
                    raise Refused(await self._record(intent, receipt))
                await self._record(intent, receipt)
                return receipt
            if waited_s >= self.settings.receipt_timeout_s:
                raise StillPending(
                    f"{intent.what}: sent as {intent.tx}, not mined within "
                    f"{self.settings.receipt_timeout_s:g} s; it is still watched",
                    intent.tx,
                )
            await self.sleep(pause_s)
            waited_s += pause_s
            pause_s = min(1.0, 2 * pause_s)

    async def _receipt(self, intent: Intent) -> TxReceipt | None:
        for tx_hash in intent.hashes:
            receipt = await self.chain.receipt(tx_hash)
            if receipt is not None:
                return receipt
        return None

    async def _record(self, intent: Intent, receipt: TxReceipt) -> str:
        """Write down how it ended; returns why it failed, if it did."""
        reason = ""
        if receipt["status"] != 1:
            tx: TxParams = {}
            try:
                fields = TypedTransaction.from_bytes(HexBytes(intent.raw)).as_dict()
                given = {k: fields[k] for k in ("to", "data", "value") if fields.get(k)}
                tx = cast("TxParams", given)
            except (KeyError, ValueError, TypeError):
                pass  # somebody else's transaction of an older kind
            reason = f"{intent.what}: " + await self.chain.why_reverted(
                tx, intent.sender, int(receipt["blockNumber"])
            )
        await self.ledger.run(
            partial(
                intents.record, chain=self.chain_key, intent_id=intent.id,
                state="mined" if receipt["status"] == 1 else "failed",
                block=await self.chain.block_of(receipt), reason=reason or None,
            )
        )  # fmt: skip
        return reason

    # -- what is under way --

    async def look_after(self) -> None:
        """Find receipts of what is out, send again what may be lost, replace what is stuck."""
        for intent in await self.ledger.run(partial(intents.pending, chain=self.chain_key)):
            receipt = await self._receipt(intent)
            if receipt is not None:
                reason = await self._record(intent, receipt)
                if reason:
                    self.log.error("%s", reason)
                continue
            if await self._overtaken(intent):
                continue
            age_s = self.now() - intent.sent_at
            if age_s >= self.settings.resend_after_s:
                dear_enough = await self._resend(intent)
                if not dear_enough or age_s >= self.settings.replace_after_s:
                    await self._replace(intent)

    async def _overtaken(self, intent: Intent) -> bool:
        """Whether another transaction of the same key, from a wallet, has taken the nonce."""
        if await self.chain.nonce(intent.sender, mined=True) <= intent.nonce:
            return False
        if await self._receipt(intent) is not None:
            return False  # mined between the two questions
        reason = f"{intent.what}: another transaction of {intent.sender} took its place"
        self.log.error("%s; ask again if it is still wanted", reason)
        head = await self.chain.head()
        await self.ledger.run(
            partial(
                intents.record, chain=self.chain_key, intent_id=intent.id, state="failed",
                block=head, reason=reason,
            )
        )  # fmt: skip
        return True

    async def resume(self) -> None:
        """After a start: send everything again that has no receipt, in order."""
        for intent in await self.ledger.run(partial(intents.pending, chain=self.chain_key)):
            if await self._receipt(intent) is None:
                self.log.info("sending again after a restart: %s", intent.what)
                await self._resend(intent)
        await self.look_after()

    async def reopen_after(self, block: int) -> None:
        """The chain has lost what came after a block: send our transactions again."""
        count = await self.ledger.run(
            partial(intents.reopen_after, chain=self.chain_key, block=block)
        )
        if count:
            self.log.info("%d transactions after block %d are looked for again", count, block)
            await self.resume()

    async def _resend(self, intent: Intent) -> bool:
        """Send the same bytes again; returns whether their fees are high enough."""
        try:
            await self.chain.send(intent.raw)
        except Underpriced:
            return False
        except AlreadySent:
            pass
        except Refused as refusal:
            self.log.error("%s cannot be sent again: %s", intent.what, refusal)
        return True

    async def _replace(self, intent: Intent) -> None:
        """Send it anew with the same nonce and higher fees, within the limit."""
        account = self._accounts.get(intent.sender)
        done = self._replacements.get(intent.id, 0)
        if account is None or done >= MAX_REPLACEMENTS:
            return
        fields = TypedTransaction.from_bytes(HexBytes(intent.raw)).as_dict()
        fee_now, tip_now = await self.chain.fees(self.settings.tip_wei)
        fee = max(fee_now, -(-fields["maxFeePerGas"] * BUMP_PERMILLE // 1000))
        tip = max(tip_now, -(-fields["maxPriorityFeePerGas"] * BUMP_PERMILLE // 1000))
        if fee > self.settings.max_fee_wei:
            self.log.warning("%s waits: fees are above max_fee_gwei", intent.what)
            return
        keep = ("to", "data", "value", "chainId", "nonce", "gas", "type", "accessList")
        again = {key: fields[key] for key in keep if key in fields}
        again |= {"maxFeePerGas": fee, "maxPriorityFeePerGas": tip}
        raw, tx_hash = sign(account, again)
        await self.ledger.run(
            partial(
                intents.replace_bytes, chain=self.chain_key, intent=intent, raw=raw, tx=tx_hash,
                sent_at=self.now(),
            )
        )  # fmt: skip
        self._replacements[intent.id] = done + 1
        self.log.info("%s: replaced %s by %s with higher fees", intent.what, intent.tx, tx_hash)
        # Sent already: the earlier version was mined meanwhile, its receipt is found next time.
        with suppress(AlreadySent, Underpriced):
            await self.chain.send(raw)
