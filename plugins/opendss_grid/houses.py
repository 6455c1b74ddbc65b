"""A house as the simulation knows it: its connection and its devices, in plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .csv_profile import CsvProfile
from .protocol import Circuit, GridError, ServiceSpec
from .service_drawing import check_service, needs_transformer


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
    for house in houses:
        if house.feeder_load is None:
            try:
                house.service(circuit)
            except GridError as error:
                found.append(Misfit(house.name, "bus", str(error)))
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


def problems(circuit: Circuit, houses: Sequence[HouseSpec]) -> list[str]:
    """Return one sentence for each house that does not fit the circuit."""
    return [misfit.text for misfit in misfits(circuit, houses)]
