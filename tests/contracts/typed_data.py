"""EIP-712 hashes of the market's messages, and keys that sign them fast."""

from __future__ import annotations

from typing import Any

from eth_abi.abi import encode
from eth_hash.auto import keccak
from eth_keys import keys
from eth_keys.backends.native.ecdsa import fast_multiply
from eth_keys.constants import SECPK1_G, SECPK1_N

ORDER = (
    "SignedOrder(uint256 accountId,bool isBid,uint256 price,uint256 qty,uint64 expiry,"
    "uint16 maxSlippage,uint32 nonce)"
)
REPORT = (
    "MeterReport(uint256 tradeId,uint256 deliveredWh,uint256 receivedWh,uint64 windowStart,"
    "uint64 windowEnd,uint64 sequence)"
)
DELIVERY = "Delivery(uint256 tradeId,uint256 deliveredWh,uint256 receivedWh)"
BATCH = (
    "MeterBatch(uint64 windowStart,uint64 windowEnd,uint64 sequence,Delivery[] deliveries)"
    + DELIVERY
)

# One nonce for every signature gives a key away after two of them. These keys guard
# nothing, and a signature costs microseconds instead of ten milliseconds.
_K = 0x1D3C5A79
_R_X, _R_Y = fast_multiply(SECPK1_G, _K)
_K_INVERSE = pow(_K, -1, SECPK1_N)


class Key:
    """A deterministic test key."""

    def __init__(self, secret: int) -> None:
        self.secret = secret
        private = keys.PrivateKey(secret.to_bytes(32, "big"))
        self.address: str = private.public_key.to_checksum_address()

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r, s, v over a digest, with s in the lower half."""
        s = _K_INVERSE * (int.from_bytes(digest, "big") + _R_X * self.secret) % SECPK1_N
        parity = _R_Y & 1
        if s > SECPK1_N // 2:
            s, parity = SECPK1_N - s, parity ^ 1
        return _R_X.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])


def flat(type_string: str, values: tuple[Any, ...]) -> bytes:
    """Hash of a struct whose members are all single words."""
    members = type_string.split("(", 1)[1].rstrip(")").split(",")
    types = [member.split(" ")[0] for member in members]
    return keccak(encode(["bytes32", *types], [keccak(type_string.encode()), *values]))


def batch(start: int, end: int, sequence: int, deliveries: list[tuple[int, int, int]]) -> bytes:
    """Hash of a MeterBatch."""
    hashes = b"".join(flat(DELIVERY, delivery) for delivery in deliveries)
    return keccak(
        encode(
            ["bytes32", "uint64", "uint64", "uint64", "bytes32"],
            [keccak(BATCH.encode()), start, end, sequence, keccak(hashes)],
        )
    )


def digest(domain: bytes, struct: bytes) -> bytes:
    """What is signed."""
    return keccak(b"\x19\x01" + domain + struct)
