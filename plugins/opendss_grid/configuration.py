"""The sections of hub.yaml that this folder reads, and houses as the simulation wants them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from hub.api import ConfigPath, Duration, House, PluginConfig, Service

from .csv_profile import read_csv
from .houses import HouseSpec, TripSpec
from .protocol import GridError
from .simulation import Settings
from .surroundings import Place


def _time_of_day(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError("expected a time from 00:00 to 23:59")
    return value


class FeederConfig(PluginConfig):
    """What a feeder and its twin have in common."""

    feeder: ConfigPath = Field(description="OpenDSS file of the circuit; relative redirects work")
    houses: list[str] | None = Field(
        None, description="ids of the houses on this feeder; default all that have a bus"
    )
    device_prefix: str = Field(
        "",
        pattern=r"^([A-Za-z][A-Za-z0-9_-]{0,15})?$",
        description="what the device names of this feeder's head and regulators begin with, such "
        "as south_: each feeder of a hub needs its own, and its twin the same",
    )
    load_scale: float = Field(
        1.0, gt=0, le=10, description="factor on the loads of the circuit that no house stands for"
    )


class EventConfig(PluginConfig):
    """Something that happens on the feeder at a set time."""

    after: Duration = Field(description="feeder time after the start, such as 30m")
    target: str = Field(description="who carries it out, such as house/house1 or grid/grid/sky")
    action: str = Field(description="what to do, such as open_service")
    args: dict[str, Any] = Field(default_factory=dict, description="arguments of the action")


class GridConfig(FeederConfig):
    """A simulated feeder."""

    step: Duration = Field(1.0, gt=0, description="time between two power flows")
    regulators: Literal["commanded", "local"] = Field(
        "commanded",
        description="commanded: taps move by command, from where the circuit's own controls "
        "settled at the start; local: the circuit's own controls act",
    )
    tap_dwell: Duration = Field(
        0.0, description="least feeder time between two commanded moves of one regulator"
    )
    switch_dwell: Duration = Field(
        0.0, description="least feeder time between two operations of one switch, bank or service"
    )
    device_dwell: Duration = Field(
        0.0,
        description="least feeder time between two set-points of one battery, vehicle or PV plant",
    )
    load_profile: Literal["flat", "household", "business"] = Field(
        "flat", description="shape over the day of the circuit's own loads"
    )
    clouds: float = Field(
        0.0, ge=0, le=1, description="share of time with a cloud before the sun, 0 to 1"
    )
    wind: float = Field(
        8.0, ge=0.5, le=50, description="speed at which clouds drift over the feeder, in m/s"
    )
    wind_from_deg: float = Field(
        270.0, ge=0, le=360, description="where that wind comes from: 0 is north, 90 east"
    )
    linke_turbidity: float = Field(
        3.0, ge=1, le=12, description="haze of the clear sky: 2 is very clear, 3 clean, 5 polluted"
    )
    latitude_deg: float = Field(40.0, ge=-90, le=90, description="latitude, north positive")
    longitude_deg: float = Field(-75.0, ge=-180, le=180, description="longitude, east positive")
    altitude_m: float = Field(0.0, ge=-500, le=9000, description="height above the sea in metres")
    time_of_day: Annotated[str, BeforeValidator(_time_of_day)] | None = Field(
        None,
        description="local time such as '09:00' at which the feeder begins; puts it on the "
        "longitude where that is so and overrides longitude_deg",
    )
    profiles: dict[str, ConfigPath] = Field(
        default_factory=dict,
        description="consumption of single houses from CSV files (time,power_w in equal steps, "
        "local time, repeated when over), by the id of the house",
    )
    events: list[EventConfig] = Field(
        default_factory=list, description="what happens when; `!include` takes it from a file"
    )

    def settings(self, seed: int, start: datetime) -> Settings:
        """Return how to simulate, for a start at this time of the feeder (UTC)."""
        longitude_deg = self.longitude_deg
        if self.time_of_day is not None:
            hour, minute = map(int, self.time_of_day.split(":"))
            ahead_h = hour + minute / 60 - (start.hour + start.minute / 60 + start.second / 3600)
            longitude_deg = ((ahead_h * 15 + 180) % 360) - 180
        return Settings(
            seed=seed,
            load_scale=self.load_scale,
            load_profile=self.load_profile,
            place=Place(
                self.latitude_deg,
                longitude_deg,
                self.clouds,
                self.altitude_m,
                self.linke_turbidity,
                self.wind,
                self.wind_from_deg,
            ),
            local_regulators=self.regulators == "local",
            tap_dwell_s=self.tap_dwell,
            switch_dwell_s=self.switch_dwell,
            device_dwell_s=self.device_dwell,
            device_prefix=self.device_prefix,
        )


class TwinConfig(FeederConfig):
    """A scratch twin of a feeder, for what-if questions."""


def house_specs(config: FeederConfig, houses: Mapping[str, House]) -> list[HouseSpec]:
    """Return the houses on this feeder; GridError if one that is named is not in `houses:`."""
    unknown = [house_id for house_id in config.houses or () if house_id not in houses]
    if unknown:
        known = ", ".join(houses) or "none"
        raise GridError(f"house {', '.join(unknown)} is not under 'houses:'; there are: {known}")
    twice = [house_id for house_id, count in Counter(config.houses or ()).items() if count > 1]
    if twice:
        raise GridError(f"house {', '.join(twice)} is named more than once")
    wanted = houses.keys() if config.houses is None else config.houses
    return [
        _spec(house_id, houses[house_id])
        for house_id in wanted
        if houses[house_id].bus is not None or houses[house_id].feeder_load is not None
    ]


def simulated_houses(config: GridConfig, houses: Mapping[str, House]) -> list[HouseSpec]:
    """Return the houses of a simulated feeder, with the series of their own where they have one.

    GridError names file and line of a mistake in a series.
    """
    specs = house_specs(config, houses)
    strangers = config.profiles.keys() - {spec.name for spec in specs}
    if strangers:
        raise GridError(f"profiles: house {', '.join(sorted(strangers))} is not on this feeder")
    return [
        replace(spec, series=read_csv(config.profiles[spec.name]))
        if spec.name in config.profiles
        else spec
        for spec in specs
    ]


#: Resistance and reactance of drops in ohm per km: pandapower's standard types, at 50 Hz.
DROPS = {"NAYY 4x50": (0.642, 0.083), "NAYY 4x120": (0.225, 0.080), "NAYY 4x150": (0.208, 0.080)}


def _drop(service: Service) -> tuple[float, float]:
    if service.drop_type is None:
        return service.drop_ohm_per_km, service.drop_x_ohm_per_km
    return DROPS[service.drop_type]


def _spec(house_id: str, house: House) -> HouseSpec:
    bus, *phases = (house.bus or "").split(".")
    service, load, pv, battery, ev = house.service, house.load, house.pv, house.battery, house.ev
    drop_ohm_per_km, drop_x_ohm_per_km = _drop(service)
    return HouseSpec(
        name=house_id,
        device=house.device(house_id),
        bus=bus,
        phases=tuple(int(phase) for phase in phases),
        nominal_v=house.nominal_v,
        feeder_load=house.feeder_load,
        site=house.site,
        kva=service.kva,
        r_percent=service.r_percent,
        x_percent=service.x_percent,
        drop_m=service.drop_m,
        drop_ohm_per_km=drop_ohm_per_km,
        drop_x_ohm_per_km=drop_x_ohm_per_km,
        fuse_a=service.fuse_a,
        profile=load.profile,
        annual_kwh=load.annual_kwh,
        power_factor=load.power_factor,
        pv_kwp=pv.kwp if pv else 0.0,
        inverter_kw=pv.inverter_kw if pv else None,
        tilt_deg=pv.tilt_deg if pv else 30.0,
        azimuth_deg=pv.azimuth_deg if pv else None,
        battery_kwh=battery.kwh if battery else 0.0,
        battery_kw=battery.kw if battery else 0.0,
        battery_efficiency=battery.efficiency if battery else 1.0,
        battery_initial=battery.initial_percent / 100 if battery else 0.0,
        battery_reserve=battery.reserve_percent / 100 if battery else 0.0,
        ev_kw=ev.kw if ev else 0.0,
        ev_kwh=ev.kwh if ev else 0.0,
        ev_discharge=ev.discharge if ev else False,
        ev_initial=ev.initial_percent / 100 if ev else 0.0,
        ev_driving_kwh_per_day=ev.driving_kwh_per_day if ev else 0.0,
        ev_discharge_kw=ev.discharge_kw if ev else None,
        ev_reserve=ev.reserve_percent / 100 if ev else 0.0,
        ev_target=ev.trips.target_percent / 100 if ev and ev.trips else 0.0,
        ev_trips=_trips(ev.trips.weekday, ev.trips.weekend) if ev and ev.trips else None,
    )


def _trips(weekday: str, weekend: str) -> TripSpec:
    return TripSpec(_minutes(weekday), _minutes(weekend))


def _minutes(span: str) -> tuple[int, int]:
    """Return `07:30-17:30` as minutes of the day."""
    leaves, returns = (tuple(map(int, clock.split(":"))) for clock in span.split("-"))
    return leaves[0] * 60 + leaves[1], returns[0] * 60 + returns[1]
