"""The feeder: an OpenDSS circuit with the houses of hub.yaml, and a scratch twin of it."""
