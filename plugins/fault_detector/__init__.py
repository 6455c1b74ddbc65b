"""Finds outages, lost meters and voltages out of limits in what the meters deliver."""
