"""Which contract a market runs on: the one it has, one named in hub.yaml, or a new one.

A market is remembered with its chain's id, the hash of its first block and the hash of its code.
If any of them is another one now, the chain was wiped or exchanged: the old market's rows are put
aside, and a new page begins. Nothing of the two is ever mixed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from hexbytes import HexBytes
from web3.types import TxReceipt

from . import store
from .artefact import Artefact
from .chain import Chain
from .chain_settings import Place
from .clearing import PricingMode
from .events import Head
from .problems import Misconfigured
from .store import ChainRow
from .tables import Ledger
from .twin_records import Params

NATIVE_COIN = "0x0000000000000000000000000000000000000000"


def params_tuple(params: Params) -> tuple[int, ...]:
    """The settable rules in the order of the contract's struct."""
    return (
        params.min_qty_wh,
        params.order_ttl_s,
        params.settlement_ttl_s,
        params.deposit_rate_permille,
        params.max_slippage_bp,
        1 if params.mode is PricingMode.PAY_AS_BID else 0,
        params.strike_limit,
        params.max_open_wh,
    )


def constructor_arguments(
    price_tick_wei: int, lot_wh: int, params: Params, owner: str, oracle: str
) -> tuple[Any, ...]:
    """What the contract is created with; payments are in the chain's own coin."""
    return (NATIVE_COIN, price_tick_wei, lot_wh, params_tuple(params), owner, oracle)


async def find_market(
    chain: Chain,
    ledger: Ledger,
    place: Place,
    artefact: Artefact,
    chain_id: int,
    tell: Callable[[str], None],
) -> ChainRow:
    """Return the page of the market to run on; its contract may still have to be deployed."""
    genesis_block = await chain.block(0)
    genesis = genesis_block.hash if genesis_block else "pruned"
    row = await ledger.run(partial(store.current_chain, market=place.market))
    if row is not None:
        why = await _why_another(chain, row, place, artefact, chain_id, genesis)
        if why is None:
            return row
        await ledger.run(partial(store.archive_chain, chain=row.id, at=time.time(), why=why))
        tell(f"{why}; the records of the old market are kept apart (page {row.id} of the ledger)")
    contract, code_hash = "", ""
    head = await chain.head()
    if place.contract is not None:
        contract = place.contract
        code_hash = await chain.code_hash(contract)
        if not code_hash:
            raise Misconfigured(
                f"{place.where}.contract: there is no contract at {contract} on chain {chain_id}"
            )
        head = await chain.block(max(0, place.first_block - 1)) or head
    elif not (place.embedded or place.deploy):
        raise Misconfigured(
            f"{place.where}: no market is known on chain {chain_id}; "
            f"set contract: 0x… to use one, or deploy: true to create one"
        )
    return await ledger.run(
        partial(
            store.begin_chain, market=place.market, chain_id=chain_id, genesis=genesis,
            contract=contract, code_hash=code_hash, source_hash=artefact.source_hash, head=head,
        )
    )  # fmt: skip


async def _why_another(
    chain: Chain, row: ChainRow, place: Place, artefact: Artefact, chain_id: int, genesis: str
) -> str | None:
    """Why the remembered market cannot be this one; None if it is."""
    if row.chain_id != chain_id:
        return f"the node is on chain {chain_id} now, the market was on chain {row.chain_id}"
    if row.genesis != genesis:
        return "the chain was wiped: its first block is another one"
    if place.contract is not None and row.contract.lower() != place.contract.lower():
        return f"hub.yaml names the contract {place.contract} now, it was {row.contract}"
    if place.embedded and row.source_hash != artefact.source_hash:
        return "the contract was compiled anew from other sources"
    if row.contract and row.code_hash != await chain.code_hash(row.contract):
        return f"there is another contract, or none, at {row.contract} now"
    return None


async def note_deployed(
    chain: Chain, ledger: Ledger, row: ChainRow, receipt: TxReceipt
) -> ChainRow:
    """Write down where the contract is; its events are read from its own block on."""
    contract = str(receipt["contractAddress"])
    block = int(receipt["blockNumber"])
    code_hash = await chain.code_hash(contract)
    await ledger.run(
        partial(store.name_contract, chain=row.id, contract=contract, code_hash=code_hash)
    )
    before = await chain.block(block - 1)
    head = before or Head(block, HexBytes(receipt["blockHash"]).to_0x_hex(), 0)
    return row._replace(
        contract=contract, code_hash=code_hash, checkpoint_block=head.number,
        checkpoint_hash=head.hash,
    )  # fmt: skip
