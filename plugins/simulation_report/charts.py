"""Which charts a report has, made of what was collected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .counter_log import FloatArray, IntArray
from .measures import Flows
from .run_data import RunData
from .scale import number
from .shown import price_scale
from .svg import Area, Band, Chart, Dots, Limit, Line
from .voltage_log import PHASES

#: Houses with charts of their own; of the others the table and the files tell.
MOST_HOUSES = 24
#: So many power flows' worth of noise does not fill a plot of voltages.
LEAST_SPAN_PU = 0.04
REGULATOR_CSS = ("phase-a", "phase-b", "phase-c", "fourth")
MWH_PER_KWH = 1e6


def _mean_kw(energy_mwh: IntArray, edges_s: Sequence[float]) -> list[float]:
    """Return the mean power of each interval in kW."""
    hours = np.diff(np.array(edges_s)) / 3600
    kilowatts: list[float] = (energy_mwh / MWH_PER_KWH / hours).tolist()
    return kilowatts


def group_power(data: RunData, flows: Flows, name: str, columns: list[int]) -> Chart:
    """Consumption, production and the exchange of a group of houses with the rest."""
    of, edges_s = flows.of(columns), data.timeline.edges_s()
    if not of.metered.any():
        return Chart(name, "", (), (), (), empty="No meter of these houses was ever heard.")
    net = _mean_kw((of.imported - of.exported).sum(axis=1), edges_s)
    shapes: list[Area | Line] = [
        Area("import of the group", "import", _above(net)),
        Area("export of the group", "export", _below(net)),
    ]
    figures = [("net import", net)]
    if of.known.all():
        consumed = _mean_kw(of.consumed.sum(axis=1), edges_s)
        produced = _mean_kw(of.produced.sum(axis=1), edges_s)
        figures += [("consumption", consumed), ("production", produced)]
        shapes.append(Line("consumption", "consumption", consumed))
        if any(produced):
            shapes.append(Line("PV production", "production", produced))
    digits = 1 if max(map(abs, net), default=0) < 1000 else 0
    return Chart(
        title=name,
        unit="kW, mean of each interval",
        edges=data.timeline.shares(),
        marks=data.timeline.marks(),
        shapes=shapes,
        hover=_texts(data, figures, digits, "kW"),
        note="" if of.known.all() else "Production or batteries of some houses are unknown here.",
    )


def _above(values: Sequence[float]) -> list[float | None]:
    return [v if v > 0 else None for v in values]


def _below(values: Sequence[float]) -> list[float | None]:
    return [v if v < 0 else None for v in values]


def _texts(
    data: RunData, figures: Sequence[tuple[str, Sequence[float]]], digits: int, unit: str
) -> list[str]:
    return [
        "\n".join(
            [data.timeline.interval_text(i)]
            + [
                f"{name}: {number(values[i], digits)} {unit}"
                for name, values in figures
                if not np.isnan(values[i])
            ]
        )
        for i in range(data.timeline.intervals)
    ]


def battery_charge(data: RunData) -> Chart | None:
    """The state of charge of the batteries: each, where there are few, else their spread."""
    looks = np.array(data.charge_percent[1:])
    owners = [
        i for i in range(len(data.customers)) if looks.size and not np.isnan(looks[:, i]).all()
    ]
    if not owners:
        return None
    line = data.timeline
    shapes: list[Line | Band]
    if len(owners) <= len(REGULATOR_CSS):
        shapes = [
            Line(data.customers[i].name, REGULATOR_CSS[n], _gaps(looks[:, i]))
            for n, i in enumerate(owners)
        ]
        figures = [(data.customers[i].name, looks[:, i].tolist()) for i in owners]
    else:
        among = looks[:, owners]
        mean = np.nanmean(among, axis=1)
        low, high = np.nanmin(among, axis=1), np.nanmax(among, axis=1)
        shapes = [
            Band(f"lowest to highest of {len(owners)}", "import", _gaps(low), _gaps(high)),
            Line("mean", "consumption", _gaps(mean)),
        ]
        figures = [(n, v.tolist()) for n, v in (("mean", mean), ("lowest", low), ("highest", high))]
    return Chart(
        title="Batteries",
        unit="state of charge in %, at the end of each interval",
        edges=line.shares(),
        marks=line.marks(),
        shapes=shapes,
        hover=_texts(data, figures, 0, "%"),
        include=(0.0, 100.0),
    )


def _gaps(values: FloatArray) -> list[float | None]:
    return [None if np.isnan(v) else v for v in values.tolist()]


def houses(data: RunData, flows: Flows) -> list[Chart]:
    """A small chart of the exchange of each of the first houses with the grid."""
    edges_s = data.timeline.edges_s()
    charts = []
    for column, customer in enumerate(data.customers[:MOST_HOUSES]):
        net = _mean_kw(flows.imported[:, column] - flows.exported[:, column], edges_s)
        charts.append(
            Chart(
                title=customer.name,
                unit="kW",
                edges=data.timeline.shares(),
                marks=data.timeline.marks()[::2],
                shapes=(
                    Area("import", "import", _above(net)),
                    Area("export", "export", _below(net)),
                ),
                small=True,
                empty="Nothing flowed through this meter."
                if flows.metered[column]
                else "This meter was never heard.",
            )
        )
    return charts


def prices(data: RunData) -> tuple[Chart, Chart] | None:
    """Price and energy of each market round; None if no round found a price."""
    found = data.market.rounds
    if not found:
        return None
    scale = price_scale([r.price_wei_per_kwh for r in found])
    tariff = () if data.prices is None else (
        Limit("grid: buy", data.prices.buy_wei_per_kwh / scale.wei),
        Limit("grid: sell", data.prices.sell_wei_per_kwh / scale.wei),
    )  # fmt: skip
    line, total_s = data.timeline, data.timeline.total_s
    rows = [min(int(r.elapsed_s // line.interval_s), line.intervals - 1) for r in found]
    traded = [0.0] * line.intervals
    hover: list[list[str]] = [[line.interval_text(i)] for i in range(line.intervals)]
    for row, r in zip(rows, found, strict=True):
        traded[row] += r.qty_wh / 1000
        price = number(r.price_wei_per_kwh / scale.wei, scale.digits)
        text = f"round {r.number}: {price} {scale.unit}, {r.qty_wh / 1000:.3f} kWh"
        hover[row].append(f"{text}, {r.trades} trades")
    texts = ["\n".join(lines[:9]) for lines in hover]
    points = [(r.elapsed_s / total_s, r.price_wei_per_kwh / scale.wei) for r in found]
    price_chart = Chart(
        title="Price of each round",
        unit=scale.unit,
        edges=line.shares(),
        marks=line.marks(),
        shapes=(Dots("clearing price", "price", points),),
        limits=tariff,
        limits_are="the supplier's prices",
        hover=texts,
        margin=bool(tariff),
        least_span=max(y for _, y in points) * 0.1,
    )
    energy_chart = Chart(
        title="Energy matched",
        unit="kWh per interval",
        edges=line.shares(),
        marks=line.marks(),
        shapes=(Area("energy", "export", _above(traded)),),
        hover=texts,
        margin=bool(tariff),
    )
    return price_chart, energy_chart


def voltage_bands(data: RunData, feeder: str) -> list[Chart]:
    """For each phase the band that all its nodes were in, and the one of the houses' meters."""
    log, line = data.voltages[feeder], data.timeline
    charts = []
    for phase, letter in enumerate(PHASES):
        low, high = log.nodes_band.of(phase)
        if np.isnan(high).all():
            continue
        shapes = [Band("all nodes", f"phase-{letter}", _gaps(low), _gaps(high))]
        bands = [("nodes", low, high)]
        house_low, house_high = log.houses_band.of(phase)
        if not np.isnan(house_high).all():
            css = f"phase-{letter} inner"
            shapes.append(Band("houses' meters", css, _gaps(house_low), _gaps(house_high)))
            bands.append(("houses", house_low, house_high))
        charts.append(
            Chart(
                title=f"Phase {letter.upper()}",
                unit="pu, lowest to highest",
                edges=line.shares(),
                marks=line.marks(),
                shapes=shapes,
                limits=(
                    Limit(f"{log.low_pu:g} pu", log.low_pu),
                    Limit(f"{log.high_pu:g} pu", log.high_pu),
                ),
                hover=[
                    "\n".join([line.interval_text(i), *(_band_text(i, *band) for band in bands)])
                    for i in range(line.intervals)
                ],
                least_span=LEAST_SPAN_PU,
                legend=False,
            )
        )
    return charts


