"""Why there is no connection, in words for people."""

from __future__ import annotations

import socket
import ssl

from .address import Address

_REFUSALS = {
    "Bad user name or password": "the user name or the password is wrong",
    "Not authorized": "not authorized; are the user name and the password right?",
    "Client identifier not valid": "it does not accept the client id",
    "Server unavailable": "it is not available now",
}


def explain(error: OSError, address: Address) -> str:
    """Return why a connection failed."""
    if isinstance(error, ConnectionRefusedError):
        return f"connection refused by {address}: is a broker running there?"
    if isinstance(error, socket.gaierror):
        return f"no host named {address.host!r} was found: is the broker's address right?"
    if isinstance(error, TimeoutError):
        return f"no answer from {address}: is the host on, and the port open?"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {address} is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS with {address} ({error.reason}): does the broker expect mqtt:// there?"
    return f"cannot connect to {address}: {error.strerror or error}"


def explain_refusal(reason: str, address: Address) -> str:
    """Return why a broker said no; `reason` is MQTT's name for it."""
    return f"refused by {address}: {_REFUSALS.get(reason, reason)}"
