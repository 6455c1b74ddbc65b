"""What can go wrong between the hub and a chain, by how permanent it is."""

from __future__ import annotations


class MarketError(Exception):
    """Base: the text is a sentence for people."""


class Unreachable(MarketError):
    """The chain is away or too slow; try again."""


class Refused(MarketError):
    """The market or the chain said no; the sentence says why, with figures."""


class Misconfigured(MarketError):
    """Only an edit of hub.yaml, or a setup step, can help."""


class ChainReplaced(MarketError):
    """None of the remembered blocks is on the chain: it is another one, or was wiped."""


class StillPending(MarketError):
    """A transaction was handed over and has not been mined in time; it is still watched."""

    def __init__(self, text: str, tx: str) -> None:
        super().__init__(text)
        self.tx = tx
