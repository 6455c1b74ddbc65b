"""Takes secrets out of text that people or files will see."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "***"

#: Shorter ones cannot be told from ordinary words and numbers.
_SHORTEST = 4
#: Up to this length a secret is looked for as a whole word only.
_SHORT = 8
#: Digits of a 32-byte number that are left to see: a private key and the hash of a transaction look
#: alike, people need to tell hashes apart, and a key of which 224 bits are missing is no key.
_KEPT = 8

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # mqtt://user:password@host; the password may hold an @
        (r"(\b[a-z][a-z0-9+.-]{0,20}://)[^\s/'\"<>]{1,512}@", rf"\1{MASK}@"),
        # https://api.telegram.org/bot123:token/sendMessage, and the token alone
        (r"\bbot\d+:[\w-]{10,}", f"bot{MASK}"),
        (r"(?<![\w:])\d{6,12}:[\w-]{30,}", MASK),
        (r"(authorization['\"]?\s*[:=]\s*['\"]?(?:basic|bearer|token|digest)\s+)[^\s'\"]+",
         rf"\1{MASK}"),
        (r"(\bbearer\s+)[\w.~+/-]{16,}=*", rf"\1{MASK}"),
        (r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", MASK),
        (r"([?&](?:access_?token|token|api_?key|key|secret|password|sig)=)[^&\s'\"<>]+",
         rf"\1{MASK}"),
        # The key in the path of a hosted Ethereum node: https://sepolia.infura.io/v3/…
        (r"(/v[23]/)[\w-]{20,}", rf"\1{MASK}"),
        (rf"(?<![0-9a-f])((?:0x)?[0-9a-f]{{{_KEPT}}})[0-9a-f]{{{64 - _KEPT}}}(?![0-9a-f])", r"\1…"),
    )
)  # fmt: skip


class Redactor:
    """Knows the secrets of this hub, and the forms that secrets of any kind have."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self._learn(secrets)

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

    def add(self, secret: str) -> None:
        """Take this text out from now on, also as it looks in a URL, in JSON or in quotes."""
        self._learn((secret,))

    def __call__(self, text: str) -> str:
        """Return text without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def _learn(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        if forms <= self._forms:
            return
        self._forms |= forms
        longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(_as_pattern, longest_first)))


def _forms(secret: str) -> set[str]:
    """Return how a secret may be written; a text of several lines is a secret line by line."""
    found: set[str] = set()
    for text in {secret, secret.strip(), *secret.splitlines()}:
        if len(text.strip()) >= _SHORTEST:
            encoded = text.encode("utf-8", errors="surrogateescape")
            found |= {text, quote(encoded), quote(encoded, safe=""), quote_plus(encoded)}
            found |= {repr(text)[1:-1], json.dumps(text)[1:-1], repr(encoded)[2:-1]}
            found |= {json.dumps(text, ensure_ascii=False)[1:-1]}
    return found


def _as_pattern(form: str) -> str:
    escaped = re.escape(form)
    return rf"(?<!\w){escaped}(?!\w)" if len(form) < _SHORT else escaped
