"""Clouds and consumption against known figures."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from plugins.opendss_grid.profiles import Sky, SmoothNoise, load_factor

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("profile", ["household", "business", "flat"])
def test_a_year_of_a_profile_is_a_year(profile: str) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    factors = [load_factor(profile, start + timedelta(hours=h)) for h in range(8760)]
    assert np.mean(factors) == pytest.approx(1.0, abs=0.003)
    assert load_factor("none", start) == 0


def test_profiles_have_the_shape_of_their_kind() -> None:
    """Figures of BDEW H25 and G25: households peak in winter evenings, business on workdays."""
    evening = load_factor("household", datetime(2026, 1, 14, 19, 30, tzinfo=UTC))
    assert evening == pytest.approx(1.87, abs=0.15)
    assert load_factor("household", datetime(2026, 7, 15, 3, 30, tzinfo=UTC)) < 0.6
    workday = load_factor("business", datetime(2026, 1, 14, 10, 30, tzinfo=UTC))
    sunday = load_factor("business", datetime(2026, 1, 18, 10, 30, tzinfo=UTC))
    assert workday > 1.8 > 2.5 * sunday


def test_profiles_have_no_jumps() -> None:
    start = datetime(2026, 1, 31, 22, tzinfo=UTC)
    values = [load_factor("household", start + timedelta(minutes=m)) for m in range(300)]
    assert max(abs(np.diff(values))) < 0.02


def test_noise_is_a_function_of_time_and_seed_alone() -> None:
    moments = [NOON + timedelta(seconds=s) for s in (0, 100, 299, 300, 100_000)]
    one, two, other = (SmoothNoise(seed, 1, 5, 300) for seed in (3, 3, 4))
    forward = [one.at(m) for m in moments]
    backward = [two.at(m) for m in reversed(moments)]
    np.testing.assert_array_equal(forward, backward[::-1])
    assert not np.allclose(forward[0], other.at(moments[0]))
    values = np.concatenate([one.at(NOON + timedelta(seconds=300 * i)) for i in range(500)])
    assert abs(values.mean()) < 0.1
    assert 0.95 < values.std() < 1.05
    between = np.concatenate([one.at(NOON + timedelta(seconds=300 * i + 150)) for i in range(500)])
    assert 0.95 < between.std() < 1.05


@pytest.mark.parametrize("clouds", [0.0, 0.3, 1.0])
def test_clouds_shade_for_their_share_of_time(clouds: float) -> None:
    sky = Sky(seed=5, clouds=clouds)
    here = np.zeros(1)
    clearness = np.array(
        [sky.clearness(NOON + timedelta(minutes=10 * i), here)[0] for i in range(1500)]
    )
    assert clearness.min() >= 0.3
    assert clearness.max() <= 1.0
    assert (clearness < 0.65).mean() == pytest.approx(clouds, abs=0.12)


def test_a_cloud_is_seen_later_where_it_comes_later() -> None:
    sky = Sky(seed=5, clouds=0.4)
    lags_s = np.array([0.0, 240.0, -95.0, 4000.0])
    for minute in range(0, 300, 7):
        now = NOON + timedelta(minutes=minute)
        earlier = [
            sky.clearness(now - timedelta(seconds=lag), np.zeros(1))[0] for lag in lags_s.tolist()
        ]
        assert sky.clearness(now, lags_s) == pytest.approx(earlier)
    assert np.ptp(sky.clearness(NOON, lags_s)) > 0.01
