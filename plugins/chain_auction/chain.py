"""JSON-RPC to an Ethereum node, through web3: the only module that speaks it.

Whatever goes wrong becomes `Unreachable` (the node is away, slow or answers nonsense) or `Refused`
(the contract said no, in a sentence). Importing this module imports web3, which takes two seconds:
`plugin.py` does it on a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, NamedTuple, cast
from urllib.parse import urlsplit

import aiohttp
from eth_account.signers.local import LocalAccount
from eth_typing import ABI, ChecksumAddress
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3 import AsyncWeb3
from web3.exceptions import (
    ContractCustomError,
    ContractLogicError,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)
from web3.types import LogReceipt, RPCEndpoint, TxParams, TxReceipt

from .events import Head
from .problems import MarketError, Refused, Unreachable
from .revert import ErrorTable
from .rpc_provider import Outside, RpcProvider

#: No transaction may use more (EIP-7825).
TX_GAS_CAP = 16_777_216
#: Room above the estimate: the state may differ when the transaction is mined.
GAS_MARGIN_PERCENT = 25
#: Words with which nodes say that they know a transaction or that its nonce is used.
KNOWN_PHRASES = ("already known", "already imported", "nonce too low", "known transaction")


class AlreadySent(MarketError):
    """The node has this transaction, or one with its nonce: its receipt tells."""


class Underpriced(MarketError):
    """Its fees are too low for now, or too close to those of the version the node has."""


class MinedTransaction(NamedTuple):
    """A transaction as its sender signed it, and the block it is in."""

    sender: str
    nonce: int
    raw: bytes
    block: Head


class Chain:
    """One node and one contract on it."""

    def __init__(
        self,
        url: str,
        abi: Sequence[Mapping[str, Any]],
        label: str,
        outside: Outside = nullcontext,
    ) -> None:
        self._label = label
        self._hidden = _secret_parts(url)
        self._errors = ErrorTable(abi)
        self._abi: ABI = list(abi)  # type: ignore[arg-type]
        self._provider = RpcProvider(url, outside)
        self._web3: AsyncWeb3[RpcProvider] = AsyncWeb3(self._provider)
        self._contract: Any = None
        self._now: Callable[[], float] | None = None
        self._next_block_at = 0
        self.address = ""

    async def open(self) -> int:
        """Connect; returns the chain id."""
        await self._provider.open()
        with self._guarded():
            return int(await self._web3.eth.chain_id)

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        await self._provider.close()

    def use(self, address: str) -> None:
        """Speak to the contract at this address from now on."""
        self.address = to_checksum_address(address)
        self._contract = self._web3.eth.contract(self.address, abi=self._abi)

    # -- reading --

    async def head(self) -> Head:
        """The newest block."""
        with self._guarded():
            return _head(await self._web3.eth.get_block("latest"))

    async def block(self, number: int) -> Head | None:
        """One block; None if the chain does not reach there."""
        with self._guarded():
            try:
                return _head(await self._web3.eth.get_block(number))
            except Web3Exception as error:
                if "not found" in str(error).lower():
                    return None
                raise

    async def code_hash(self, address: str) -> str:
        """Fingerprint of the code at an address; empty if there is none."""
        with self._guarded():
            code = await self._web3.eth.get_code(to_checksum_address(address))
        return "0x" + keccak(bytes(code)).hex() if code else ""

    async def logs(self, first_block: int, last_block: int) -> list[LogReceipt]:
        """Logs of the contract in a range of blocks."""
        with self._guarded():
            return list(
                await self._web3.eth.get_logs({
                    "address": _checksum(self.address),
                    "fromBlock": first_block,
                    "toBlock": last_block,
                })
            )  # fmt: skip

    async def call(self, function: str, *args: Any) -> Any:
        """Read from the contract."""
        with self._guarded():
            return await self._contract.functions[function](*args).call()

    async def balance(self, address: str) -> int:
        """Coin of an account in wei."""
        with self._guarded():
            return int(await self._web3.eth.get_balance(to_checksum_address(address)))

    async def receipt(self, tx: str) -> TxReceipt | None:
        """The receipt of a transaction; None while it has none."""
        with self._guarded():
            try:
                return await self._web3.eth.get_transaction_receipt(HexBytes(tx))
            except TransactionNotFound:
                return None

    async def block_of(self, receipt: TxReceipt) -> Head:
        """The block that a receipt names."""
        number = int(receipt["blockNumber"])
        block_hash = HexBytes(receipt["blockHash"]).to_0x_hex()
        block = await self.block(number)
        if block is None or block.hash != block_hash:
            raise Unreachable(f"{self._label}: block {number} was replaced while it was read")
        return block

    async def transactions(self, number: int) -> list[str]:
        """The hashes of a block's transactions, in order."""
        with self._guarded():
            block = await self._web3.eth.get_block(number)
        # Whole transactions would come only if they were asked for.
        hashes = cast("Sequence[HexBytes]", block.get("transactions", ()))
        return [HexBytes(tx).to_0x_hex() for tx in hashes]

    async def mined_transaction(self, tx: str) -> MinedTransaction | None:
        """A mined transaction as signed; None where the node does not give it."""
        with self._guarded():
            try:
                raw = bytes(await self._web3.eth.get_raw_transaction(HexBytes(tx)))
                found = await self._web3.eth.get_transaction(HexBytes(tx))
            except (TransactionNotFound, Web3RPCError):
                return None
        block = await self.block(int(found["blockNumber"]))
        if block is None:
            return None
        return MinedTransaction(str(found["from"]), int(found["nonce"]), raw, block)

    # -- development chains only --

    async def set_next_time(self, at: int) -> None:
        """Give the next block a time in seconds since the epoch, if that is not before the last."""
        await self._provider.make_request(RPCEndpoint("evm_setNextBlockTimestamp"), [at])

    async def set_clock(self, at: int) -> None:
        """Let the chain's clock run on from a time in seconds since the epoch."""
        await self._provider.make_request(RPCEndpoint("anvil_setTime"), [at])

    async def follow_clock(self, now: Callable[[], float]) -> None:
        """Let the chain's clock stand, but for transactions: they are made at this time.

        For virtual time, which does not pass as the chain's own clock does.
        """
        await self._provider.make_request(RPCEndpoint("anvil_setBlockTimestampInterval"), [0])
        self._now = now

    async def _be_on_time(self) -> None:
        if self._now is not None and int(self._now()) > self._next_block_at:
            self._next_block_at = int(self._now())
            await self.set_next_time(self._next_block_at)

    # -- writing --

    async def nonce(self, address: str, *, mined: bool = False) -> int:
        """The next nonce; transactions that wait are counted unless only `mined` ones are asked."""
        state: Literal["latest", "pending"] = "latest" if mined else "pending"
        with self._guarded():
            return int(
                await self._web3.eth.get_transaction_count(to_checksum_address(address), state)
            )

    async def fees(self, tip_wei: int | None = None) -> tuple[int, int]:
        """A fee cap that lasts through rising prices, and a tip; both in wei per gas.

        Without `tip_wei` the node suggests the tip.
        """
        with self._guarded():
            history = await self._web3.eth.fee_history(1, "latest", [])
            tip = int(await self._web3.eth.max_priority_fee) if tip_wei is None else tip_wei
        # The last entry is that of the block to come.
        return 2 * int(history["baseFeePerGas"][-1]) + tip, tip

    def encode(self, function: str, *args: Any) -> TxParams:
        """A call of the contract as a transaction without fees."""
        data = self._contract.encode_abi(function, args=list(args))
        return {"to": _checksum(self.address), "data": data}

    def encode_deployment(self, bytecode: str, *args: Any) -> TxParams:
        """The creation of the contract as a transaction without fees."""
        factory = self._web3.eth.contract(abi=self._abi, bytecode=HexBytes(bytecode))
        return {"data": factory.constructor(*args).data_in_transaction}

    async def estimate(self, tx: TxParams, sender: str) -> int:
        """Gas for a transaction, with room. Raises `Refused` if it would be reverted."""
        await self._be_on_time()
        with self._guarded():
            gas = await self._web3.eth.estimate_gas({**tx, "from": _checksum(sender)})
        return min(TX_GAS_CAP, int(gas) * (100 + GAS_MARGIN_PERCENT) // 100)

    async def why_reverted(self, tx: TxParams, sender: str, block: int) -> str:
        """The sentence for a transaction that was mined and failed."""
        try:
            with self._guarded():
                await self._web3.eth.call({**tx, "from": _checksum(sender)}, block)
        except Refused as refusal:
            return str(refusal)
        except Unreachable:
            pass
        return "the transaction failed when it was mined, and would not fail now"

    async def send(self, raw: bytes) -> None:
        """Hand signed bytes over. Raises `AlreadySent` if the node has them or their nonce."""
        await self._be_on_time()
        with self._guarded():
            await self._web3.eth.send_raw_transaction(HexBytes(raw))

    def decode(self, logs: Sequence[LogReceipt]) -> list[tuple[str, Mapping[str, Any], LogReceipt]]:
        """The contract's events in logs, with their arguments by name."""
        found: list[tuple[str, Mapping[str, Any], LogReceipt]] = []
        for log in logs:
            event = self._event_of(log)
            if event is not None:
                found.append((event.event_name, dict(event().process_log(log)["args"]), log))
        return found

    def _event_of(self, log: LogReceipt) -> Any:
        if str(log["address"]).lower() != self.address.lower() or not log["topics"]:
            return None
        if not hasattr(self, "_by_topic"):
            self._by_topic = {
                bytes(HexBytes(event().topic)): event for event in self._contract.events
            }
        return self._by_topic.get(bytes(log["topics"][0]))

    def explain(self, data: bytes) -> str:
        """The sentence for revert data."""
        return self._errors.explain(data)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn what node and network do into `Refused`, `AlreadySent` or `Unreachable`."""
        try:
            yield
        except ContractCustomError as error:
            raise Refused(self._errors.explain(_revert_data(error))) from error
        except ContractLogicError as error:
            raise Refused(self._errors.explain(_revert_data(error), str(error))) from error
        except Web3RPCError as error:
            raise self._judge(_words(error)) from error
        except (Web3Exception, aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            words = self._plain(str(error)) or type(error).__name__
            # What a library says of a failed request may hold the address, and that a password:
            # neither the words nor the cause are passed on as they are.
            text = f"{self._label} does not answer as it should: {words[:200]}"
            raise Unreachable(text) from None

    def _plain(self, words: str) -> str:
        """Words in one line, without what in the node's address may be a password."""
        for part in self._hidden:
            words = words.replace(part, "…")
        return " ".join(words.split())

    def _judge(self, words: str) -> MarketError:
        words = self._plain(words)
        lower = words.lower()
        if any(phrase in lower for phrase in KNOWN_PHRASES):
            return AlreadySent(words)
        if "insufficient funds" in lower or "insufficientfunds" in lower:
            return Refused("the wallet does not hold enough coin for the payment and the fees")
        if "underpriced" in lower or "less than block base fee" in lower:
            return Underpriced(words)
        return Unreachable(f"{self._label} refused: {words[:200]}")


def sign(account: LocalAccount, tx: Mapping[str, Any]) -> tuple[bytes, str]:
    """Signed bytes of a complete transaction, and its hash."""
    signed = account.sign_transaction(dict(tx))
    return bytes(signed.raw_transaction), signed.hash.to_0x_hex()


def _secret_parts(url: str) -> tuple[str, ...]:
    """The parts of an address that may hold a password: all but scheme, host and port."""
    parts = urlsplit(url)
    after_host = url[url.index(parts.netloc) + len(parts.netloc) :] if parts.netloc else ""
    credentials = parts.netloc.rpartition("@")[0]
    found = (after_host, parts.path, parts.query, parts.password or "", credentials)
    return tuple(part for part in found if len(part) > 1)


def _checksum(address: str) -> ChecksumAddress:
    return to_checksum_address(address)


def _head(block: Any) -> Head:
    return Head(int(block["number"]), HexBytes(block["hash"]).to_0x_hex(), int(block["timestamp"]))


def _revert_data(error: ContractLogicError) -> bytes:
    data = error.data
    if isinstance(data, str) and data.startswith("0x"):
        return bytes(HexBytes(data))
    return b""


def _words(error: Web3RPCError) -> str:
    response = error.rpc_response
    if response is not None:
        detail = response.get("error")
        if isinstance(detail, dict):
            return str(detail.get("message", ""))
    return str(error)
