"""The contract against the reference, on random operations.

    MARKET_SEEDS=200 MARKET_OPERATIONS=500 pytest tests/contracts      longer
    MARKET_FIRST_SEED=137 MARKET_SEEDS=1 pytest tests/contracts        one seed again
    MARKET_ARTEFACT=other.json pytest tests/contracts         another build of it

A failure prints its seed and the shortest list of operations found that still fails.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.contracts.market_driver import TRADERS, Market, Mismatch, Operation
from tests.contracts.reference import Rules

ROOT = Path(__file__).parents[2]
ARTEFACT = Path(
    os.environ.get("MARKET_ARTEFACT", ROOT / "contracts" / "build" / "EnergyDoubleAuction.json")
)
FIRST_SEED = int(os.environ.get("MARKET_FIRST_SEED", "1"))
SEEDS = int(os.environ.get("MARKET_SEEDS", "20"))
OPERATIONS = int(os.environ.get("MARKET_OPERATIONS", "300"))
SHRINK_RUNS = int(os.environ.get("MARKET_SHRINK_RUNS", "300"))

MUST_REACH = (
    "placed in an open round",
    "paged",
    "rounds of several pages",
    "removed expired",
    "removed self-crossed",
    "pruned",
    "full",
    "short",
    "requeued",
    "refunded instead",
    "expire",
    "settleBatch",
    "postDelivery",
    "placeBatch",
    "placeSigned",
    "abortRound",
    "adminCancel",
    "withdraw",
    "refused OrderInOpenRound",
    "refused RoundIsOpen",
    "refused UnknownTrade",
    "refused SequenceUsed",
    "refused TradeNotPending",
)


def order_row(rng: random.Random) -> tuple[int, ...]:
    """Side, ticks, lots, seconds of life: many ties, some of them short-lived."""
    return (
        rng.randrange(2),
        rng.choice([rng.randint(40, 60), rng.randint(48, 52), rng.choice([255, 256, 65_536])]),
        rng.choice([1, 2, 5, rng.randint(1, 40)]),
        rng.choice([30, 600, 5_000, 50_000, 500_000]),
    )


def random_operation(rng: random.Random) -> Operation:
    """One operation, good more often than not."""
    pick = rng.randrange(10_000)
    odd = rng.choice([*range(7), *[-1] * 60])
    slippage = rng.choice([0, 0, 0, 500, 2_000])
    name = rng.choices(
        list(WEIGHTS), weights=list(WEIGHTS.values())
    )[0]  # fmt: skip
    match name:
        case "place":
            return (
                name,
                rng.randrange(TRADERS),
                *order_row(rng),
                rng.choice([0] * 12 + [1, 2, 3]),
                odd,
            )
        case "place_batch":
            rows = [(*order_row(rng), slippage, odd) for _ in range(rng.randint(1, 5))]
            return name, rng.randrange(TRADERS), rng.choice([0, 500]), *rows
        case "place_signed":
            rows = []
            for _ in range(rng.randint(1, 4)):
                forged = rng.choice([0] * 8 + [1, 2])
                rows.append((rng.randrange(TRADERS), *order_row(rng), slippage, odd, forged))
            return name, *rows
        case "raise_nonce":
            return name, rng.randrange(TRADERS), rng.randrange(3)
        case "cancel":
            return name, pick, rng.randrange(5) == 0
        case "cancel_resting":
            return name, pick, rng.randrange(4) == 0
        case "prune":
            return name, *[rng.randrange(10_000) for _ in range(rng.randint(1, 12))]
        case "deposit":
            return name, rng.randrange(TRADERS), rng.randint(1, 900), rng.randrange(10)
        case "withdraw":
            return name, rng.randrange(TRADERS)
        case "match" | "finish":
            return name, rng.choice([0, 1, 2, 3, 5, 8, 50]) or rng.randrange(2)
        case "pause":
            return name, rng.randrange(2)
        case "params":
            limit = rng.choice([0, 0, 0, 3, 200])
            return name, rng.choice([0, 33, 100, 1_000]), slippage, rng.randrange(2), limit
        case "settle":
            spoilt = rng.choice([*range(6), *[-1] * 12])
            amounts = (
                rng.choice([8, 8, 9, rng.randint(0, 8)]),
                rng.choice([8, 8, 9, rng.randint(0, 8)]),
            )
            return name, pick, rng.randrange(8) > 0, *amounts, rng.randrange(2), spoilt
        case "settle_batch":
            rows = [
                (rng.randrange(10_000), rng.randint(4, 9), rng.randint(4, 9))
                for _ in range(rng.randint(1, 6))
            ]
            return name, *rows
        case "post":
            return name, pick, rng.randint(0, 9)
        case "expire":
            return name, pick, rng.randrange(6) > 0
        case "false_pair":
            return name, pick, rng.randrange(10_000)
        case "wait":
            return name, rng.choice([1, 20, 20, 60, 300, 300, 1_000, 4_000])
        case "abort" | "check":
            return (name,)
    raise AssertionError(name)


WEIGHTS = {
    "place": 40,
    "place_batch": 4,
    "place_signed": 4,
    "raise_nonce": 1,
    "cancel": 2,
    "cancel_resting": 4,
    "prune": 3,
    "deposit": 5,
    "withdraw": 2,
    "match": 14,
    "finish": 6,
    "pause": 2,
    "abort": 2,
    "params": 1,
    "settle": 14,
    "settle_batch": 3,
    "post": 3,
    "expire": 9,
    "false_pair": 3,
    "wait": 14,
    "check": 3,
}


def operations_of(seed: int) -> list[Operation]:
    """The operations of one seed; a pause never lasts long."""
    rng = random.Random(seed)
    operations = []
    for _ in range(OPERATIONS):
        operation = random_operation(rng)
        operations.append(operation)
        if operation == ("pause", 1):
            operations += [("abort",), ("match", 4), ("pause", 0)]
    return operations


def rules_of(seed: int) -> Rules:
    return Rules(deposit_rate=(100, 0, 1_000)[seed % 3], pay_as_bid=seed % 4 == 3)


def run(seed: int, operations: list[Operation], *, leave: bool = True) -> Counter[str]:
    """Run operations on a fresh pair; raises Mismatch."""
    market = Market(ARTEFACT, rules_of(seed))
    for at, operation in enumerate(operations):
        try:
            market.apply(operation)
        except Mismatch as mismatch:
            mismatch.add_note(f"in operation {at} of {len(operations)}: {operation}")
            raise
    market.do_check()
    if leave:
        market.leave()
    return market.reached


def shrink(seed: int, operations: list[Operation], kind: str) -> list[Operation]:
    """Leave out what is not needed to fail in the same way, in ever smaller pieces."""
    size = len(operations) // 2
    runs = 0
    while size and runs < SHRINK_RUNS:
        start = 0
        while start < len(operations) and runs < SHRINK_RUNS:
            shorter = operations[:start] + operations[start + size :]
            runs += 1
            try:
                run(seed, shorter)
                start += size
            except Mismatch as mismatch:
                if kind_of(mismatch) == kind:
                    operations = shorter
                else:
                    start += size
        size //= 2
    return operations


def kind_of(mismatch: Mismatch) -> str:
    """The first words of a mismatch, without its figures."""
    return re.sub(r"\d+", "", str(mismatch))[:40]


def report(seed: int, mismatch: Mismatch) -> str:
    """The seed, the first disagreement, and a short list of operations that shows it."""
    shortest = shrink(seed, operations_of(seed), kind_of(mismatch))
    try:
        run(seed, shortest)
    except Mismatch as last:
        told = f"{last} {' '.join(getattr(last, '__notes__', []))}"
    else:
        told = "(does not fail again)"
    listed = "\n".join(f"    {operation}," for operation in shortest)
    return f"seed {seed}: {mismatch}\nshortest list that fails: {told}\n[\n{listed}\n]"


@pytest.mark.skipif(not ARTEFACT.exists(), reason=f"{ARTEFACT.name} is not built: run make setup")
def test_contract_equals_reference() -> None:
    reached: Counter[str] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        try:
            reached += run(seed, operations_of(seed))
        except Mismatch as mismatch:
            failure = report(seed, mismatch)
        else:
            continue
        pytest.fail(failure, pytrace=False)
    print(f"{SEEDS} seeds of {OPERATIONS} operations; reached {dict(reached)}")
    if SEEDS >= 20:
        assert not [what for what in MUST_REACH if not reached[what]], "the test lost its reach"
