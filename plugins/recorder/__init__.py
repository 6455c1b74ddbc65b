"""Keeps readings, feeder summaries and events, thins them with age, and serves them for plots."""
