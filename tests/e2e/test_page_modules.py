"""The trading page's arithmetic and rules, module by module, in the engine that runs them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.e2e.hub_site import HubSite

RULES = "{priceTick: 1000000000000n, minQty: 100n, lot: 1n, depositBps: 1000n}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(browser: Browser, bare_site: HubSite) -> AsyncIterator[Page]:
    """One page for all: the modules keep no state."""
    page = await browser.new_page()
    await page.goto(f"{bare_site.url}/dapp")
    yield page
    await page.close()


async def run(page: Page, module: str, expression: str) -> Any:
    """Evaluate an expression over a module `m`; big integers come back as text."""
    return await page.evaluate(
        f"""async () => {{
            const m = await import("/dapp-static/{module}.js");
            const plain = (key, value) => (typeof value === "bigint" ? `${{value}}` : value);
            return JSON.parse(JSON.stringify({expression}, plain) ?? "null");
        }}"""
    )


@pytest.mark.parametrize(
    ("text", "decimals", "value"),
    [
        ("3", 3, "3000"),
        ("0.001", 3, "1"),
        (" 2,5 ", 3, "2500"),
        (".5", 3, "500"),
        ("7.", 3, "7000"),
        ("1.000000", 3, "1000"),
        ("0.000000000000000001", 18, "1"),
        ("123456789.123456789012345678", 18, "123456789123456789012345678"),
    ],
)
async def test_decimals_are_read_exactly(page, text, decimals, value):
    parsed = await run(page, "units", f"m.parseDecimal({text!r}, {decimals})")
    assert parsed == {"value": value, "problem": ""}


@pytest.mark.parametrize("text", ["", ".", "1e3", "-1", "0x10", "1.2.3", "½", "1 000", "NaN"])
async def test_what_is_no_decimal_is_refused(page, text):
    parsed = await run(page, "units", f"m.parseDecimal({text!r}, 3)")
    assert parsed["value"] is None
    assert parsed["problem"]


async def test_more_decimals_than_the_unit_has_are_refused(page):
    parsed = await run(page, "units", "m.parseDecimal('1.0001', 3)")
    assert parsed == {"value": None, "problem": "At most 3 decimals."}


async def test_writing_is_the_inverse_of_reading(page):
    assert await run(page, "units", "m.formatDecimal(1n, 18)") == "0.000000000000000001"
    assert await run(page, "units", "m.formatDecimal(1500n, 3)") == "1.5"
    assert await run(page, "units", "m.formatDecimal(0n, 18)") == "0"


async def test_the_cost_of_an_order_is_exact(page):
    bid = await run(page, "rules", f"m.costOf(true, 100000000000000n, 3001n, {RULES})")
    assert bid == {
        "payment": "300100000000000",
        "deposit": "30010000000000",
        "escrow": "330110000000000",
    }
    ask = await run(page, "rules", f"m.costOf(false, 100000000000000n, 3001n, {RULES})")
    assert ask["escrow"] == "30010000000000"


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ("info: null", "The market is not open"),
        ("offline: true", "The hub does not answer"),
        ("account: null", "Connect a wallet"),
        ("chainId: 1", "Switch network"),
        ("info: {chain_id: 31337, paused: true}", "The market is paused"),
        ("energy: {value: null, problem: ''}", "Enter the energy"),
        ("energy: {value: null, problem: 'odd'}", "Correct the energy"),
        ("price: {value: null, problem: ''}", "Enter a price"),
        ("price: {value: null, problem: 'odd'}", "Correct the price"),
        ("funds: 1n", "Not enough ETH: 0.00033 needed"),
        ("busy: 'signing'", "Confirm in your wallet …"),
        ("", "Bid for 3 kWh"),
        ("isBid: false", "Offer 3 kWh"),
    ],
)
async def test_the_button_names_the_first_thing_in_the_way(page, changes, label):
    facts = f"""{{
        info: {{chain_id: 31337, paused: false}}, offline: false, account: "0x1", chainId: 31337,
        isBid: true, energy: {{value: 3000n, problem: ""}}, price: {{value: 1n, problem: ""}},
        funds: 10n ** 18n, cost: {{escrow: 330000000000000n}}, busy: "", {changes}}}"""
    assert (await run(page, "rules", f"m.nextStep({facts})"))["label"] == label


@pytest.mark.parametrize(
    ("search", "prefill", "ignored"),
    [
        ("", None, []),
        (
            "?side=buy&qty_wh=3000&max_price=5&src=alert",
            {"side": "buy", "qtyWh": "3000", "priceWei": "5", "fromAlert": True},
            [],
        ),
        ("?src=alert", None, []),
        (
            "?side=sell&qty_wh=-5",
            {"side": "sell", "qtyWh": None, "priceWei": None, "fromAlert": False},
            ["qty_wh"],
        ),
        (
            "?qty_wh=1&qty_wh=2&side=buy",
            {"side": "buy", "qtyWh": None, "priceWei": None, "fromAlert": False},
            ["qty_wh"],
        ),
        ("?contract=0xbad", None, ["contract"]),
        (f"?qty_wh={'9' * 31}", None, ["qty_wh"]),
    ],
)
async def test_a_link_is_read_strictly(page, search, prefill, ignored):
    found = await run(page, "deep-link", f"m.parseDeepLink({search!r})")
    assert found == {"prefill": prefill, "ignored": ignored}


@pytest.mark.parametrize(
    ("error", "text", "declined"),
    [
        ("{code: 'ACTION_REJECTED'}", "You declined", True),
        ("{code: 4001}", "You declined", True),
        ("{code: -32002}", "already waits", True),
        ("{code: 'INSUFFICIENT_FUNDS'}", "does not hold enough ETH", False),
        ("{code: 'NETWORK_ERROR'}", "The chain does not answer", False),
        ("{data: '0x12345678'}", "needs 0.000000000000000002 ETH and only 0.0", False),
        ("{info: {error: {data: '0x12345678'}}}", "needs", False),
        ("new Error('odd')", "It did not work: odd", False),
        ("undefined", "unknown reason", False),
    ],
)
async def test_refusals_are_sentences(page, error, text, declined):
    contract = "{parseError: () => ({name: 'InsufficientBalance', args: [1n, 2n, 1n]})}"
    call = f"(({{message, declined}}) => ({{message, declined}}))(m.explain({error}, {contract}))"
    found = await run(page, "errors", call)
    assert text in found["message"]
    assert found["declined"] is declined


async def test_the_cap_on_a_trader_is_told_with_its_figures(page):
    contract = "{parseError: () => ({name: 'OpenLimitReached', args: [4000n, 2500n, 5000n]})}"
    told = await run(page, "errors", f"m.explain({{data: '0x12345678'}}, {contract}).message")
    for figure in ("You have 4 kWh open", "With 2.5 kWh more", "above the 5 kWh"):
        assert figure in told
