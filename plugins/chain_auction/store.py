"""Rows of the market in the ledger, read and written inside one transaction each.

Every function takes the connection that `Ledger.run` gives it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.dialects import sqlite

from .deliveries import Delivery, Edge
from .events import Entry, Head, from_plain, to_plain
from .metering import Counters
from .tables import blocks, chains, deliveries, edges, events, last_readings

#: Blocks remembered to find where a reorganisation began; the embedded chain may lose a minute.
BLOCKS_KEPT = 1_000


class ChainRow(NamedTuple):
    """A market the hub knows: a contract on a chain."""

    id: int
    chain_id: int
    genesis: str
    contract: str
    code_hash: str
    source_hash: str
    first_block: int
    checkpoint_block: int
    checkpoint_hash: str


_CHAIN_COLUMNS = [getattr(chains.c, name) for name in ChainRow._fields]


def current_chain(connection: Connection, market: str) -> ChainRow | None:
    """The chain in use by a market instance."""
    row = connection.execute(
        select(*_CHAIN_COLUMNS).where(chains.c.market == market, chains.c.archived_at.is_(None))
    ).one_or_none()
    return ChainRow(*row) if row else None


def archive_chain(connection: Connection, chain: int, at: float, why: str) -> None:
    """Put a chain's rows aside: they stay, and are never read into a running market again."""
    connection.execute(
        update(chains).where(chains.c.id == chain).values(archived_at=at, archived_why=why)
    )


def begin_chain(
    connection: Connection,
    market: str,
    *,
    chain_id: int,
    genesis: str,
    contract: str = "",
    code_hash: str = "",
    source_hash: str = "",
    head: Head,
) -> ChainRow:
    """Open the books of a new market; events are read from the block after `head`."""
    connection.execute(
        insert(chains).values(
            market=market, chain_id=chain_id, genesis=genesis, contract=contract,
            code_hash=code_hash, source_hash=source_hash, first_block=head.number,
            checkpoint_block=head.number, checkpoint_hash=head.hash,
        )
    )  # fmt: skip
    row = current_chain(connection, market)
    assert row is not None
    remember_blocks(connection, row.id, [head])
    return row


def name_contract(connection: Connection, chain: int, contract: str, code_hash: str) -> None:
    """Note where the contract of a market was deployed."""
    connection.execute(
        update(chains).where(chains.c.id == chain).values(contract=contract, code_hash=code_hash)
    )


# -- events --


def load_entries(connection: Connection, chain: int, after_block: int = -1) -> list[Entry]:
    """The chain's events in order, from the block after `after_block`."""
    rows = connection.execute(
        select(events)
        .where(events.c.chain == chain, events.c.block > after_block)
        .order_by(events.c.block, events.c.log_index)
    )
    return [
        Entry(
            from_plain(row.name, json.loads(row.args)), row.at, row.block, row.log_index, row.tx,
            row.block_hash,
        )
        for row in rows
    ]  # fmt: skip


def save_entries(connection: Connection, chain: int, entries: Iterable[Entry]) -> None:
    """Add events; ones that are there already stay as they are."""
    rows = []
    for entry in entries:
        name, figures = to_plain(entry.event)
        rows.append({
            "chain": chain, "block": entry.block, "log_index": entry.index,
            "block_hash": entry.block_hash, "tx": entry.tx, "at": entry.at, "name": name,
            "args": json.dumps(figures),
        })  # fmt: skip
    if rows:
        connection.execute(insert(events), rows)


def save_checkpoint(
    connection: Connection, chain: int, head: Head, entries: Sequence[Entry], seen: Sequence[Head]
) -> None:
    """Commit how far the chain was read together with what was read."""
    save_entries(connection, chain, entries)
    remember_blocks(connection, chain, seen)
    connection.execute(
        update(chains)
        .where(chains.c.id == chain)
        .values(checkpoint_block=head.number, checkpoint_hash=head.hash)
    )


def remember_blocks(connection: Connection, chain: int, seen: Sequence[Head]) -> None:
    """Note hashes of blocks and forget those too old to matter."""
    if not seen:
        return
    rows = [{"chain": chain, "number": head.number, "hash": head.hash} for head in seen]
    _put(connection, blocks, rows)
    # The first block of all stays: if even that is gone, it is another chain.
    first = select(chains.c.first_block).where(chains.c.id == chain).scalar_subquery()
    newest = max(head.number for head in seen)
    connection.execute(
        delete(blocks).where(
            blocks.c.chain == chain,
            blocks.c.number <= newest - BLOCKS_KEPT,
            blocks.c.number != first,
        )
    )


