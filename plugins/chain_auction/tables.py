"""What the market keeps in the hub's ledger. All rows belong to one chain, so that the rows of a
wiped development chain are never mixed with those of the new one.

Integers beyond 64 bits (trade ids) are stored as decimal text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

T = TypeVar("T")


class Ledger(Protocol):
    """The hub's durable database: each call is one transaction, on disk when it returns."""

    def run(self, function: Callable[[Connection], T]) -> Awaitable[T]:
        """Run `function(connection)` in one transaction."""


metadata = MetaData()

#: One row per market ever seen: a contract on a chain. The one in use has no `archived_at`.
chains = Table(
    "market_chains",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("market", String(64), nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("genesis", String(66), nullable=False),
    Column("contract", String(42), nullable=False),
    Column("code_hash", String(66), nullable=False),
    Column("source_hash", String(64), nullable=False),
    Column("first_block", BigInteger, nullable=False),
    Column("checkpoint_block", BigInteger, nullable=False),
    Column("checkpoint_hash", String(66), nullable=False),
    Column("archived_at", Float),
    Column("archived_why", Text),
)

#: The contract's events in the canonical chain; the mirrored book is a fold over them.
events = Table(
    "market_events",
    metadata,
    Column("chain", ForeignKey(chains.c.id), primary_key=True),
    Column("block", BigInteger, primary_key=True),
    Column("log_index", Integer, primary_key=True),
    Column("block_hash", String(66), nullable=False),
    Column("tx", String(66), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("name", String(32), nullable=False),
    Column("args", Text, nullable=False),
)

#: The last blocks seen, to find the common ancestor after a reorganisation.
blocks = Table(
    "market_blocks",
    metadata,
    Column("chain", ForeignKey(chains.c.id), primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("hash", String(66), nullable=False),
)

#: Transactions: written before they are sent. `state` is signed, mined or failed.
intents = Table(
    "market_intents",
    metadata,
    Column("chain", ForeignKey(chains.c.id), primary_key=True),
    Column("id", String(128), primary_key=True),
    Column("sender", String(42), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("tx", String(66), nullable=False),
    #: Hashes of the versions that a replacement with higher fees has superseded, blank-separated.
    Column("earlier_txs", Text, nullable=False, default=""),
    Column("state", String(8), nullable=False),
    Column("sent_at", Float, nullable=False),
    Column("block", BigInteger),
    Column("block_hash", String(66)),
    #: Time of the block in seconds since the epoch.
    Column("block_at", BigInteger),
    Column("reason", Text),
    UniqueConstraint("chain", "sender", "nonce"),
    Index("market_intents_by_state", "chain", "state"),
    Index("market_intents_by_tx", "chain", "tx"),
)

#: Delivery and settlement of each trade.
deliveries = Table(
    "market_deliveries",
    metadata,
    Column("chain", ForeignKey(chains.c.id), primary_key=True),
    Column("trade_id", String(80), primary_key=True),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("delivered_wh", BigInteger),
    Column("received_wh", BigInteger),
    Column("reason", Text),
)

#: Meter counters at the edges of delivery windows.
edges = Table(
    "market_meter_edges",
    metadata,
    Column("chain", ForeignKey(chains.c.id), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    Column("import_mwh", BigInteger, nullable=False),
    Column("export_mwh", BigInteger, nullable=False),
)

#: What meters of open deliveries read last, for the case that the hub is away at a window's end.
last_readings = Table(
    "market_last_readings",
    metadata,
    Column("chain", ForeignKey(chains.c.id), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("import_mwh", BigInteger, nullable=False),
    Column("export_mwh", BigInteger, nullable=False),
)