def _band_text(interval: int, whose: str, low: FloatArray, high: FloatArray) -> str:
    if np.isnan(low[interval]):
        return f"{whose}: no voltage"
    return f"{whose}: {low[interval]:.4f} to {high[interval]:.4f} pu"


def tap_positions(data: RunData) -> Chart | None:
    """The position of every regulator over time; None where there is none."""
    log, line = data.taps, data.timeline
    if not log.start:
        return None
    edges = sorted({0.0, line.total_s, *(m.elapsed_s for m in log.moves)})
    shapes = []
    for n, (key, position) in enumerate(log.start.items()):
        moves = {m.elapsed_s: m.after for m in log.moves if (m.feeder, m.regulator) == key}
        values = _held(position, moves, edges[:-1])
        shapes.append(Line(key[1], REGULATOR_CSS[n % len(REGULATOR_CSS)], values))
    return Chart(
        title="Tap positions",
        unit="steps from neutral",
        edges=[edge / line.total_s for edge in edges],
        marks=line.marks(),
        shapes=shapes[: 2 * len(REGULATOR_CSS)],
        least_span=4,
        whole=True,
    )


def _held(tap: int, moves: Mapping[float, int], edges: Sequence[float]) -> list[float]:
    """Return the position from each edge on."""
    held = []
    for edge in edges:
        tap = moves.get(edge, tap)
        held.append(float(tap))
    return held
