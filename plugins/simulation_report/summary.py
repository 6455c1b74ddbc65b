"""What a reader wants to know first: a few figures, a few sentences, and any trouble."""

from __future__ import annotations

from dataclasses import dataclass

from . import shown
from .bills import Bill
from .feeder_table import FeederBalance, balances
from .measures import Flows
from .run_data import RunData


@dataclass(frozen=True, slots=True)
class Figure:
    """One key figure; `tone` is empty, `warn` or `bad`."""

    label: str
    value: str
    note: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Market:
    """A market in sums. Energy in Wh, money in wei; prices are means over the energy matched."""

    rounds: int
    trades: int
    matched_wh: int
    paid_wh: int
    paid_wei: int
    open: int
    short: int
    expired: int

    @property
    def mean_price_wei_per_kwh(self) -> int | None:
        """Price of the energy that was paid for; None if none was."""
        return self.paid_wei * 1000 // self.paid_wh if self.paid_wh else None


def market(data: RunData) -> Market:
    """Return what was traded in sums."""
    trades = list(data.market.trades.values())
    states = [trade.state for trade in trades]
    return Market(
        rounds=len(data.market.rounds),
        trades=len(trades),
        matched_wh=sum(t.qty_wh for t in trades),
        paid_wh=sum(t.paid_wh for t in trades),
        paid_wei=sum(t.paid_wei for t in trades),
        open=states.count("matched"),
        short=states.count("short"),
        expired=states.count("expired"),
    )


def figures(data: RunData, flows: Flows) -> list[Figure]:
    """Return the key figures, those of the homes where there are others, too."""
    sums = market(data)
    tone = "bad" if _longest_outside(data)[0] else ""
    alarms = data.alarms.alarms
    standing = sum(alarm.cleared_s is None for alarm in alarms)
    price = sums.mean_price_wei_per_kwh
    return [
        *_energy_figures(data, flows),
        Figure(
            "Traded", shown.energy(sums.paid_wh * 1000),
            f"{sums.trades} trades in {sums.rounds} rounds" if data.has_market else "no market",
        ),
        Figure(
            "Mean price", shown.NONE if price is None else shown.money(price),
            "per kWh paid for",
        ),
        Figure("Voltage", _voltage_range(data), _outside_text(data), tone),
        Figure(
            "Tap operations", str(len(data.taps.moves)),
            f"{sum(move.steps for move in data.taps.moves)} steps",
        ),
        Figure(
            "Alarms", str(len(alarms)),
            f"{standing} not cleared" if standing else "all cleared" if alarms else "a quiet run",
            "warn" if standing else "",
        ),
        Figure(
            "Trouble", str(len(troubles(data))), "see below" if troubles(data) else "none",
            "bad" if troubles(data) else "",
        ),
    ]  # fmt: skip


def _energy_figures(data: RunData, flows: Flows) -> list[Figure]:
    groups = data.groups()
    if not groups:
        return [Figure("Houses", "0", "the file names none")]
    name = next(iter(groups))
    of = data.group_balance(flows, name)
    whose = f"{name.lower()}, {_houses(len(groups[name]))}"
    return [
        Figure("Consumption", _energy(of.consumed), whose),
        Figure("PV production", _energy(of.produced), whose),
        Figure("Self-sufficiency", shown.share(of.self_sufficiency), "of what was used is own"),
        Figure("Self-consumption", shown.share(of.self_consumption), "of what was made stayed"),
    ]


def _houses(count: int) -> str:
    return f"{count} house{'' if count == 1 else 's'}"


def _energy(mwh: int | None) -> str:
    return "unknown" if mwh is None else shown.energy(mwh)


def _longest_outside(data: RunData) -> tuple[float, str]:
    """Return how long the limits were not held, on the feeder where that was longest."""
    found = ((log.outside.either_s, feeder) for feeder, log in data.voltages.items())
    return max(found, default=(0.0, ""))


def _outside_text(data: RunData) -> str:
    if not data.voltages:
        return "no power flow"
    outside_s, feeder = _longest_outside(data)
    if not outside_s:
        return "always within limits"
    where = " at a meter" if data.voltages[feeder].has_houses else ""
    where += f" of {feeder}" if len(data.voltages) > 1 else ""
    return f"{shown.duration(outside_s)} outside limits{where}"


def _voltage_range(data: RunData) -> str:
    found = [x for log in data.voltages.values() if (x := log.extremes())]
    lows = [low.lowest_pu for low, _ in found if low.lowest_pu is not None]
    highs = [high.highest_pu for _, high in found if high.highest_pu is not None]
    return f"{min(lows):.3f}\u2013{max(highs):.3f} pu" if lows and highs else shown.NONE


