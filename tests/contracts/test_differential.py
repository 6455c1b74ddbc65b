"""The contract against the reference, on random operations.

    MARKET_SEEDS=200 MARKET_OPERATIONS=500 pytest tests/contracts      longer
    MARKET_FIRST_SEED=137 MARKET_SEEDS=1 pytest tests/contracts        one seed again
    MARKET_ARTEFACT=other.json pytest tests/contracts                  another build of it

A failure prints its seed and the shortest list of operations found that still fails.
`MARKET_SHRINK_RUNS=0` prints the seed alone, at once.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.contracts.market import Market
from tests.contracts.operations import Operation, random_operations, shortest
from tests.contracts.pair import Mismatch
from tests.contracts.records import Rules

ROOT = Path(__file__).parents[2]
ARTEFACT = Path(
    os.environ.get("MARKET_ARTEFACT", ROOT / "contracts" / "build" / "EnergyDoubleAuction.json")
)
FIRST_SEED = int(os.environ.get("MARKET_FIRST_SEED", "1"))
SEEDS = int(os.environ.get("MARKET_SEEDS", "20"))
OPERATIONS = int(os.environ.get("MARKET_OPERATIONS", "300"))
SHRINK_RUNS = int(os.environ.get("MARKET_SHRINK_RUNS", "300"))

# what 20 seeds must have met, or the test has gone blind
MUST_REACH = {
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
    "failed in an open round",
    "expire",
    "settleBatch",
    "postDelivery",
    "settled by an old key",
    "placeBatch",
    "placeSigned",
    "abortRound",
    "adminCancel",
    "withdraw",
    "refused OrderInOpenRound",
    "refused RoundIsOpen",
    "refused UnknownTrade",
    "refused SequenceUsed",
    "refused SignerRetiredForTrade",
    "refused NotMeterOfTrade",
    "refused OpenLimitReached",
    "left out OpenLimitReached",
    "refused TradeNotPending",
}


def run(seed: int, operations: list[Operation]) -> Counter[str]:
    """Run operations on a fresh pair, then let everyone leave; raises Mismatch."""
    rules = Rules(deposit_rate=(100, 0, 1_000)[seed % 3], pay_as_bid=seed % 4 == 3)
    market = Market(ARTEFACT, rules, on_token=seed % 4 == 2)
    for at, operation in enumerate(operations):
        try:
            market.apply(operation)
        except Mismatch as mismatch:
            mismatch.add_note(f"in operation {at} of {len(operations)}: {operation}")
            raise
    market.do_check(whole=True)
    market.leave()
    return market.reached


def mismatch_of(seed: int, operations: list[Operation]) -> Mismatch | None:
    try:
        run(seed, operations)
    except Mismatch as mismatch:
        return mismatch
    return None


def kind_of(mismatch: Mismatch | None) -> str:
    """The first words of a mismatch, without its figures."""
    return re.sub(r"\d+", "", str(mismatch))[:40]


def report(seed: int, count: int, mismatch: Mismatch) -> str:
    """The seed, the first disagreement, and a short list of operations that shows it."""
    if SHRINK_RUNS == 0:
        return f"seed {seed}: {mismatch}"
    kind = kind_of(mismatch)
    operations = shortest(
        random_operations(seed, count),
        lambda shorter: kind_of(mismatch_of(seed, shorter)) == kind,
        runs=SHRINK_RUNS,
    )
    last = mismatch_of(seed, operations)
    listed = "\n".join(f"    {operation}," for operation in operations)
    return (
        f"seed {seed}: {mismatch}\n"
        f"{len(operations)} operations still fail: {last} "
        f"{' '.join(getattr(last, '__notes__', []))}\n[\n{listed}\n]"
    )


def compare(seed: int, count: int) -> None:
    """Run one seed; fail with a short list of operations."""
    mismatch = None
    try:
        reached.update(run(seed, random_operations(seed, count)))
    except Mismatch as found:
        mismatch = found
    if mismatch is not None:
        pytest.fail(report(seed, count, mismatch), pytrace=False)


reached: Counter[str] = Counter()
needs_build = pytest.mark.skipif(
    not ARTEFACT.exists(), reason=f"{ARTEFACT.name} is not built: run make setup"
)


@needs_build
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_contract_equals_reference(seed: int) -> None:
    compare(seed, OPERATIONS)


@needs_build
@pytest.mark.long
@pytest.mark.parametrize("seed", range(10_000, 10_200))
def test_contract_equals_reference_at_length(seed: int) -> None:
    compare(seed, 500)


@needs_build
@pytest.mark.skipif(SEEDS * OPERATIONS < 6_000, reason="too short a run to reach everything")
def test_the_operations_reach_every_branch() -> None:
    print(f"{SEEDS} seeds of {OPERATIONS} operations reached", dict(reached))  # noqa: T201
    assert not MUST_REACH - set(reached), "operations that the test no longer reaches"
