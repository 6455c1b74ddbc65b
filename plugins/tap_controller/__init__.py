"""Keeps the feeder's voltages within limits by moving tap changers, fewest moves first."""
