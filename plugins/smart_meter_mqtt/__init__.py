"""Reads smart meters on MQTT, of many makes, and publishes what they measure."""
