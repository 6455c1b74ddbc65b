"""Random operations, and the shortest list of them that still fails."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.contracts.records import Which
from tests.contracts.units import TRADERS

Operation = tuple[Any, ...]
Maker = Callable[[random.Random], tuple[Any, ...]]

ANY = 10_000
"""Numbers that pick one of what there is are drawn below this."""


def order_row(rng: random.Random) -> tuple[int, ...]:
    """Side, ticks, lots, seconds of life: many ties, some of them short-lived."""
    return (
        rng.randrange(2),
        rng.choice([rng.randint(40, 60), rng.randint(48, 52), rng.choice([255, 256, 65_536])]),
        rng.choice([1, 2, 5, rng.randint(1, 40)]),
        rng.choice([30, 600, 5_000, 50_000, 500_000]),
    )


def spoilt(rng: random.Random, kinds: int, seldom: int) -> int:
    """Mostly -1; now and then the number of a defect."""
    return rng.randrange(kinds) if rng.randrange(seldom) == 0 else -1


def slippage(rng: random.Random) -> int:
    return rng.choice([0, 0, 0, 0, 500, 2_000])


def place(rng: random.Random) -> tuple[Any, ...]:
    paid = rng.choice([0] * 12 + [1, 2, 3])
    return rng.randrange(TRADERS), *order_row(rng), paid, spoilt(rng, 7, 9)


def burst(rng: random.Random) -> tuple[Any, ...]:
    """Several orders around one price: pairs for more pages than one, or the dead in its way."""
    middle = rng.randint(42, 58)
    lives = rng.choice([[60], [5_000], [50_000, 500_000], [60, 500_000]])
    return tuple(
        (
            rng.randrange(TRADERS),
            side,
            middle + (1 if side else -1) * rng.randint(-1, 3),
            rng.choice([1, 2, 5, rng.randint(1, 40)]),
            rng.choice(lives),
        )
        for side in rng.choices([0, 1], k=rng.randint(4, 9))
    )


def place_huge(rng: random.Random) -> tuple[Any, ...]:
    ticks = rng.choice([1, 50, 2**24 - 1])
    lots = rng.choice([2**16, 2**23, 2**24 - 1, 2**24])
    return rng.randrange(TRADERS), rng.randrange(2), ticks, lots, rng.choice([30, 600])


def place_batch(rng: random.Random) -> tuple[Any, ...]:
    rows = [(*order_row(rng), slippage(rng), spoilt(rng, 7, 9)) for _ in range(rng.randint(1, 5))]
    return rng.randrange(TRADERS), rng.choice([0, 500]), *rows


def place_signed(rng: random.Random) -> tuple[Any, ...]:
    return tuple(
        (
            rng.randrange(TRADERS),
            *order_row(rng),
            slippage(rng),
            spoilt(rng, 7, 9),
            rng.choice([0] * 8 + [1, 2]),
        )
        for _ in range(rng.randint(1, 4))
    )


def params(rng: random.Random) -> tuple[Any, ...]:
    limit = rng.choice([0, 0, 0, 3, 200])
    collar = rng.choice([0] * 9 + [3_000])
    cap = rng.choice([0, 0, 60, 200, 600])
    settlement_ttl = rng.choice([3_600, 3_600, 900, 7_200])
    rate = rng.choice([0, 33, 100, 1_000])
    return rate, collar, rng.randrange(2), limit, cap, settlement_ttl


def eighths(rng: random.Random) -> int:
    """How much of a trade a meter saw, in eighths; mostly all of it, or more."""
    return rng.choice([8, 8, 9, rng.randint(0, 8)])


def settle(rng: random.Random) -> tuple[Any, ...]:
    amounts = eighths(rng), eighths(rng)
    which = rng.choice([Which.IN_TIME] * 6 + [Which.PENDING, Which.ANY])
    way = rng.choice([0, 0, 1, 1, 2])
    return rng.randrange(ANY), which, *amounts, way, spoilt(rng, 7, 3)


def expire(rng: random.Random) -> tuple[Any, ...]:
    return rng.randrange(ANY), rng.choice([Which.LATE] * 4 + [Which.PENDING, Which.ANY])


def settle_batch(rng: random.Random) -> tuple[Any, ...]:
    return tuple((rng.randrange(ANY), eighths(rng), eighths(rng)) for _ in range(rng.randint(1, 6)))


def pages(rng: random.Random) -> tuple[Any, ...]:
    return (rng.choice([1, 1, 2, 3, 5, 8, 50, spoilt(rng, 1, 3) + 1]),)


MAKERS: dict[str, tuple[int, Maker]] = {
    "place": (34, place),
    "burst": (8, burst),
    "place_huge": (1, place_huge),
    "place_batch": (4, place_batch),
    "place_signed": (4, place_signed),
    "raise_nonce": (1, lambda rng: (rng.randrange(TRADERS), rng.randrange(3))),
    "cancel": (2, lambda rng: (rng.randrange(ANY), rng.randrange(5) == 0)),
    "cancel_resting": (6, lambda rng: (rng.randrange(ANY), rng.randrange(4) == 0)),
    "prune": (3, lambda rng: tuple(rng.randrange(ANY) for _ in range(rng.randint(1, 12)))),
    "deposit": (5, lambda rng: (rng.randrange(TRADERS), rng.randint(1, 900), rng.randrange(10))),
    "withdraw": (2, lambda rng: (rng.randrange(TRADERS),)),
    "match": (14, pages),
    "finish": (6, pages),
    "stop": (2, lambda rng: (rng.randint(1, 4),)),
    "abort": (1, lambda _: ()),
    "rotate": (1, lambda rng: (rng.choice([-1, 0, 300, 5_000]),)),
    "params": (1, params),
    "settle": (16, settle),
    "settle_batch": (4, settle_batch),
    "post": (4, lambda rng: (rng.randrange(ANY), rng.randint(0, 9))),
    "expire": (9, expire),
    "false_pair": (3, lambda rng: (rng.randrange(ANY), rng.randrange(ANY))),
    "wait": (14, lambda rng: (rng.choice([1, 20, 20, 60, 300, 300, 1_000, 4_000]),)),
    "wait_until": (5, lambda rng: (rng.randrange(ANY), rng.choice([-1, 0, 0, 1]))),
    "in_round": (12, lambda rng: in_round(rng)),  # noqa: PLW0108 - it needs this table
    "check": (1, lambda _: ()),
}


IN_ROUND = (
    "settle",
    "settle",
    "cancel_resting",
    "place",
    "prune",
    "expire",
    "params",
    "wait",
    "check",
)


def in_round(rng: random.Random) -> tuple[Any, ...]:
    name = rng.choice(IN_ROUND)
    return rng.randint(1, 2), name, *MAKERS[name][1](rng)


def random_operations(seed: int, count: int) -> list[Operation]:
    """The operations of one seed."""
    rng = random.Random(seed)
    names = rng.choices(list(MAKERS), weights=[weight for weight, _ in MAKERS.values()], k=count)
    return [(name, *MAKERS[name][1](rng)) for name in names]


def shortest(
    operations: list[Operation], fails: Callable[[list[Operation]], bool], *, runs: int
) -> list[Operation]:
    """Leave out what is not needed to fail, in ever smaller pieces, within so many runs."""
    size = len(operations) // 2
    while size and runs > 0:
        start = 0
        while start < len(operations) and runs > 0:
            shorter = operations[:start] + operations[start + size :]
            runs -= 1
            if fails(shorter):
                operations = shorter
            else:
                start += size
        size //= 2
    return operations
