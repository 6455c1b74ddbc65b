"""What every measure of the report means: said once, for the page, the JSON and the reader."""
# ruff: noqa: RUF001 - formulas are written with the signs of mathematics

from __future__ import annotations

from typing import NamedTuple


class Definition(NamedTuple):
    """A measure as people read it."""

    name: str
    formula: str
    meaning: str


DEFINITIONS = (
    Definition(
        "Import I, export X",
        "last − first reading of the meter's two energy counters",
        "What the house's meter counted, as it arrived over MQTT: the error and the resolution of "
        "the meter are in it. An interval's energy is the difference of the last readings before "
        "its edges.",
    ),
    Definition(
        "Production P",
        "what the PV inverter fed in",
        "Counted by the simulated inverter, after curtailment. Unknown where nobody counts it.",
    ),
    Definition(
        "Battery charge B⁺, discharge B⁻",
        "energy at the battery's terminals",
        "Counted by the simulated inverter. Losses and the change of what is stored are both in "
        "the difference.",
    ),
    Definition(
        "Consumption C",
        "C = I − X + P − (B⁺ − B⁻)",
        "What the house used itself, vehicle included: the balance at the meter. Without PV and "
        "battery it is the import.",
    ),
    Definition(
        "Self-sufficiency",
        "1 − min(I, C) / C",
        "Share of the consumption that was not imported. Energy that a battery held at the start "
        "counts as the house's own; by how much more the batteries hold in the end is listed as "
        "stored.",
    ),
    Definition(
        "Self-consumption",
        "1 − min(X, P) / P",
        "Share of the production that did not leave through the meter.",
    ),
    Definition(
        "Group import, group export",
        "Iᴳ = Σ max(0, Σ(I − X)), Xᴳ = Σ max(0, Σ(X − I)); inner sums over houses, outer over "
        "quarters of an hour",
        "What the houses together drew from the rest of the feeder and gave to it, netted in each "
        "quarter of an hour, however long the run. The measures of a group use these in place of I "
        "and X.",
    ),
    Definition(
        "Shared energy",
        "ΣI − Iᴳ = ΣX − Xᴳ",
        "What one house imported while another exported, in the same quarter of an hour: it "
        "stayed among neighbours, traded or not.",
    ),
    Definition(
        "Feeder balance",
        "supplied − returned = customers + other loads + losses",
        "Supplied, returned and losses are those of the power flows, customers is Σ(I − X) by the "
        "meters. Other loads, what is left, are loads of the circuit that no house stands for.",
    ),
    Definition(
        "Voltage",
        "|V| / nominal |V| at each node of the power flow",
        "1 pu (per unit) is the nominal voltage, 1.05 pu is 5 % above it. Each power flow counts "
        "for the time until the next one. Time outside the limits is summed per node; for the "
        "feeder it is the time in which any node, and in which any house's meter, was outside.",
    ),
    Definition(
        "Tap operation",
        "one change of one regulator's position",
        "Its steps are counted without sign.",
    ),
    Definition(
        "Market bill",
        "bought + penalties paid − sold − penalties received",
        "Only trades that were settled, by what was paid for them on the evidence of the meters. "
        "Fees of the chain are not in it.",
    ),
    Definition(
        "Grid bill",
        "max(0, I − bought) × buy − max(0, X − sold) × sell",
        "What the market neither brought nor took, at the supplier's prices (hub: tariff: in the "
        "hub's file), each rounded down to whole wei. Unknown without a tariff.",
    ),
    Definition(
        "Without market",
        "I × buy − X × sell",
        "What the same energy would have cost at the supplier's prices alone.",
    ),
)