def known_blocks(connection: Connection, chain: int) -> list[tuple[int, str]]:
    """Number and hash of the blocks remembered, newest first."""
    rows = connection.execute(
        select(blocks.c.number, blocks.c.hash)
        .where(blocks.c.chain == chain)
        .order_by(blocks.c.number.desc())
    )
    return [(row.number, row.hash) for row in rows]


def roll_back(connection: Connection, chain: int, to: Head) -> list[Entry]:
    """Forget everything after a block; returns the events that are undone."""
    undone = load_entries(connection, chain, to.number)
    for table, column in ((events, events.c.block), (blocks, blocks.c.number)):
        connection.execute(delete(table).where(table.c.chain == chain, column > to.number))
    connection.execute(
        update(chains)
        .where(chains.c.id == chain)
        .values(checkpoint_block=to.number, checkpoint_hash=to.hash)
    )
    return undone


# -- deliveries --


def save_deliveries(connection: Connection, chain: int, changed: Iterable[Delivery]) -> None:
    """Write deliveries as they are now."""
    rows = [
        {
            "chain": chain, "trade_id": str(delivery.trade_id), "start_ms": delivery.start_ms,
            "end_ms": delivery.end_ms, "state": delivery.state,
            "delivered_wh": delivery.delivered_wh, "received_wh": delivery.received_wh,
            "reason": delivery.reason,
        }
        for delivery in changed
    ]  # fmt: skip
    _put(connection, deliveries, rows)


class DeliveryRow(NamedTuple):
    """A delivery as the ledger keeps it; who takes part is known from the trade."""

    start_ms: int
    end_ms: int
    state: str
    delivered_wh: int | None
    received_wh: int | None
    reason: str


def load_deliveries(connection: Connection, chain: int) -> dict[int, DeliveryRow]:
    """The deliveries of a chain, by trade."""
    rows = connection.execute(select(deliveries).where(deliveries.c.chain == chain))
    return {
        int(row.trade_id): DeliveryRow(
            row.start_ms, row.end_ms, row.state, row.delivered_wh, row.received_wh, row.reason or ""
        )
        for row in rows
    }


def forget_deliveries(connection: Connection, chain: int, trade_ids: Iterable[int]) -> None:
    """Remove deliveries whose trades a reorganisation took back."""
    for trade_id in trade_ids:
        connection.execute(
            delete(deliveries).where(
                deliveries.c.chain == chain, deliveries.c.trade_id == str(trade_id)
            )
        )


def save_edges(connection: Connection, chain: int, found: Iterable[Edge]) -> None:
    """Keep counters read at window edges."""
    rows = [
        {
            "chain": chain, "device": edge.device, "at_ms": edge.at_ms,
            "import_mwh": edge.counters.import_mwh, "export_mwh": edge.counters.export_mwh,
        }
        for edge in found
    ]  # fmt: skip
    if rows:
        connection.execute(sqlite.insert(edges).on_conflict_do_nothing(), rows)


def forget_edges(connection: Connection, chain: int, before_ms: int) -> None:
    """Drop counters that no trade can be settled on any more."""
    connection.execute(delete(edges).where(edges.c.chain == chain, edges.c.at_ms < before_ms))


def load_edges(connection: Connection, chain: int, since_ms: int) -> list[Edge]:
    """Counters at window edges since a moment."""
    rows = connection.execute(
        select(edges).where(edges.c.chain == chain, edges.c.at_ms >= since_ms)
    )
    return [Edge(r.device, r.at_ms, Counters(r.import_mwh, r.export_mwh)) for r in rows]


def save_last_readings(connection: Connection, chain: int, found: Iterable[Edge]) -> None:
    """Keep what meters read last, in place of what they read before."""
    rows = [
        {
            "chain": chain, "device": reading.device, "at_ms": reading.at_ms,
            "import_mwh": reading.counters.import_mwh, "export_mwh": reading.counters.export_mwh,
        }
        for reading in found
    ]  # fmt: skip
    _put(connection, last_readings, rows)


def load_last_readings(connection: Connection, chain: int) -> list[Edge]:
    """What meters read last before the hub was away."""
    rows = connection.execute(select(last_readings).where(last_readings.c.chain == chain))
    return [Edge(r.device, r.at_ms, Counters(r.import_mwh, r.export_mwh)) for r in rows]


def _put(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows, each in place of the one with the same key; one statement serves them all."""
    if not rows:
        return
    statement = sqlite.insert(table)
    figures = [column for column in table.c if not column.primary_key]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=table.primary_key.columns,
            set_={column.name: statement.excluded[column.name] for column in figures},
        ),
        rows,
    )
