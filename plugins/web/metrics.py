"""The hub's figures for Prometheus, made afresh for each look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE_LATEST", "render"]

#: Quantities of meters that are exported, with their metric name and factor to base units.
_GAUGES = {
    "power": ("hub_meter_power_watts", "Net import", 1.0),
    "voltage": ("hub_meter_voltage_volts", "Voltage at the meter", 1.0),
    "state_of_charge": ("hub_battery_charge_ratio", "State of charge", 0.01),
    "tap": ("hub_regulator_tap_position", "Tap position", 1.0),
}
_COUNTERS = {"energy_import": "import", "energy_export": "export"}
JOULES_PER_WH = 3600.0


class _Look(Collector):
    def __init__(
        self, state: Mapping[str, Any], readings: Iterable[tuple[str, str, float]]
    ) -> None:
        self._state = state
        self._readings = list(readings)

    def collect(self) -> Iterable[Metric]:
        yield from self._hub()
        yield from self._meters()

    def _hub(self) -> Iterable[Metric]:
        state = self._state
        build = GaugeMetricFamily("hub_build_info", "Version of the hub", labels=["version"])
        build.add_metric([state["version"]], 1)
        yield build
        up = GaugeMetricFamily("hub_plugin_up", "1 while the plugin is online", labels=["plugin"])
        restarts = CounterMetricFamily(
            "hub_plugin_restarts", "Restarts after a crash", labels=["plugin"]
        )
        errors = CounterMetricFamily(
            "hub_plugin_errors", "Handlers and jobs that raised", labels=["plugin"]
        )
        for plugin in state["plugins"]:
            up.add_metric([plugin["plugin"]], float(plugin["state"] == "ONLINE"))
            restarts.add_metric([plugin["plugin"]], plugin["restarts"])
            errors.add_metric([plugin["plugin"]], plugin["errors"])
        yield up
        yield restarts
        yield errors
        yield CounterMetricFamily(
            "hub_bus_published", "Messages published", value=state["bus"]["published"]
        )
        dropped = CounterMetricFamily(
            "hub_bus_conflated", "Readings replaced by newer ones unread", labels=["subscriber"]
        )
        totals: dict[str, int] = {}
        for subscription in state["bus"]["subscriptions"]:
            owner = subscription["owner"]
            totals[owner] = totals.get(owner, 0) + subscription["conflated"]
        for owner, count in totals.items():
            dropped.add_metric([owner], count)
        yield dropped
        yield GaugeMetricFamily(
            "hub_loop_lag_seconds", "Lateness of the event loop", value=state["loop_lag_s"]
        )

    def _meters(self) -> Iterable[Metric]:
        gauges = {
            quantity: GaugeMetricFamily(name, text, labels=["device"])
            for quantity, (name, text, _) in _GAUGES.items()
        }
        energy = CounterMetricFamily(
            "hub_meter_energy_joules", "Energy through the meter", labels=["device", "direction"]
        )
        for device, quantity, value in self._readings:
            if quantity in gauges:
                gauges[quantity].add_metric([device], value * _GAUGES[quantity][2])
            elif quantity in _COUNTERS:
                energy.add_metric([device, _COUNTERS[quantity]], value * JOULES_PER_WH)
        yield from gauges.values()
        yield energy


def render(state: Mapping[str, Any], readings: Iterable[tuple[str, str, float]]) -> bytes:
    """Return the text format: the hub's state and (device, quantity, value) of fresh readings."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Look(state, readings))
    return generate_latest(registry)
