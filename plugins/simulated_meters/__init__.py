"""Meters of the simulated feeder: they count energy and speak MQTT as real ones do."""
