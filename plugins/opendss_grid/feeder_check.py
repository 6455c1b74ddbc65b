"""The offline check of a feeder: everything that can be known before the hub starts.

It compiles the circuit, holds the houses against it, lets it settle as the start would, and plays
the events through on the copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub.api import CheckContext, House

from .configuration import EventConfig, FeederConfig, GridConfig, TwinConfig, house_specs
from .csv_profile import read_csv
from .engine import OpenDssEngine
from .houses import HEAD, HouseSpec, Misfit, doubts, misfits
from .order_arguments import Order
from .orders import ACTIONS, NAMED, SINGLE, carry_out
from .protocol import GridError
from .simulation import Simulation

#: A house on all of them needs no earth.
_ALL_PHASES = 3
#: A network must be stronger than a service by this factor, or no power flow is found.
_STRENGTH = 3
#: Any day will do: the check is of the circuit, not of the weather.
_DAY = datetime(2026, 3, 20, 12, tzinfo=UTC)


def check_feeder(config: FeederConfig, check: CheckContext) -> list[HouseSpec] | None:
    """Report why this circuit with these houses cannot run; returns the houses if it can."""
    here = ("plugins", check.name)
    try:
        specs = house_specs(config, check.houses)
    except GridError as error:
        check.problem((*here, "houses"), str(error))
        return None
    engine = OpenDssEngine()
    try:
        circuit = engine.compile(config.feeder)
    except GridError as error:
        check.problem((*here, "feeder"), str(error))
        return None
    mistakes = engine.mistakes(config.feeder)
    for text in mistakes:
        check.problem((*here, "feeder"), text)
    wrong = misfits(circuit, specs) or doubts(circuit, specs)
    if not mistakes and not wrong:
        wrong = _unearthed(engine, specs)
    head = config.device_prefix + HEAD
    for spec in specs:
        if spec.device == head:
            text = f"house {spec.name}: the meter {head} is that of the feeder; expected another"
            wrong.append(Misfit(spec.name, "meter", f"{text} 'meter'"))
    for misfit in wrong:
        check.problem(("houses", misfit.house, misfit.key), misfit.text)
    return None if mistakes or wrong else specs


def _unearthed(engine: OpenDssEngine, specs: Sequence[HouseSpec]) -> list[Misfit]:
    """Return the houses between phase and earth where there is no earth to return through."""
    weakest_va: dict[tuple[str, tuple[int, ...]], float] = {}
    found = []
    for spec in specs:
        if spec.feeder_load is not None or len(spec.phases) == _ALL_PHASES:
            continue
        place = (spec.bus.lower(), spec.phases)
        if place not in weakest_va:
            weakest_va[place] = min(engine.earth_fault_va(place[0], p) for p in spec.phases)
        if weakest_va[place] < _STRENGTH * spec.kva * 1000:
            text = (
                f"house {spec.name}: bus {spec.bus} has no earth to connect a phase against "
                f"(a short circuit there draws {weakest_va[place] / 1000:.2g} kVA); expected a bus "
                f"with one, or all three phases"
            )
            found.append(Misfit(spec.name, "bus", text))
    return found


def check_grid(config: GridConfig, check: CheckContext) -> None:
    """Report what keeps a simulated feeder from starting, and events that cannot happen."""
    here = ("plugins", check.name)
    _check_profiles(config, check)
    _check_other_feeders(config, check)
    specs = check_feeder(config, check)
    if specs is None:
        return
    # Vehicles stay: when they are away depends on the seed.
    staying = [replace(spec, ev_trips=None) for spec in specs]
    try:
        simulation = _settle(config, config.feeder, staying)
    except GridError as error:
        check.problem((*here, "feeder"), str(error))
        return
    events = sorted(enumerate(config.events), key=lambda entry: entry[1].after)
    for number, event in events:
        loc = (*here, "events", number)
        order = _order(event, check, loc, [spec.name for spec in specs])
        if order is None:
            continue
        simulation.time = order.at
        try:
            carry_out(simulation, order)
        except GridError as error:
            check.problem(loc, str(error))


def _check_other_feeders(config: GridConfig, check: CheckContext) -> None:
    """Report what two feeders of one hub cannot share; the second of them says so."""
    for name, other in check.plugins.items():
        if name == check.name:
            return
        if not isinstance(other, GridConfig):
            continue
        if other.device_prefix == config.device_prefix:
            check.problem(
                ("plugins", check.name, "device_prefix"),
                f"head and regulators of feeder {name} begin with {other.device_prefix!r}, too; "
                f"expected another, such as 'device_prefix: {check.name}_', here and for the twin",
            )
        shared = [
            h for h in check.houses if all(_is_on(c, h, check.houses) for c in (config, other))
        ]
        if shared:
            check.problem(
                ("plugins", check.name, "houses"),
                f"house {', '.join(shared)} is on feeder {name}, too; "
                "expected each under 'houses' of one feeder",
            )


def check_twin(config: TwinConfig, check: CheckContext) -> None:
    """Report a twin that would not hear its feeder."""
    feeders = {
        name: other.device_prefix
        for name, other in check.plugins.items()
        if isinstance(other, GridConfig) and other.feeder == config.feeder
    }
    if feeders and config.device_prefix not in feeders.values():
        known = " or ".join(f"{prefix!r} as {name} has" for name, prefix in feeders.items())
        check.problem(
            ("plugins", check.name, "device_prefix"),
            f"no feeder of this circuit has {config.device_prefix!r}; expected {known}",
        )


def _check_profiles(config: GridConfig, check: CheckContext) -> None:
    for house, path in config.profiles.items():
        loc = ("plugins", check.name, "profiles", house)
        if not _is_on(config, house, check.houses):
            check.problem(loc, f"house {house} is not on this feeder")
            continue
        try:
            read_csv(path)
        except GridError as error:
            check.problem(loc, str(error))


def _is_on(config: FeederConfig, house: str, houses: Mapping[str, House]) -> bool:
    if house not in houses or (config.houses is not None and house not in config.houses):
        return False
    return houses[house].bus is not None or houses[house].feeder_load is not None


def _settle(config: GridConfig, feeder: Path, specs: Sequence[HouseSpec]) -> Simulation:
    return Simulation(OpenDssEngine(), feeder, specs, config.settings(0, _DAY), _DAY)


def _order(
    event: EventConfig, check: CheckContext, loc: tuple[int | str, ...], houses: list[str]
) -> Order | None:
    """Return an event as the order that it will be; None if it is not this feeder's, or wrong."""
    area, *rest = event.target.split("/")
    if area == "house" and len(rest) == 1:
        kind, name = "house", rest[0]
        if name not in check.houses:
            known = ", ".join(check.houses) or "none"
            check.problem((*loc, "target"), f"house {name} is not under 'houses:'; it has: {known}")
            return None
        if name not in houses:
            return None
    elif area == "grid" and rest[:1] == [check.name] and len(rest) in (2, 3):
        kind, name = rest[1], rest[-1]
    else:
        check.unchecked.append(f"events[{loc[-1]}]: {event.target} is not of this feeder")
        return None
    if kind not in ("house", *(NAMED if len(rest) == 3 else SINGLE)):
        known = ", ".join((*SINGLE, *(f"{each}/<name>" for each in NAMED)))
        check.problem((*loc, "target"), f"no such target; grid/{check.name} has: {known}")
        return None
    actions = ACTIONS[kind]
    if event.action not in actions:
        known = ", ".join(actions)
        check.problem((*loc, "action"), f"{kind} has no action {event.action!r}; it has: {known}")
        return None
    return Order(kind, name, event.action, event.args, _DAY + timedelta(seconds=event.after))