def sentences(data: RunData, flows: Flows, bills: dict[str, Bill]) -> list[str]:
    """Return the run in a few plain sentences."""
    told = [_energy_sentence(data, flows, name) for name in data.groups()]
    told += [_supply_sentence(of, len(data.supplies)) for of in balances(data, flows)]
    sums = market(data)
    if sums.trades:
        text = (
            f"The market matched {shown.energy(sums.matched_wh * 1000)} in {sums.trades} trades; "
            f"{shown.energy(sums.paid_wh * 1000)} were delivered and paid with "
            f"{shown.money(sums.paid_wei)}."
        )
        odd = [(sums.short, "delivered in part"), (sums.expired, "expired"), (sums.open, "open")]
        left = ", ".join(f"{count} {what}" for count, what in odd if count)
        told.append(text + (f" Of the trades, {left}." if left else ""))
    else:
        told.append("Nothing was traded." if data.has_market else "The file has no market.")
    for feeder, log in data.voltages.items():
        extremes = log.extremes()
        if extremes is None:
            continue
        low, high = extremes
        where = f" on {feeder}" if len(data.voltages) > 1 else ""
        told.append(
            f"Voltages{where} were between {low.lowest_pu:.4f} pu ({low.node}) and "
            f"{high.highest_pu:.4f} pu ({high.node}); limits are {log.low_pu:g} and "
            f"{log.high_pu:g} pu ({data.limits_from})."
        )
    if not bills:
        return told
    if data.prices is None:
        told.append(
            "What energy from the grid cost is unknown: the file names no tariff (hub: tariff:)."
        )
    else:
        name, columns = next(iter(data.groups().items()))
        costs = [bills[data.customers[column].id] for column in columns]
        known = [bill.cost_wei for bill in costs if bill.cost_wei is not None]
        silent = len(costs) - len(known)
        text = f"{name} together {_paid(sum(known))}, grid included"
        if sums.paid_wei:
            alone = sum(bill.no_market_wei or 0 for bill in costs)
            text += f"; at the supplier's prices alone they would have {_paid(alone)}"
        if silent:
            text += f"; of {_houses(silent)} it is not known"
        told.append(f"{text}.")
    return told


def _paid(wei: int) -> str:
    return f"{'paid' if wei >= 0 else 'earned'} {shown.money(abs(wei))}"


def _supply_sentence(of: FeederBalance, feeders: int) -> str:
    name = f"The feeder {of.feeder}" if feeders > 1 else "The feeder"
    text = f"{name} drew {shown.energy(of.supplied)} from its source"
    if of.returned:
        text += f" and gave {shown.energy(of.returned)} back"
    if of.loss_share is None:
        return f"{text}."
    return f"{text}; {shown.energy(of.lost)} ({100 * of.loss_share:.1f} %) were lost on the way."


def _energy_sentence(data: RunData, flows: Flows, name: str) -> str:
    of, houses = data.group_balance(flows, name), len(data.groups()[name])
    if of.imported is None or of.exported is None:
        return f"{name} ({_houses(houses)}): no meter was ever heard."
    text = (
        f"{name} ({_houses(houses)}): {shown.energy(of.imported)} imported, "
        f"{shown.energy(of.exported)} exported"
    )
    if houses > 1 and of.shared is not None:
        text += f", {shown.energy(of.shared)} of that from one to another"
    if of.consumed is None or of.produced is None:
        return f"{text}; production or batteries of some houses are unknown."
    text += f"; {shown.energy(of.consumed)} used"
    return f"{text}, {shown.energy(of.produced)} produced." if of.produced else f"{text}."


def troubles(data: RunData) -> list[str]:
    """Return what makes this run doubtful, a sentence each."""
    found = [
        f"Plugin {name} failed: {data.result['plugins'][name]['reason'] or 'no reason given'}"
        for name in data.result.get("failed", ())
    ]
    if data.unsolved_steps:
        found.append(
            f"{data.unsolved_steps} power flow(s) had no solution: meters were silent then, and "
            f"those times are in no voltage figure."
        )
    failed = set(data.result.get("failed", ()))
    ailing = sorted({t.plugin for t in data.troubles} - failed)
    if ailing:
        found.append(f"Not well for some time: {', '.join(ailing)} (see Plugins in trouble).")
    heard = data.flows().metered.tolist()
    silent = [c.name for c, known in zip(data.customers, heard, strict=True) if not known]
    if silent:
        found.append(
            f"No reading from the meter of {_some(silent)}: what flowed there is unknown and in "
            f"no sum."
        )
    fell = sorted({*data.imports.fell, *data.exports.fell})
    if fell:
        found.append(f"Energy counters fell at {_some(fell)}; that energy is not counted.")
    return found


def _some(names: list[str]) -> str:
    shown_names = ", ".join(names[:5])
    return shown_names + (f" and {len(names) - 5} more" if len(names) > 5 else "")
