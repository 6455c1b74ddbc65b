"""Houses of hub.yaml as the simulation wants them."""

from pathlib import Path

import pytest

from hub.houses import House
from plugins.opendss_grid.configuration import FeederConfig, house_specs
from plugins.opendss_grid.houses import TripSpec


def spec(**house):
    config = FeederConfig(feeder=Path("feeder.dss"))
    (found,) = house_specs(config, {"h": House(bus="671.1", **house)})
    return found


def test_a_vehicle_with_trips_has_times_reserve_and_target() -> None:
    trips = {"weekday": "06:15-16:00", "target_percent": 90}
    ev = {"kw": 11, "discharge": True, "discharge_kw": 5, "reserve_percent": 30, "trips": trips}
    found = spec(ev=ev)
    assert found.ev_trips == TripSpec((375, 960), (660, 930))
    assert (found.ev_target, found.ev_reserve, found.ev_discharge_kw) == (0.9, 0.3, 5)
    assert spec(ev={"kw": 11}).ev_trips is None
    assert spec().ev_kw == 0


@pytest.mark.parametrize(
    ("service", "ohm_per_km"), [({}, 0.42), ({"drop_type": "NAYY 4x50"}, 0.642)]
)
def test_a_drop_has_the_impedance_of_its_type(service, ohm_per_km) -> None:
    assert spec(service=service).drop_ohm_per_km == ohm_per_km


def test_modules_look_where_they_are_told_to_or_nowhere_yet() -> None:
    assert spec(pv={"kwp": 5}).azimuth_deg is None
    assert spec(pv={"kwp": 5, "azimuth_deg": 90}).azimuth_deg == 90
