"""Reads the contract's events from a checkpoint on, and notices when the chain changes its mind.

The checkpoint (block number and hash) is committed together with the events before it. If its hash
is not on the chain any more, the newest of the remembered blocks that still is becomes the
checkpoint, and what came after it is undone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from hexbytes import HexBytes
from web3.types import LogReceipt

from . import store
from .chain import Chain
from .chain_events import RawEvent, to_entries
from .events import Entry, Head, News
from .problems import ChainReplaced, Unreachable
from .tables import Ledger

#: Blocks asked for at once; halved as long as the node says it is too much.
FIRST_CHUNK = 2_000


@dataclass(slots=True)
class LogReader:
    """Follows one contract. A block counts once `confirmations` blocks, itself included, exist."""

    chain: Chain
    ledger: Ledger
    chain_key: int
    checkpoint: Head
    confirmations: int
    _chunk: int = field(default=FIRST_CHUNK)

    async def poll(self) -> News:
        """What is new since the checkpoint, committed before it is returned."""
        head = await self.chain.head()
        if head.hash == self.checkpoint.hash:
            return News(head)
        undone = await self._undo_orphans()
        target_number = head.number - (self.confirmations - 1)
        entries: list[Entry] = []
        while self.checkpoint.number < target_number:
            last = min(target_number, self.checkpoint.number + self._chunk)
            entries += await self._read(self.checkpoint.number + 1, last)
        return News(head, tuple(entries), tuple(undone))

    async def rewind(self) -> int | None:
        """After a reconnection: the block after which the chain was lost, None if none was."""
        current = await self.chain.block(self.checkpoint.number)
        if current is not None and current.hash == self.checkpoint.hash:
            return None
        return (await self._common_ancestor()).number

    async def _undo_orphans(self) -> list[Entry]:
        if self.checkpoint.hash == "":
            return []
        current = await self.chain.block(self.checkpoint.number)
        if current is not None and current.hash == self.checkpoint.hash:
            return []
        ancestor = await self._common_ancestor()
        undone = await self.ledger.run(partial(store.roll_back, chain=self.chain_key, to=ancestor))
        self.checkpoint = ancestor
        return undone

    async def _common_ancestor(self) -> Head:
        for number, block_hash in await self.ledger.run(
            partial(store.known_blocks, chain=self.chain_key)
        ):
            block = await self.chain.block(number)
            if block is not None and block.hash == block_hash:
                return block
        raise ChainReplaced("none of the blocks that the hub has seen is on the chain")

    async def _logs(self, first: int, last: int) -> tuple[list[LogReceipt], int]:
        """Logs up to `last`, or to an earlier block if the node says that it is too much."""
        while True:
            try:
                return await self.chain.logs(first, last), last
            except Unreachable:
                if last == first:
                    raise
                last = first + (last - first) // 2
                self._chunk = max(1, last - first + 1)

    async def _read(self, first: int, last: int) -> list[Entry]:
        """Read one stretch of blocks and move the checkpoint to its end."""
        logs, last = await self._logs(first, last)
        end = await self.chain.block(last)
        if end is None:
            raise Unreachable(f"block {last} vanished while it was read")
        times: dict[int, Head] = {last: end}
        raw_events = []
        for name, args, log in self.chain.decode(logs):
            number = int(log["blockNumber"])
            if number not in times:
                block = await self.chain.block(number)
                if block is None:
                    raise Unreachable(f"block {number} vanished while it was read")
                times[number] = block
            block_hash = HexBytes(log["blockHash"]).to_0x_hex()
            if block_hash != times[number].hash:
                raise Unreachable("the chain was reorganised while it was read")
            raw_events.append(
                RawEvent(
                    name, args, times[number].at, number, int(log["logIndex"]),
                    HexBytes(log["transactionHash"]).to_0x_hex(), block_hash,
                )
            )  # fmt: skip
        entries = to_entries(raw_events)
        await self.ledger.run(
            partial(
                store.save_checkpoint, chain=self.chain_key, head=end, entries=entries,
                seen=list(times.values()),
            )
        )  # fmt: skip
        self.checkpoint = end
        return entries
