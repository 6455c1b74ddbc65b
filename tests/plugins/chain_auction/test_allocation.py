"""No Wh is given out twice, none more than was sold, and what is settled stays settled."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from plugins.chain_auction.allocation import Claim, allocate, edges, share

MINUTE_MS = 60_000


@st.composite
def claim_lists(draw: st.DrawFn) -> list[Claim]:
    claims = []
    for number in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, 20)) * MINUTE_MS
        length = draw(st.integers(1, 10)) * MINUTE_MS
        claims.append(Claim(number, start, start + length, draw(st.integers(1, 5_000_000))))
    return claims


def meter(powers_w: list[int]):
    """A counter that runs at `powers_w[i]` in minute i: mWh between moments on whole minutes."""

    def energy_mwh(start_ms: int, end_ms: int) -> int:
        minutes = range(start_ms // MINUTE_MS, end_ms // MINUTE_MS)
        return sum(powers_w[m] * 1000 // 60 for m in minutes)

    return energy_mwh


powers = st.lists(st.integers(0, 20_000), min_size=30, max_size=30)


@given(claim_lists(), powers)
def test_no_energy_is_given_twice(claims: list[Claim], powers_w: list[int]):
    energy = meter(powers_w)
    until = max(claim.end_ms for claim in claims)
    given_mwh = allocate(claims, until, energy)
    moments = edges(claims, until)
    # In every span between edges in which something runs, at most what was metered is given.
    metered = sum(
        energy(a, b)
        for a, b in pairwise(moments)
        if any(c.start_ms <= a and c.end_ms >= b for c in claims)
    )
    assert sum(given_mwh.values()) <= metered
    for claim in claims:
        assert 0 <= given_mwh[claim.id] <= claim.qty_mwh
        assert given_mwh[claim.id] <= energy(claim.start_ms, claim.end_ms)


@given(claim_lists(), powers)
def test_a_claim_alone_in_its_window_gets_all_it_was_sold_or_all_there_was(
    claims: list[Claim], powers_w: list[int]
):
    claim, energy = claims[0], meter(powers_w)
    found = allocate([claim], claim.end_ms, energy)[claim.id]
    assert found == min(claim.qty_mwh, energy(claim.start_ms, claim.end_ms))


@given(claim_lists(), powers)
def test_what_was_given_by_a_windows_end_is_not_changed_by_later_windows(
    claims: list[Claim], powers_w: list[int]
):
    energy = meter(powers_w)
    first = min(claims, key=lambda claim: claim.end_ms)
    alone = allocate(claims, first.end_ms, energy)[first.id]
    later_only = [c for c in claims if c.start_ms < first.end_ms]
    assert allocate(later_only, first.end_ms, energy)[first.id] == alone
    assert allocate(claims, max(c.end_ms for c in claims), energy)[first.id] == alone


def test_the_window_that_ends_first_is_served_first():
    claims = [Claim(1, 0, 10, 100), Claim(2, 0, 20, 100)]
    assert allocate(claims, 20, lambda a, b: 8 * (b - a)) == {1: 80, 2: 80}


def test_windows_of_one_end_share_by_what_they_lack():
    claims = [Claim(1, 0, 10, 300), Claim(2, 0, 10, 100)]
    assert allocate(claims, 10, lambda _a, _b: 200) == {1: 150, 2: 50}


def test_meters_are_asked_only_while_something_runs():
    claims = [Claim(1, 0, 10, 5), Claim(2, 30, 40, 5)]
    asked = []

    def energy(start_ms: int, end_ms: int) -> int:
        asked.append((start_ms, end_ms))
        return 5

    allocate(claims, 40, energy)
    assert asked == [(0, 10), (30, 40)]


@given(st.integers(0, 10**9), st.dictionaries(st.integers(0, 9), st.integers(1, 10**8), min_size=1))
def test_shares_are_whole_and_complete(available: int, lacking: dict[int, int]):
    parts = share(available, lacking)
    assert sum(parts.values()) == min(available, sum(lacking.values()))
    for key, part in parts.items():
        assert 0 <= part <= lacking[key]
        exact = min(available, sum(lacking.values())) * lacking[key] / sum(lacking.values())
        assert abs(part - exact) < 1 + 1e-6 * exact
