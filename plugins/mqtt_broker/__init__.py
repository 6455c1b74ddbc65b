"""An MQTT broker inside the hub, so that none needs to be installed to begin."""
