"""What a plugin raises to say how permanent a problem is. The text is shown to people."""

from __future__ import annotations


class HubError(Exception):
    """Base of the errors that carry a sentence for the user."""


class ConfigProblemError(HubError):
    """The configuration is at fault: trying again will not help until it is edited."""


class Unavailable(HubError):
    """Something outside is away (a broker, a node, a service): it is tried again, quietly."""


class Rejected(HubError):
    """A command will not be carried out; the sentence says why."""


class NotServed(Unavailable):
    """Nobody answers that question, now."""


class PluginLoadError(HubError):
    """A plugin's code could not be loaded."""


class BadInput(Exception):
    """What the user gave on the command line is at fault; the lines say how."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
