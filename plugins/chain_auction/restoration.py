"""Gives a killed development chain back what it had not written down.

The embedded node writes its state once a minute. The ledger has the bytes of every transaction
since: the hub's own by their intents, those of browser wallets because they are kept here. Sent
again in the order and at the times of their blocks, they make the same blocks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from . import intents
from .chain import AlreadySent, Chain, Underpriced
from .intents import Intent
from .problems import Refused
from .tables import Ledger

#: A block is made at once; a transaction that is not in one by then waits for another's nonce.
MINED_WITHIN_S = 1.0
PAUSE_S = 0.005


@dataclass(slots=True)
class Restorer:
    """Keeps and gives back the transactions of one development chain."""

    chain: Chain
    ledger: Ledger
    chain_key: int
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]

    async def keep(self, first_block: int, last_block: int, forget_before: int) -> None:
        """Keep other people's transactions of new blocks; drop those too old to be lost."""
        for number in range(first_block, last_block + 1):
            for tx_hash in await self.chain.transactions(number):
                await self._keep(tx_hash)
        await self.ledger.run(
            partial(intents.forget_seen, chain=self.chain_key, before_block=forget_before)
        )

    async def _keep(self, tx_hash: str) -> None:
        if await self.ledger.run(partial(intents.is_known, chain=self.chain_key, tx=tx_hash)):
            return  # our own: its intent has the bytes
        found = await self.chain.mined_transaction(tx_hash)
        if found is None:
            return
        seen = Intent(
            f"seen:{tx_hash}", found.sender, found.nonce, f"transaction of {found.sender}",
            found.raw, tx_hash, (), "mined", self.now(), found.block.number, found.block.hash,
            found.block.at,
        )  # fmt: skip
        await self.ledger.run(partial(intents.commit_seen, chain=self.chain_key, intent=seen))

    async def restore(self, after_block: int) -> int:
        """Send everything again that was in blocks after this one; returns how much it was."""
        await self.ledger.run(
            partial(intents.reopen_after, chain=self.chain_key, block=after_block)
        )
        restored = 0
        for intent in await self.ledger.run(partial(intents.pending, chain=self.chain_key)):
            if intent.block_at is None or await self.chain.receipt(intent.tx) is not None:
                continue
            await self.chain.set_next_time(intent.block_at)
            with suppress(AlreadySent, Underpriced, Refused):
                await self.chain.send(intent.raw)
                restored += 1
                await self._until_mined(intent)
        return restored

    async def _until_mined(self, intent: Intent) -> None:
        waited_s = 0.0
        while await self.chain.receipt(intent.tx) is None and waited_s < MINED_WITHIN_S:
            await self.sleep(PAUSE_S)
            waited_s += PAUSE_S
