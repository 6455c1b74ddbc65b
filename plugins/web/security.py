"""What the pages may load, and who may ask: pure rules, tested alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

#: The Content-Security-Policy of all pages: nothing but the hub itself.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; "  # wallets announce their icons as data: addresses
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'"
)


def is_loopback(host: str) -> bool:
    """Return whether an address to listen on can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_name(header: str) -> str:
    """Return the name in a Host header, without the port; empty if it is none."""
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:
        return ""


def host_allowed(header: str, listening_on: str, names: Iterable[str]) -> bool:
    """Return whether a Host header names this hub.

    Stops pages of strangers that make their own name resolve to this machine (DNS rebinding). A
    hub that listens beyond loopback is reached by its address, or by the names it is given.
    """
    name = host_name(header)
    if not name:
        return False
    if name in {n.lower() for n in names} or is_loopback(name):
        return True
    if is_loopback(listening_on):
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, as browsers write an Origin; empty if it has none."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""


def same_origin(origin: str | None, host_header: str, public_url: str | None) -> bool:
    """Return whether a request that changes something comes from one of the hub's own pages."""
    if not origin:
        return False
    if public_url and origin == origin_of(public_url):
        return True
    return urlsplit(origin).netloc.lower() == host_header.lower()
