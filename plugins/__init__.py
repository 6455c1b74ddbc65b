"""The plugins that come with the hub, one folder each; `plugin.py` wires it, the rest is pure."""
