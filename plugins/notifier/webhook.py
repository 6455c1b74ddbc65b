"""The webhook to n8n: what is posted, how it is signed, and what the answers mean.

Signed as Standard Webhooks say, so that the workflow can check where a message came from and
recognise a repetition by `webhook-id`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC

from .message import Outgoing
from .outcome import SENT, Fate, Outcome, give_up, pause, retry

SECRET_PREFIX = "whsec_"  # noqa: S105 - what such secrets begin with, not one


def key_of(secret: str) -> bytes:
    """Return the signing key of a shared secret: base64 after `whsec_`, else its own bytes.

    ValueError if what follows the prefix is not base64.
    """
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"expected base64 after {SECRET_PREFIX}") from None


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` of a body; `timestamp` is in seconds since the epoch."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def headers(message_id: str, timestamp: int, body: bytes, key: bytes | None) -> dict[str, str]:
    """Return the headers of one attempt; without a key the message is not signed."""
    result = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
    }
    if key is not None:
        result["webhook-signature"] = signature(key, message_id, timestamp, body)
    return result


def body(message: Outgoing, source: str, chat: str | None) -> bytes:
    """Return the JSON that is posted: flat, so that a workflow reaches everything in one step."""
    envelope = {
        "event": message.event,
        "id": message.id,
        "ts": message.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "severity": message.severity,
        "source": source,
        "audience": message.audience,
        "title": message.title,
        "text": message.text,
        "link": message.link,
        "chat_id": chat,
        "data": dict(message.data),
    }
    return json.dumps(envelope, allow_nan=False, default=str).encode()


def judge(status: int, answer_headers: Mapping[str, str]) -> Outcome:
    """Return what an answer means. Everything that an edit in n8n can mend is tried again."""
    if 200 <= status < 300:
        return SENT
    if 300 <= status < 400:
        return retry(
            f"n8n answers {status}: it redirects, which is not followed; check the address"
        )
    if status == 410:
        return Outcome(Fate.CLOSE, "n8n answers 410: this webhook wants no more messages")
    explained = _EXPLAINED.get(status)
    if status in (400, 413, 415, 422):
        return give_up(f"n8n answers {status}: {explained or 'it does not take this message'}")
    reason = f"n8n answers {status}" + (f": {explained}" if explained else "")
    return retry(reason, pause(answer_headers.get("retry-after")))


_EXPLAINED = {
    401: "it refuses the signature or the login; `secret` and `header` must be as in n8n",
    403: "the webhook refuses the header; `header` must be as in its credential",
    404: "the workflow is not active, or the address is its test address (/webhook-test/)",
    405: "the webhook takes another method; set it to POST",
    413: "the message is too large for it",
    429: "too many messages",
    500: "the workflow failed; see its executions",
    503: "it is starting or overloaded",
}
