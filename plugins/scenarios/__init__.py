"""The three scenarios of the mission, played on the running hub."""
