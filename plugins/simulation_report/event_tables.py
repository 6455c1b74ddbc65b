"""Tables of what happened: rounds and trades, voltages and taps, alarms and troubles."""

from __future__ import annotations

from .run_data import RunData
from .tables import Column, Kind, Table

TIME = Column("time", "Time", Kind.TIME)


def rounds(data: RunData) -> Table:
    """One row per clearing that found a price."""
    table = Table(
        "rounds",
        "Market rounds",
        (
            TIME,
            Column("market", "Market"),
            Column("round", "Round", Kind.COUNT),
            Column("price_wei_per_kwh", "Price", Kind.PRICE),
            Column("qty_wh", "Energy", Kind.ENERGY_WH),
            Column("trades", "Trades", Kind.COUNT),
        ),
    )
    for r in data.market.rounds:
        time = data.timeline.at(r.elapsed_s).isoformat()
        table.rows.append((time, r.market, r.number, r.price_wei_per_kwh, r.qty_wh, r.trades))
    return table


def trades(data: RunData) -> Table:
    """One row per trade."""
    table = Table(
        "trades",
        "Trades",
        (
            TIME,
            Column("market", "Market"),
            Column("trade", "Trade"),
            Column("seller", "Seller"),
            Column("buyer", "Buyer"),
            Column("qty_wh", "Matched", Kind.ENERGY_WH),
            Column("price_wei_per_kwh", "Price", Kind.PRICE),
            Column("delivery_start", "Delivery from", Kind.TIME),
            Column("delivery_end", "to", Kind.TIME),
            Column("state", "State"),
            Column("paid_wh", "Paid for", Kind.ENERGY_WH),
            Column("paid_wei", "Paid", Kind.MONEY),
        ),
    )
    line = data.timeline
    for t in data.market.trades.values():
        window = (
            None if at is None else line.at(at).isoformat()
            for at in (t.delivery_start_s, t.delivery_end_s)
        )  # fmt: skip
        table.rows.append(
            (
                line.at(t.elapsed_s).isoformat(), t.market, str(t.trade_id), t.seller, t.buyer,
                t.qty_wh, t.price_wei_per_kwh, *window, t.state, t.paid_wh, t.paid_wei,
            )
        )  # fmt: skip
    return table


def voltages(data: RunData) -> Table:
    """One row per node of the feeder."""
    table = Table(
        "voltages",
        "Voltage by node",
        (
            Column("feeder", "Feeder"),
            Column("node", "Node"),
            Column("lowest_pu", "Lowest", Kind.VOLTAGE),
            Column("mean_pu", "Mean", Kind.VOLTAGE),
            Column("highest_pu", "Highest", Kind.VOLTAGE),
            Column("below_s", "Below limit", Kind.DURATION),
            Column("above_s", "Above limit", Kind.DURATION),
            Column("dead_s", "No voltage", Kind.DURATION),
        ),
    )
    for feeder, log in data.voltages.items():
        for n in log.all():
            table.rows.append(
                (
                    feeder, n.node, n.lowest_pu, n.mean_pu, n.highest_pu, n.below_s, n.above_s,
                    n.dead_s,
                )
            )  # fmt: skip
    return table


def taps(data: RunData) -> Table:
    """One row per tap operation."""
    table = Table(
        "taps",
        "Tap operations",
        (
            TIME,
            Column("feeder", "Feeder"),
            Column("regulator", "Regulator"),
            Column("before", "From", Kind.COUNT),
            Column("after", "To", Kind.COUNT),
            Column("steps", "Steps", Kind.COUNT),
            Column("by", "On the word of"),
        ),
    )
    for m in data.taps.attributed():
        time = data.timeline.at(m.elapsed_s).isoformat()
        table.rows.append((time, m.feeder, m.regulator, m.before, m.after, m.steps, m.by))
    return table


def alarms(data: RunData) -> Table:
    """One row per alarm."""
    table = Table(
        "alarms",
        "Alarms",
        (
            Column("raised", "Raised", Kind.TIME),
            Column("cleared", "Cleared", Kind.TIME),
            Column("duration_s", "Lasted", Kind.DURATION),
            Column("severity", "Severity"),
            Column("kind", "Kind"),
            Column("subject", "Subject"),
            Column("text", "What was said"),
        ),
    )
    line = data.timeline
    for a in data.alarms.alarms:
        cleared = None if a.cleared_s is None else line.at(a.cleared_s).isoformat()
        lasted = None if a.cleared_s is None else round(a.cleared_s - a.raised_s, 3)
        table.rows.append(
            (
                line.at(a.raised_s).isoformat(), cleared, lasted, a.severity, a.kind, a.subject,
                a.text,
            )
        )  # fmt: skip
    return table


def notifications(data: RunData) -> Table:
    """One row per message to a person."""
    table = Table(
        "notifications",
        "Notifications",
        (TIME, Column("audience", "To"), Column("severity", "Severity"), Column("text", "Text")),
    )
    for n in data.alarms.notifications:
        time = data.timeline.at(n.elapsed_s).isoformat()
        table.rows.append((time, n.audience, n.severity, n.text))
    return table


def troubles(data: RunData) -> Table:
    """One row per time that a plugin was not well."""
    table = Table(
        "troubles",
        "Plugins in trouble",
        (
            Column("since", "From", Kind.TIME),
            Column("until", "To", Kind.TIME),
            Column("plugin", "Plugin"),
            Column("state", "State"),
            Column("reason", "Reason"),
        ),
    )
    line = data.timeline
    for t in data.troubles:
        until = None if t.until_s is None else line.at(t.until_s).isoformat()
        table.rows.append((line.at(t.since_s).isoformat(), until, t.plugin, t.state, t.reason))
    return table
