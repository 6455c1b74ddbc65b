"""The units of the tests' market."""

TICK = 10**12
"""Wei per kWh between two prices."""
LOT = 100
"""Wh; quantities are whole numbers of it."""
TRADERS = 6
