"""A house as the simulation knows it: its connection and its devices, in plain data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .csv_profile import CsvProfile
from .protocol import Circuit, GridError, ServiceSpec
from .service_drawing import buses_drawn, check_service, needs_transformer

#: The device name of the measurement at the head of the feeder.
HEAD = "head"


@dataclass(frozen=True, slots=True)
class TripSpec:
    """The usual times of a vehicle, local, in minutes of the day: leaves and returns."""

    weekday_min: tuple[int, int] = (7 * 60 + 30, 17 * 60 + 30)
    weekend_min: tuple[int, int] = (11 * 60, 15 * 60 + 30)


@dataclass(frozen=True, slots=True)
class HouseSpec:
    """One customer. Powers of devices it does not have are 0, shares of storages are 0 to 1.

    `nominal_v` is phase to neutral at the meter; a meter at the voltage of its bus has no service
    transformer. With `feeder_load` it stands for that load of the circuit, which is scaled with
    the others and gets the devices of this house on top. A `plant` delivers only on command. A
    `series` takes the place of `profile` and `annual_kwh`. Without `azimuth_deg` modules look
    towards the equator. A vehicle with `ev_trips` leaves its charger and wants `ev_target` by then;
    without, it stays, and `ev_driving_kwh_per_day` is used up evenly.
    """

    name: str
    device: str
    bus: str
    phases: tuple[int, ...]
    nominal_v: float = 240.0
    feeder_load: str | None = None
    site: str = "home"
    kva: float = 25.0
    r_percent: float = 1.2
    x_percent: float = 2.04
    drop_m: float = 30.0
    drop_ohm_per_km: float = 0.42
    drop_x_ohm_per_km: float = 0.08
    fuse_a: float = 200.0
    profile: str = "household"
    series: CsvProfile | None = None
    annual_kwh: float = 4000.0
    power_factor: float = 0.97
    pv_kwp: float = 0.0
    inverter_kw: float | None = None
    tilt_deg: float = 30.0
    azimuth_deg: float | None = None
    battery_kwh: float = 0.0
    battery_kw: float = 0.0
    battery_efficiency: float = 0.92
    battery_initial: float = 0.6
    battery_reserve: float = 0.1
    ev_kw: float = 0.0
    ev_kwh: float = 0.0
    ev_discharge: bool = False
    ev_initial: float = 0.4
    ev_driving_kwh_per_day: float = 8.0
    ev_discharge_kw: float | None = None
    ev_reserve: float = 0.2
    ev_target: float = 0.8
    ev_trips: TripSpec | None = None

    @property
    def connection(self) -> str:
        """Bus and phases as they are written: `671.1.2.3`."""
        return ".".join((self.bus, *map(str, self.phases)))

    def service(self, circuit: Circuit) -> ServiceSpec:
        """Return its connection; GridError if bus or phases are not in the circuit."""
        bus = circuit.bus(self.bus)
        if bus is None:
            raise GridError(f"house {self.name}: bus {self.bus} is not in circuit {circuit.name}")
        spec = ServiceSpec(
            name=self.name.lower(),
            bus=bus.name,
            phases=self.phases,
            nominal_v=self.nominal_v,
            kva=self.kva if needs_transformer(self.nominal_v, bus) else None,
            r_percent=self.r_percent,
            x_percent=self.x_percent,
            drop_m=self.drop_m,
            drop_ohm_per_km=self.drop_ohm_per_km,
            drop_x_ohm_per_km=self.drop_x_ohm_per_km,
        )
        check_service(circuit, spec)
        return spec


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a house does not fit a circuit, and which key of it says so."""

    house: str
    key: str
    text: str


def misfits(circuit: Circuit, houses: Sequence[HouseSpec]) -> list[Misfit]:
    """Return why houses do not fit the circuit as its file gives it."""
    found = []
    loads = {load.name for load in circuit.loads}
    claimed: dict[str, str] = {}
    drawn: dict[str, str] = {}
    for house in houses:
        if house.feeder_load is None:
            try:
                service = house.service(circuit)
            except GridError as error:
                found.append(Misfit(house.name, "bus", str(error)))
                continue
            names = buses_drawn(service)
            other = next((drawn[name] for name in names if name in drawn), None)
            if other is not None:
                text = f"house {house.name}: its name and that of {other} are too much alike"
                found.append(Misfit(house.name, "bus", f"{text} for OpenDSS; expected another"))
            drawn |= dict.fromkeys(names, house.name)
            continue
        load = house.feeder_load.lower()
        if load not in loads:
            text = f"load {house.feeder_load} is not in circuit {circuit.name}"
            found.append(Misfit(house.name, "feeder_load", f"house {house.name}: {text}"))
        elif load in claimed:
            text = f"load {load} stands for {claimed[load]} already"
            found.append(Misfit(house.name, "feeder_load", f"house {house.name}: {text}"))
        claimed[load] = house.name
    return found


#: Further than this share from the voltage of its bus, a meter's nominal voltage is a mistake.
_SAME_VOLTAGE = 0.1


def doubts(circuit: Circuit, houses: Sequence[HouseSpec]) -> list[Misfit]:
    """Return what can be simulated, but cannot be meant, of houses that fit the circuit."""
    found = []
    load_of = {load.name: load for load in circuit.loads}
    for house in houses:
        load = None if house.feeder_load is None else load_of[house.feeder_load.lower()]
        if load is not None and house.bus:
            place = (house.bus.lower(), *sorted(house.phases))
            if place != (load.bus, *sorted(load.phases)):
                phases = "".join(f".{phase}" for phase in load.phases)
                text = f"load {load.name} is on {load.bus}{phases}, not on {house.connection}"
                found.append(Misfit(house.name, "bus", f"house {house.name}: {text}"))
                continue
        bus = circuit.bus(house.bus if load is None else load.bus)
        if bus is None:  # told as a misfit
            continue
        base_v = bus.kv_base * 1000
        ratio = house.nominal_v / base_v
        direct = load is not None or not needs_transformer(house.nominal_v, bus)
        if (direct and abs(ratio - 1) > _SAME_VOLTAGE) or abs(ratio / math.sqrt(3) - 1) < 0.03:
            text = (
                f"nominal_v {house.nominal_v:g} is not the {base_v:.5g} V from phase to neutral "
                f"of bus {bus.name}; expected nominal_v: {base_v:.5g}"
            )
            found.append(Misfit(house.name, "nominal_v", f"house {house.name}: {text}"))
    return found


def problems(circuit: Circuit, houses: Sequence[HouseSpec]) -> list[str]:
    """Return one sentence for each house that does not fit the circuit."""
    return [misfit.text for misfit in misfits(circuit, houses)]
