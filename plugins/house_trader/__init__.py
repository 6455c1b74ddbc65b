"""Trades for households, and has their devices deliver what was traded."""
