"""What a market's money is: the chain's coin, or a plain ERC-20 token."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.contracts.evm import FORTUNE_WEI, Chain, Contract
from tests.contracts.typed_data import Key

CONTRACTS = Path(__file__).parents[2] / "contracts"
TOKEN_SOURCE = CONTRACTS / "test" / "support" / "Tokens.sol"
TOKEN_ARTEFACT = CONTRACTS / "build" / "GoodToken.json"


class Coin:
    """The native coin, sent along with a call."""

    asset = "0x" + "00" * 20

    def __init__(self, chain: Chain) -> None:
        self.chain = chain

    def held(self, address: str) -> int:
        """Wei of an account."""
        return self.chain.balance(address)

    def endow(self, keys: list[Key], market: str) -> None:
        """Give accounts more than they can spend."""
        for key in keys:
            self.chain.fund(key.address)


class Token:
    """A token, pulled by the market from whoever pays."""

    def __init__(self, chain: Chain, deployer: Key) -> None:
        self.contract = Contract(chain, token_artefact(), [], deployer=deployer.address)
        self.asset = self.contract.address

    def held(self, address: str) -> int:
        """Base units of an account."""
        return int(self.contract.view("balanceOf", address))

    def endow(self, keys: list[Key], market: str) -> None:
        """Give accounts more than they can spend, and let the market take it."""
        for key in keys:
            self.contract.call("mint", key.address, FORTUNE_WEI, sender=key.address)
            self.contract.call("approve", market, 2**256 - 1, sender=key.address)


def token_artefact() -> Path:
    """The build of the tests' token, made when it is missing or older than its source."""
    if not TOKEN_ARTEFACT.exists() or TOKEN_ARTEFACT.stat().st_mtime < TOKEN_SOURCE.stat().st_mtime:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        node = shutil.which("node", path=path)
        assert node, "Node.js is needed to compile the token: run make setup"
        subprocess.run([node, "scripts/build_token.mjs"], cwd=CONTRACTS, check=True)
    return TOKEN_ARTEFACT
