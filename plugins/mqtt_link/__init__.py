"""MQTT for `ctx.connect`: links of the schemes mqtt and mqtts, on paho-mqtt."""
