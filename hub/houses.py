"""Who lives where: the `houses:` section of hub.yaml, shared by all plugins.

A house is any customer of the feeder: a home, a workshop, a solar park. What concerns the wire
(bus, service, devices) is read by the simulator; what concerns people (name, wallet, chat) by the
market and the notifier. A hub on real devices may leave the simulator's part out.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

#: Simulators have buses with letters of all languages; none of these ends a name in a command.
_BUS = re.compile(r"^[^\s.,=!|\"'()\[\]{}]+(\.[123]){1,3}$")
_SPAN = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)")
_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")
_WALLET = re.compile(r"^0x[0-9a-fA-F]{40}$")


def _bus(value: str) -> str:
    phases = value.split(".")[1:]
    if not _BUS.fullmatch(value) or len(set(phases)) < len(phases):
        raise ValueError("expected a bus with its phases, such as 671.1 or 675.1.2.3")
    return value


def _time_span(value: str) -> str:
    found = _SPAN.fullmatch(value)
    if not found or found[1] >= found[2]:
        raise ValueError("expected two times of one day, such as '07:30-17:30'")
    return value


def _wallet(value: str) -> str:
    if not _WALLET.fullmatch(value):
        raise ValueError("expected a wallet address: 0x and 40 hexadecimal digits")
    return value


def _device_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            "expected a name of letters, digits, _ or -, starting with a letter, at most 32 long"
        )
    return value


BusPhases = Annotated[str, AfterValidator(_bus)]
TimeSpan = Annotated[str, AfterValidator(_time_span)]
WalletAddress = Annotated[str, AfterValidator(_wallet)]
DeviceName = Annotated[str, AfterValidator(_device_name)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Service(_Section):
    """The service transformer and the drop between the feeder and the meter."""

    kva: float = Field(25.0, gt=0, description="rating of the service transformer in kVA")
    r_percent: float = Field(1.2, gt=0, description="resistance of the transformer in percent")
    x_percent: float = Field(2.04, gt=0, description="reactance of the transformer in percent")
    drop_m: float = Field(30.0, ge=0, description="length of the service drop in metres")
    drop_type: Literal["NAYY 4x50", "NAYY 4x120", "NAYY 4x150"] | None = Field(
        None, description="cable of the drop, instead of its impedance"
    )
    drop_ohm_per_km: float = Field(0.42, gt=0, description="resistance of the drop in ohm per km")
    drop_x_ohm_per_km: float = Field(0.08, ge=0, description="reactance of the drop in ohm per km")
    fuse_a: float = Field(200.0, gt=0, description="rating of the service fuse in amperes")

    @model_validator(mode="after")
    def _type_or_impedance(self) -> Self:
        both = self.model_fields_set & {"drop_ohm_per_km", "drop_x_ohm_per_km"}
        if self.drop_type is not None and both:
            raise ValueError("expected 'drop_type' or the drop's impedance, not both")
        return self


class Load(_Section):
    """What a house consumes."""

    profile: Literal["household", "business", "flat", "none"] = Field(
        "household", description="shape of the consumption over the day"
    )
    annual_kwh: float = Field(4000.0, ge=0, description="consumption in kWh a year")
    power_factor: float = Field(0.97, gt=0, le=1, description="power factor, lagging")


class Solar(_Section):
    """A photovoltaic plant."""

    kwp: float = Field(gt=0, description="peak power of the modules in kW")
    inverter_kw: float | None = Field(None, gt=0, description="limit of the inverter in kW")
    tilt_deg: float = Field(30.0, ge=0, le=90, description="tilt of the modules in degrees")
    azimuth_deg: float | None = Field(
        None, ge=0, lt=360, description="180 is south; default towards the equator"
    )


class Battery(_Section):
    """A stationary battery behind the meter."""

    kwh: float = Field(gt=0, description="usable capacity in kWh")
    kw: float = Field(gt=0, description="limit of charging and discharging in kW")
    efficiency: float = Field(0.92, gt=0, le=1, description="round-trip efficiency")
    initial_percent: float = Field(60.0, ge=0, le=100, description="state of charge at the start")
    reserve_percent: float = Field(10.0, ge=0, lt=100, description="never discharged below")


class Trips(_Section):
    """When a vehicle is usually away; each day differs a little, and on some it stays."""

    weekday: TimeSpan = Field("07:30-17:30", description="leaves and returns, Monday to Friday")
    weekend: TimeSpan = Field("11:00-15:30", description="leaves and returns, at weekends")
    target_percent: float = Field(
        80.0, ge=0, le=100, description="state of charge that it wants when it leaves"
    )


class ElectricVehicle(_Section):
    """A charger with a vehicle on it."""

    kw: float = Field(gt=0, description="limit of the charger in kW")
    kwh: float = Field(60.0, gt=0, description="capacity of the vehicle's battery in kWh")
    discharge: bool = Field(False, description="whether the vehicle may feed the grid (V2G)")
    discharge_kw: float | None = Field(
        None, gt=0, description="limit of feeding the grid in kW; default that of the charger"
    )
    reserve_percent: float = Field(
        20.0, ge=0, lt=100, description="never fed into the grid; below it the vehicle charges"
    )
    initial_percent: float = Field(40.0, ge=0, le=100, description="state of charge at the start")
    driving_kwh_per_day: float = Field(8.0, ge=0, description="what driving uses in kWh a day")
    trips: Trips | None = Field(
        None, description="when it is away; without, it stays at its charger"
    )


class House(_Section):
    """One customer of the feeder. The key in `houses:` is its id."""

    bus: BusPhases | None = Field(None, description="bus and phases, such as 671.1 or 675.1.2.3")
    meter: DeviceName | None = Field(None, description="device name of its meter; default its id")
    label: str | None = Field(None, max_length=64, description="how people call it")
    wallet: WalletAddress | None = Field(None, description="address that trades for this house")
    telegram: SecretStr | None = Field(None, description="Telegram chat of the household")
    nominal_v: float = Field(240.0, gt=0, description="nominal voltage at the meter in volts")
    service: Service = Field(default_factory=Service, description="transformer and drop")
    load: Load = Field(default_factory=Load, description="consumption")
    pv: Solar | None = Field(None, description="photovoltaic plant")
    battery: Battery | None = Field(None, description="battery")
    ev: ElectricVehicle | None = Field(None, description="charger and vehicle")
    site: Literal["home", "plant", "business"] = Field(
        "home", description="what it is; a plant or business may stand for a load of the circuit"
    )
    feeder_load: str | None = Field(
        None, description="a load of the circuit that this meter stands for, instead of a new one"
    )

    def name(self, house_id: str) -> str:
        """Return the name for people: its label, or `House 1` for the id `house1`."""
        if self.label:
            return self.label
        words = re.sub(r"(\d+)$", r" \1", house_id.replace("_", " ").replace("-", " "))
        return " ".join(words.split()).title()

    def device(self, house_id: str) -> str:
        """Return the device name of its meter."""
        return self.meter or house_id

    @property
    def phases(self) -> tuple[str, ...]:
        """Phases as letters, such as `("a",)`; empty without a bus."""
        if self.bus is None:
            return ()
        return tuple("abc"[int(p) - 1] for p in self.bus.split(".")[1:])
