"""Who signs: operator, oracle and the houses.

On the embedded chain the keys are those every development node has: account 0 operates and owns
the contract, 1 is the oracle, 2 and up belong to the houses in the order of hub.yaml. On any other
chain keys come from hub.yaml, and the public development keys are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from .chain_settings import KeySettings
from .node import DEV_MNEMONIC
from .problems import Misconfigured

OPERATOR, ORACLE, FIRST_HOUSE = 0, 1, 2
#: Accounts beyond the houses', for wallets in a browser.
SPARE_ACCOUNTS = 4
#: Chain ids that people give to development chains.
DEV_CHAIN_IDS = frozenset({1337, 31337})


@dataclass(frozen=True, slots=True)
class Keyring:
    """The accounts of one market. `addresses` has every house that can be named, key or not."""

    operator: LocalAccount
    oracle: LocalAccount
    addresses: Mapping[str, str]
    accounts: Mapping[str, LocalAccount]

    def __repr__(self) -> str:
        return f"Keyring(operator={self.operator.address}, oracle={self.oracle.address})"


@cache
def dev_account(index: int) -> LocalAccount:
    """One of the accounts that development nodes make."""
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(
        DEV_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}"
    )
    return account


def account_of(key: str, where: str) -> LocalAccount:
    """The account of a private key. Raises `Misconfigured` without showing the key."""
    try:
        account: LocalAccount = Account.from_key(key.strip())
    except Exception:  # noqa: BLE001  # the library's words may hold the key
        raise Misconfigured(f"{where}: expected a private key of 64 hexadecimal digits") from None
    return account


def keyring(settings: KeySettings, *, embedded: bool, chain_id: int, where: str) -> Keyring:
    """The keys for a chain. Raises `Misconfigured`; `where` is the plugin's place in hub.yaml."""
    given = _given(settings, where)
    if embedded:
        return _dev_keyring(settings, given)
    if settings.operator_key is None:
        raise Misconfigured(f"{where}.key: missing; an external chain needs the operator's key")
    operator = account_of(settings.operator_key, f"{where}.key")
    oracle = operator
    if settings.oracle_key is not None:
        oracle = account_of(settings.oracle_key, f"{where}.oracle_key")
    addresses = {house: to_checksum_address(wallet) for house, wallet in settings.wallets.items()}
    addresses |= {house: account.address for house, account in given.items()}
    if chain_id not in DEV_CHAIN_IDS:
        known = {dev_account(i).address for i in range(20)}
        for account in (operator, oracle, *given.values()):
            if account.address in known:
                raise Misconfigured(
                    f"{where}: the key of {account.address} is a public development key; "
                    f"chain {chain_id} is no development chain, and anybody could spend its coin"
                )
    held: dict[str, LocalAccount] = {a.address: a for a in given.values()}
    return Keyring(operator, oracle, addresses, held)


def _dev_keyring(settings: KeySettings, given: Mapping[str, LocalAccount]) -> Keyring:
    """Keys for the embedded chain. A house with a wallet or key of its own in hub.yaml keeps it."""
    addresses: dict[str, str] = {}
    accounts = list(given.values())
    if settings.wallets:
        # A wallet named in hub.yaml may be one of the chain's own accounts, key and all.
        count = FIRST_HOUSE + len(settings.houses) + SPARE_ACCOUNTS
        accounts += [dev_account(i) for i in range(count)]
    for i, house in enumerate(settings.houses):
        if house in given:
            addresses[house] = given[house].address
        elif house in settings.wallets:
            addresses[house] = to_checksum_address(settings.wallets[house])
        else:
            accounts.append(dev_account(FIRST_HOUSE + i))
            addresses[house] = accounts[-1].address
    by_address = {str(account.address): account for account in accounts}
    held = {a: by_address[a] for a in addresses.values() if a in by_address}
    return Keyring(dev_account(OPERATOR), dev_account(ORACLE), addresses, held)


def _given(settings: KeySettings, where: str) -> dict[str, LocalAccount]:
    """The houses' keys of hub.yaml, each matching the wallet that is named there."""
    given = {}
    for house, key in settings.house_keys.items():
        account = account_of(key, f"{where}.keys.{house}")
        wallet = settings.wallets.get(house)
        if wallet is not None and wallet.lower() != account.address.lower():
            raise Misconfigured(
                f"{where}.keys.{house}: this key belongs to {account.address}, but "
                f"houses.{house}.wallet is {wallet}"
            )
        given[house] = account
    return given
