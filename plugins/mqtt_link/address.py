"""Broker addresses: `mqtt://[user:password@]host[:port][?keepalive=30&ca=FILE&cert=FILE&key=FILE]`.

`mqtts` is MQTT over TLS. The user name and password of an address never appear in a text made here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, unquote, urlsplit

PORTS = {"mqtt": 1883, "mqtts": 8883}
_TLS_FILES = ("ca", "cert", "key")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is and how to enter. `keepalive_s` None leaves it to the caller."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    keepalive_s: int | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def with_login(self, username: str, password: str | None) -> Address:
        """Return the same address with another user."""
        return replace(self, username=username, password=password)


def parse_address(url: str) -> Address:
    """Return the address in a URL; ValueError with a sentence that is safe to show."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        # The text of the original error may quote the user name and password.
        raise ValueError(
            "broker address: expected mqtt://host:port with a port of 1 to 65535"
        ) from (None if "@" in url else error)
    if parts.scheme not in PORTS:
        raise ValueError(f"broker address: expected mqtt:// or mqtts://, not {parts.scheme!r}")
    if not parts.hostname:
        raise ValueError("broker address: the host is missing; expected mqtt://host:port")
    if parts.path not in ("", "/") or parts.fragment:
        raise ValueError(f"broker address: nothing may follow the port, but {parts.path!r} does")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    tls = parts.scheme == "mqtts"
    for name in options:
        if name != "keepalive" and not (tls and name in _TLS_FILES):
            raise ValueError(
                f"broker address: unknown option {name!r}; known: keepalive"
                + (", ca, cert, key" if tls else " (and ca, cert, key with mqtts://)")
            )
    return Address(
        host=parts.hostname,
        port=PORTS[parts.scheme] if port is None else port,
        tls=tls,
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        keepalive_s=_keepalive(options.get("keepalive")),
        ca_file=options.get("ca"),
        cert_file=options.get("cert"),
        key_file=options.get("key"),
    )


def _keepalive(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 2 <= int(text) <= 65535):
        raise ValueError(f"broker address: keepalive is {text!r}, expected 2 to 65535 seconds")
    return int(text)
