"""Transactions as rows of the ledger: committed before they are sent, so that each is sent once.

An intent is `signed` until its receipt is known, then `mined` or `failed`. Its bytes never change
except by a replacement with the same nonce and higher fees, so sending them again is harmless.
Every function takes the connection that `Ledger.run` gives it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import sqlite

from .events import Head
from .tables import intents


@dataclass(frozen=True, slots=True)
class Intent:
    """One transaction. `earlier_txs` are hashes of versions with lower fees."""

    id: str
    sender: str
    nonce: int
    what: str
    raw: bytes
    tx: str
    earlier_txs: tuple[str, ...]
    state: str
    sent_at: float
    block: int | None = None
    block_hash: str | None = None
    block_at: int | None = None
    reason: str | None = None

    @property
    def hashes(self) -> tuple[str, ...]:
        """All hashes under which it may have been mined, the newest first."""
        return (self.tx, *reversed(self.earlier_txs))


def _intent(row: object) -> Intent:
    fields = {name: getattr(row, name) for name in Intent.__slots__}
    return Intent(**fields | {"earlier_txs": tuple(fields["earlier_txs"].split())})


def find(connection: Connection, chain: int, intent_id: str) -> Intent | None:
    """The intent of that id."""
    row = connection.execute(
        select(intents).where(intents.c.chain == chain, intents.c.id == intent_id)
    ).one_or_none()
    return _intent(row) if row else None


def commit(connection: Connection, chain: int, intent: Intent) -> None:
    """Write a new intent. Its id and its nonce must be unused."""
    connection.execute(insert(intents).values(_values(chain, intent)))


def commit_seen(connection: Connection, chain: int, intent: Intent) -> None:
    """Keep a mined transaction of somebody else, to send it again if the chain forgets it."""
    statement = sqlite.insert(intents).values(_values(chain, intent))
    connection.execute(statement.on_conflict_do_nothing())


def _values(chain: int, intent: Intent) -> dict[str, object]:
    return {
        "chain": chain, "id": intent.id, "sender": intent.sender, "nonce": intent.nonce,
        "what": intent.what, "raw": intent.raw, "tx": intent.tx,
        "earlier_txs": " ".join(intent.earlier_txs), "state": intent.state,
        "sent_at": intent.sent_at, "block": intent.block, "block_hash": intent.block_hash,
        "block_at": intent.block_at, "reason": intent.reason,
    }  # fmt: skip


def remove(connection: Connection, chain: int, intent_id: str) -> None:
    """Take back an intent that the node refused at first sight: nobody can ever mine it."""
    connection.execute(delete(intents).where(intents.c.chain == chain, intents.c.id == intent_id))


def set_aside(connection: Connection, chain: int, intent: Intent) -> None:
    """Make the id of a failed transaction free again: it had no effect, so it may be retried."""
    connection.execute(
        update(intents)
        .where(intents.c.chain == chain, intents.c.id == intent.id)
        .values(id=f"{intent.id}#{intent.nonce}")
    )


def next_nonce(connection: Connection, chain: int, sender: str) -> int:
    """The nonce after all that this ledger knows of; 0 if it knows none."""
    highest = connection.execute(
        select(func.max(intents.c.nonce)).where(
            intents.c.chain == chain, intents.c.sender == sender
        )
    ).scalar_one()
    return 0 if highest is None else int(highest) + 1


def pending(connection: Connection, chain: int) -> list[Intent]:
    """What has no receipt yet, in an order in which it can be sent."""
    rows = connection.execute(
        select(intents)
        .where(intents.c.chain == chain, intents.c.state == "signed")
        .order_by(intents.c.block.is_(None), intents.c.block, intents.c.sender, intents.c.nonce)
    )
    return [_intent(row) for row in rows]


def record(
    connection: Connection,
    chain: int,
    intent_id: str,
    state: str,
    *,
    block: Head,
    reason: str | None = None,
) -> None:
    """Note how an intent ended, and in which block."""
    connection.execute(
        update(intents)
        .where(intents.c.chain == chain, intents.c.id == intent_id)
        .values(
            state=state, block=block.number, block_hash=block.hash, block_at=block.at, reason=reason
        )
    )


def replace_bytes(
    connection: Connection, chain: int, intent: Intent, raw: bytes, tx: str, sent_at: float
) -> None:
    """Note the version with higher fees before it is sent."""
    connection.execute(
        update(intents)
        .where(intents.c.chain == chain, intents.c.id == intent.id)
        .values(
            raw=raw, tx=tx, sent_at=sent_at, earlier_txs=" ".join((*intent.earlier_txs, intent.tx))
        )
    )


def reopen_after(connection: Connection, chain: int, block: int) -> int:
    """Treat everything mined after a block as not mined; returns how many that are.

    Number and time of the block stay until the next receipt: they tell in which order to send them
    again, and on a chain of our own at what time.
    """
    result = connection.execute(
        update(intents)
        .where(intents.c.chain == chain, intents.c.block > block, intents.c.state != "signed")
        .values(state="signed", block_hash=None, reason=None)
    )
    return int(result.rowcount)


def is_known(connection: Connection, chain: int, tx: str) -> bool:
    """Whether a transaction is among the intents."""
    query = select(intents.c.id).where(intents.c.chain == chain, intents.c.tx == tx)
    return connection.execute(query).first() is not None


def forget_ended(connection: Connection, chain: int, before: float, before_block: int) -> None:
    """Drop transactions that ended long ago; the last of each sender stays for its nonce."""
    newest = (
        select(func.max(intents.c.nonce)).where(intents.c.chain == chain).group_by(intents.c.sender)
    )
    connection.execute(
        delete(intents).where(
            intents.c.chain == chain,
            intents.c.state != "signed",
            intents.c.sent_at < before,
            intents.c.block < before_block,
            intents.c.nonce.not_in(newest),
        )
    )


def forget_seen(connection: Connection, chain: int, before_block: int) -> None:
    """Drop other people's transactions that no reorganisation can take back any more."""
    connection.execute(
        delete(intents).where(
            intents.c.chain == chain, intents.c.id.like("seen:%"), intents.c.block < before_block
        )
    )
