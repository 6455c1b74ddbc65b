"""Tables of what happened: rounds and trades, voltages and taps, alarms and troubles."""

from __future__ import annotations

from .alarm_log import AlarmRecord, NotificationRecord
from .market_log import Round, Trade
from .run_data import RunData
from .shape import Shape
from .tables import Column, Kind, Table
from .tap_log import TapMove
from .trouble_log import Trouble
from .voltage_log import NodeVoltages

TIME = Column("time", "Time", Kind.TIME)

_ROUNDS = Shape[Round](
    "rounds",
    "Market rounds",
    (
        (TIME, lambda r: r.elapsed_s),
        (Column("market", "Market"), lambda r: r.market),
        (Column("round", "Round", Kind.COUNT), lambda r: r.number),
        (Column("price_wei_per_kwh", "Price", Kind.PRICE), lambda r: r.price_wei_per_kwh),
        (Column("qty_wh", "Energy", Kind.ENERGY_WH), lambda r: r.qty_wh),
        (Column("trades", "Trades", Kind.COUNT), lambda r: r.trades),
    ),
)

_TRADES = Shape[Trade](
    "trades",
    "Trades",
    (
        (TIME, lambda t: t.elapsed_s),
        (Column("market", "Market"), lambda t: t.market),
        (Column("trade", "Trade"), lambda t: str(t.trade_id)),
        (Column("seller", "Seller"), lambda t: t.seller),
        (Column("buyer", "Buyer"), lambda t: t.buyer),
        (Column("qty_wh", "Matched", Kind.ENERGY_WH), lambda t: t.qty_wh),
        (Column("price_wei_per_kwh", "Price", Kind.PRICE), lambda t: t.price_wei_per_kwh),
        (Column("delivery_start", "Delivery from", Kind.TIME), lambda t: t.delivery_start_s),
        (Column("delivery_end", "to", Kind.TIME), lambda t: t.delivery_end_s),
        (Column("state", "State"), lambda t: t.state),
        (Column("paid_wh", "Paid for", Kind.ENERGY_WH), lambda t: t.paid_wh),
        (Column("paid_wei", "Paid", Kind.MONEY), lambda t: t.paid_wei),
    ),
)

#: Of a feeder by its name.
_VOLTAGES = Shape[tuple[str, NodeVoltages]](
    "voltages",
    "Voltage by node",
    (
        (Column("feeder", "Feeder"), lambda of: of[0]),
        (Column("node", "Node"), lambda of: of[1].node),
        (Column("lowest_pu", "Lowest", Kind.VOLTAGE), lambda of: of[1].lowest_pu),
        (Column("mean_pu", "Mean", Kind.VOLTAGE), lambda of: of[1].mean_pu),
        (Column("highest_pu", "Highest", Kind.VOLTAGE), lambda of: of[1].highest_pu),
        (Column("below_s", "Below limit", Kind.DURATION), lambda of: of[1].below_s),
        (Column("above_s", "Above limit", Kind.DURATION), lambda of: of[1].above_s),
        (Column("dead_s", "No voltage", Kind.DURATION), lambda of: of[1].dead_s),
    ),
)

_TAPS = Shape[TapMove](
    "taps",
    "Tap operations",
    (
        (TIME, lambda m: m.elapsed_s),
        (Column("feeder", "Feeder"), lambda m: m.feeder),
        (Column("regulator", "Regulator"), lambda m: m.regulator),
        (Column("before", "From", Kind.COUNT), lambda m: m.before),
        (Column("after", "To", Kind.COUNT), lambda m: m.after),
        (Column("steps", "Steps", Kind.COUNT), lambda m: m.steps),
        (Column("by", "On the word of"), lambda m: m.by),
    ),
)

_ALARMS = Shape[AlarmRecord](
    "alarms",
    "Alarms",
    (
        (Column("raised", "Raised", Kind.TIME), lambda a: a.raised_s),
        (Column("cleared", "Cleared", Kind.TIME), lambda a: a.cleared_s),
        (Column("duration_s", "Lasted", Kind.DURATION), lambda a: a.lasted_s),
        (Column("severity", "Severity"), lambda a: a.severity),
        (Column("kind", "Kind"), lambda a: a.kind),
        (Column("subject", "Subject"), lambda a: a.subject),
        (Column("text", "What was said"), lambda a: a.text),
    ),
)

_NOTIFICATIONS = Shape[NotificationRecord](
    "notifications",
    "Notifications",
    (
        (TIME, lambda n: n.elapsed_s),
        (Column("audience", "To"), lambda n: n.audience),
        (Column("severity", "Severity"), lambda n: n.severity),
        (Column("text", "Text"), lambda n: n.text),
    ),
)

_TROUBLES = Shape[Trouble](
    "troubles",
    "Plugins in trouble",
    (
        (Column("since", "From", Kind.TIME), lambda t: t.since_s),
        (Column("until", "To", Kind.TIME), lambda t: t.until_s),
        (Column("plugin", "Plugin"), lambda t: t.plugin),
        (Column("state", "State"), lambda t: t.state),
        (Column("reason", "Reason"), lambda t: t.reason),
    ),
)


def rounds(data: RunData) -> Table:
    """One row per clearing that found a price."""
    return _ROUNDS.table(data.market.rounds, data.timeline)


def trades(data: RunData) -> Table:
    """One row per trade."""
    return _TRADES.table(data.market.trades.values(), data.timeline)


def voltages(data: RunData) -> Table:
    """One row per node of the feeder."""
    nodes = [(feeder, node) for feeder, log in data.voltages.items() for node in log.all()]
    return _VOLTAGES.table(nodes, data.timeline)


def taps(data: RunData) -> Table:
    """One row per tap operation."""
    return _TAPS.table(data.taps.attributed(), data.timeline)


def alarms(data: RunData) -> Table:
    """One row per alarm."""
    return _ALARMS.table(data.alarms.alarms, data.timeline)


def notifications(data: RunData) -> Table:
    """One row per message to a person."""
    return _NOTIFICATIONS.table(data.alarms.notifications, data.timeline)


def troubles(data: RunData) -> Table:
    """One row per time that a plugin was not well."""
    return _TROUBLES.table(data.troubles, data.timeline)
