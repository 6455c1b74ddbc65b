"""What hub.yaml may say about the market, and what is said when it says something else."""

from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from pydantic import ValidationError

from hub.api import CheckContext, House
from plugins.chain_auction import artefact
from plugins.chain_auction.chain_settings import KeySettings
from plugins.chain_auction.configuration import CONTRACTS, Config, check_market
from plugins.chain_auction.keys import dev_account, keyring
from plugins.chain_auction.problems import Misconfigured

KEY = "0x" + "11" * 32
WALLET = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"


def check(config: dict[str, Any], houses: dict[str, dict[str, Any]] | None = None) -> list[str]:
    made = {name: House(**section) for name, section in (houses or {}).items()}
    return check_market(Config(**config), CheckContext(made, Path(), "market"))


def settings(**changes: Any) -> KeySettings:
    values: dict[str, Any] = {
        "houses": ("house1", "house2"), "wallets": {}, "operator_key": KEY, "oracle_key": None,
        "house_keys": {},
    }  # fmt: skip
    return KeySettings(**(values | changes))


def test_the_defaults_are_an_embedded_chain_without_mistakes():
    assert check({}) == []
    assert Config().embedded


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"window": "1500ms"}, "whole seconds"),
        ({"window": "10m"}, "settlement_ttl must be at least"),
        ({"price_tick": "-1"}, "expected an amount"),
        ({"price_tick": "1e-19"}, "whole wei"),
        ({"withdraw_above": "much"}, "expected an amount"),
        ({"contract": "0x12"}, "wallet address"),
        ({"max_open_wh": 99}, r"max_open_wh must be 0, or from min_qty_wh \(100\) to 16777215"),
        ({"max_open_wh": 2**24}, "max_open_wh must be 0"),
        ({"gas": 1}, "Extra inputs"),
    ],
)
def test_a_mistake_in_the_section_is_refused(section: dict[str, Any], words: str):
    with pytest.raises(ValidationError, match=words):
        Config(**section)


def test_an_external_chain_needs_a_key_and_a_contract():
    found = check({"rpc": "https://example.org"})
    assert any(line.startswith("key: missing") for line in found)
    assert any("contract: 0x… or deploy: true" in line for line in found)
    assert check({"rpc": "https://example.org", "key": KEY, "deploy": True}) == []


def test_keys_of_houses_that_do_not_exist_are_named():
    assert check({"keys": {"house9": KEY}}) == [
        "keys.house9: there is no house 'house9' under houses:"
    ]


def test_a_wallet_with_a_mistyped_letter_is_found_by_its_checksum():
    good = {"house1": {"wallet": WALLET}, "house2": {"wallet": WALLET.lower()}}
    assert check({}, good) == []
    [line] = check({}, {"house1": {"wallet": WALLET.replace("fB69", "FB69")}})
    assert line.startswith("houses.house1.wallet: 0xFB69")
    assert "checksum" in line


def test_a_simulation_on_the_twin_needs_no_contract(tmp_path: Path):
    without = Config(artefact=str(tmp_path / "none.json"))
    simulated = CheckContext({}, Path(), "market", virtual=True)
    assert check_market(without, simulated) == []
    on_chain = without.model_copy(update={"backend": "chain"})
    assert len(check_market(on_chain, simulated)) == 1


def test_a_missing_or_foreign_build_says_what_to_do(tmp_path: Path):
    [line] = check({"artefact": str(tmp_path / "none.json")})
    assert line.endswith("the compiled contract is not there; run: make")
    foreign = tmp_path / "build.json"
    foreign.write_text('{"abi": [], "bytecode": "0x", "sourceHash": "1"}')
    with pytest.raises(Misconfigured, match="the contract lacks accountOf, balanceOf"):
        artefact.load(foreign)
    foreign.write_text("[1]")
    with pytest.raises(Misconfigured, match="expected a JSON object"):
        artefact.load(foreign)


def test_no_secret_is_shown_by_what_was_read():
    config = Config(rpc="https://example.org/v3/hidden", key=KEY, keys={"house1": KEY})
    chain = config.chain_settings("market", {"house1": House()}, "")
    for text in (repr(config), str(config), repr(chain)):
        assert "hidden" not in text
        assert "1111" not in text


# -- keys --


def test_the_embedded_chain_gives_accounts_in_the_order_of_the_houses():
    ring = keyring(settings(), embedded=True, chain_id=31337, where="plugins.market")
    assert ring.operator.address == dev_account(0).address
    assert ring.oracle.address == dev_account(1).address
    assert ring.addresses == {"house1": dev_account(2).address, "house2": dev_account(3).address}
    assert set(ring.accounts) == set(ring.addresses.values())


def test_a_house_with_its_own_wallet_keeps_it_and_signs_for_itself():
    ring = keyring(
        settings(wallets={"house2": WALLET.lower()}), embedded=True, chain_id=31337, where="m"
    )
    assert ring.addresses["house2"] == to_checksum_address(WALLET)
    assert ring.addresses["house2"] not in ring.accounts


def test_a_key_must_belong_to_the_wallet_named_beside_it():
    with pytest.raises(Misconfigured, match=r"plugins\.market\.keys\.house1: this key belongs to"):
        keyring(
            settings(wallets={"house1": WALLET}, house_keys={"house1": KEY}),
            embedded=False, chain_id=11155111, where="plugins.market",
        )  # fmt: skip


def test_a_bad_key_is_refused_without_being_shown():
    with pytest.raises(Misconfigured) as refused:
        keyring(settings(operator_key="0xsecret"), embedded=False, chain_id=5, where="plugins.m")
    assert str(refused.value) == "plugins.m.key: expected a private key of 64 hexadecimal digits"


def test_public_development_keys_are_refused_outside_development_chains():
    public = dev_account(0).key.hex()
    with pytest.raises(Misconfigured, match="is a public development key; chain 1 is no"):
        keyring(settings(operator_key=public), embedded=False, chain_id=1, where="plugins.m")
    ring = keyring(settings(operator_key=public), embedded=False, chain_id=31337, where="m")
    assert ring.oracle.address == ring.operator.address


def test_the_contract_that_is_built_here_is_the_one_that_is_needed():
    built = artefact.load(CONTRACTS / "build/EnergyDoubleAuction.json")
    assert built.bytecode.startswith("0x")
