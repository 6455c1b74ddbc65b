"""The trading page in a real browser, on a real chain; only the wallet's window is left out."""

import re

import aiohttp
import pytest
from eth_utils.crypto import keccak
from playwright.async_api import Page, expect

from tests.e2e.hub_site import HubSite
from tests.e2e.wallet import wallet_script

PRICE_STEP = 10**12


async def addresses(site: HubSite) -> dict[str, str]:
    info = await site.ask("market/info")
    return {account["house"]: account["address"] for account in info["accounts"]}


async def connect(page: Page) -> None:
    await page.locator("#wallet").click()
    await page.get_by_role("button", name="Test wallet").click()
    await expect(page.locator("#wallet")).to_contain_text("Test wallet")


async def fill(page: Page, side: str, kwh: str, price: str) -> None:
    await page.locator(f"label[for=side-{side}]").click()
    await page.locator("#energy").fill(kwh)
    await page.locator("#price").fill(price)


@pytest.fixture
def open_dapp(open_page, site: HubSite):
    """Open the trading page with a wallet for one of the houses."""

    async def open_it(house: str = "house1", *, query: str = "", **options):
        account = (await addresses(site))[house]
        script = wallet_script(account, **options.pop("wallet", {}))
        return await open_page(f"{site.url}/dapp{query}", init_script=script, **options)

    return open_it


async def test_the_market_can_be_watched_without_a_wallet(open_page, site: HubSite):
    page, _ = await open_page(f"{site.url}/dapp")
    await expect(page.locator("#place")).to_have_text("Connect a wallet")
    await expect(page.locator("#trust")).to_contain_text("31337, run by this hub")
    await expect(page.locator("#credit")).to_contain_text("No wallet connected")
    await expect(page.locator("#countdown")).to_have_text(re.compile(r"\d+ min"))
    await page.locator("#wallet").click()
    await expect(page.locator("#wallet-list")).to_contain_text("None was found")


async def test_a_bid_and_an_ask_are_placed_and_matched(open_dapp, site: HubSite):
    seller, _ = await open_dapp("house2")
    await connect(seller)
    await fill(seller, "sell", "3", "0.00008")
    await expect(seller.locator("#sum")).to_contain_text("0.00024 ETH")
    await seller.get_by_role("button", name="Offer 3 kWh").click()
    await expect(seller.locator("#transactions .pill")).to_have_text("final")
    await expect(seller.locator("#orders tbody tr").first).to_contain_text("open")

    buyer, _ = await open_dapp("house1")
    await connect(buyer)
    await expect(buyer.locator("#book tr.ask")).to_contain_text("3 kWh")
    await fill(buyer, "buy", "3", "0.0001")
    sums = buyer.locator("#sum")
    await expect(sums).to_contain_text("Payment at most0.0003 ETH")
    await expect(sums).to_contain_text("Total held0.00033 ETH")
    await buyer.get_by_role("button", name="Bid for 3 kWh").click()
    await expect(buyer.locator("#transactions .pill")).to_have_text("final")
    await expect(buyer.locator("#book tr.bid .own")).to_have_text("● 3 kWh")
    await expect(buyer.locator("#book .middle")).to_contain_text(
        "0.000090 ETH/kWh for 3 kWh if cleared now"
    )

    await site.clear_market()
    for page, word in ((buyer, "Bought"), (seller, "Sold")):
        trade = page.locator("#trades tbody tr").first
        await expect(trade).to_contain_text(word)
        await expect(trade).to_contain_text("0.000090")
        await expect(page.locator("#orders tbody tr").first).to_contain_text("filled")
    await expect(buyer.locator("#latest")).to_contain_text("House 2 → House 1")


async def test_a_transaction_survives_a_reload_and_an_order_can_be_cancelled(open_dapp):
    page, _ = await open_dapp("house3")
    await connect(page)
    await fill(page, "buy", "1.5", "0.00002")
    await page.get_by_role("button", name="Bid for 1.5 kWh").click()
    await expect(page.locator("#transactions")).to_contain_text("Bid for 1.5 kWh")
    await page.reload()
    await expect(page.locator("#wallet")).to_contain_text("Test wallet")
    await expect(page.locator("#transactions")).to_contain_text("Bid for 1.5 kWh")
    assert "eth_requestAccounts" not in await page.evaluate("testWallet.calls")
    await page.get_by_role("button", name=re.compile("Cancel order")).click()
    await expect(page.locator("#orders tbody tr").first).to_contain_text("cancelled")
    await expect(page.locator("#credit .total")).to_contain_text("0.000033 ETH")
    await page.get_by_role("button", name="Withdraw the credit").click()
    await expect(page.locator("#credit .total dd")).to_have_text("0 ETH")


@pytest.mark.parametrize("after", ["balanceOf(address)", "placeBid(uint256,uint256,uint64)"])
async def test_credit_that_goes_while_an_order_is_placed_is_paid_by_the_wallet(
    open_dapp, site: HubSite, after: str
):
    """As when the hub, which holds the same key, withdraws what a trade has given back."""
    page, _ = await open_dapp("house3")
    await connect(page)
    await fill(page, "buy", "1", "0.00002")
    await page.get_by_role("button", name="Bid for 1 kWh").click()
    await page.get_by_role("button", name=re.compile("Cancel order")).click()
    await expect(page.locator("#credit .total")).to_contain_text("0.000022 ETH")
    await fill(page, "buy", "2", "0.00002")
    contract = (await site.ask("market/info"))["contract"]
    account = (await addresses(site))["house3"]
    await page.evaluate(
        """([to, from, after, accountOf, withdraw]) => {
          const withdrawAll = async (ask) => {
            const id = await ask("eth_call", [{to, data: accountOf}, "latest"]);
            await ask("eth_sendTransaction", [{from, to, data: withdraw + id.slice(2)}]);
          };
          testWallet.meanwhile = [after, withdrawAll];
          document.querySelector("#place").click();
        }""",
        [
            contract,
            account,
            _call_data(after),
            _call_data("accountOf(address)", account),
            _call_data("withdraw(uint256)"),
        ],
    )
    await expect(page.locator("#orders tbody tr").first).to_contain_text("2 kWh")
    await expect(page.locator("#orders tbody tr").first).to_contain_text("open")
    await expect(page.locator("#credit .total dd")).to_have_text("0 ETH")
    await page.get_by_role("button", name=re.compile("Cancel order")).first.click()
    await page.get_by_role("button", name="Withdraw the credit").click()
    await expect(page.locator("#credit .total dd")).to_have_text("0 ETH")


def _call_data(signature: str, argument: str = "") -> str:
    """Return what calls a function of the contract; `argument` is one word in hex, or left out."""
    word = argument.removeprefix("0x").zfill(64) if argument else ""
    return "0x" + keccak(text=signature)[:4].hex() + word


async def test_declining_is_no_error(open_dapp):
    page, _ = await open_dapp("house1")
    await connect(page)
    await fill(page, "buy", "2", "0.00002")
    await page.evaluate("testWallet.reject = true")
    await page.get_by_role("button", name="Bid for 2 kWh").click()
    refusal = page.locator("#refusal")
    await expect(refusal).to_have_text("You declined in the wallet. Nothing was sent.")
    await expect(refusal).to_have_attribute("role", "status")
    await expect(page.locator("#energy")).to_have_value("2")
    await expect(page.locator("#place")).to_have_text("Bid for 2 kWh")


async def test_the_contract_is_asked_before_the_wallet_opens(open_dapp, site: HubSite):
    page, _ = await open_dapp()
    await connect(page)
    await fill(page, "buy", "2", "0.00002")
    # The page believes the hub, which may not be up to date; the contract knows better.
    await page.route(
        "**/api/market/info",
        lambda route: _answer_with(route, site, price_tick_wei=1, min_qty_wh=1),
    )
    await page.locator("#price").fill("0.0000200000005")
    await page.get_by_role("button", name="Bid for 2 kWh").click()
    await expect(page.locator("#refusal")).to_have_text(
        "Price 0.0000200000005 is not a multiple of the tick 0.000001. "
        "Nearest: 0.00002 or 0.000021 ETH/kWh."
    )
    assert "eth_sendTransaction" not in await page.evaluate("testWallet.calls")


async def _answer_with(route, site: HubSite, **changes) -> None:
    async with aiohttp.ClientSession() as client, client.get(route.request.url) as answer:
        info = await answer.json()
    await route.fulfill(json={**info, **changes})


async def test_another_chain_is_said_and_changed(open_dapp):
    page, _ = await open_dapp(wallet={"chain_id": 1})
    await connect(page)
    banner = page.locator("#banners .banner", has_text="on chain 1;")
    await expect(banner).to_contain_text("this market is on chain 31337")
    await expect(page.locator("#place")).to_have_text("Switch network")
    await expect(page.locator("#orders")).to_contain_text("on another network")
    await banner.get_by_role("button", name="Switch network").click()
    await expect(banner).to_have_count(0)
    assert await page.evaluate("testWallet.known") == ["0x1", "0x7a69"]


async def test_a_changed_account_is_taken_up(open_dapp, site: HubSite):
    page, _ = await open_dapp()
    await connect(page)
    other = (await addresses(site))["house3"]
    await page.evaluate(
        "testWallet.emit('accountsChanged', [$])".replace("$", f"'{other.lower()}'")
    )
    await expect(page.locator("#wallet")).to_contain_text(other[-4:])
    await page.evaluate("testWallet.emit('accountsChanged', [])")
    await expect(page.locator("#wallet")).to_have_text("Connect a wallet")


async def test_an_alerts_link_fills_the_form_and_sends_nothing(open_dapp):
    query = "?side=buy&qty_wh=3000&max_price=75000000000000&src=alert"
    page, _ = await open_dapp(query=query)
    await expect(page.locator("#prefill")).to_contain_text("Filled in from an alert.")
    await expect(page.locator("#energy")).to_have_value("3")
    await expect(page.locator("#price")).to_have_value("0.000075")
    await connect(page)
    await expect(page.locator("#place")).to_have_text("Bid for 3 kWh")
    calls = await page.evaluate("testWallet.calls")
    assert "eth_sendTransaction" not in calls
    assert await page.locator("#transactions li").count() == 0


async def test_a_link_brings_no_addresses(open_dapp, site: HubSite):
    query = "?side=steal&qty_wh=1e3&contract=0xbad&rpc=http://evil.example"
    page, _ = await open_dapp(query=query)
    await expect(page.locator("#prefill")).to_contain_text("contract, rpc, side, qty_wh")
    await expect(page.locator("#energy")).to_have_value("")
    info = await site.ask("market/info")
    await expect(page.locator("#trust")).to_contain_text(info["contract"])


async def test_a_wrong_price_comes_with_the_nearest_right_ones(open_dapp):
    page, _ = await open_dapp()
    await fill(page, "buy", "0.05", "0.0000123")
    hint = page.locator("#price-hint")
    await expect(hint).to_contain_text("Price 0.0000123 is not a multiple of the tick 0.000001.")
    await expect(page.locator("#energy-hint")).to_contain_text("below the smallest order of 0.1")
    await hint.get_by_role("button", name="Use 0.000013").click()
    await expect(page.locator("#price")).to_have_value("0.000013")
    await expect(hint).to_have_text("In steps of 0.000001")


async def test_a_demo_account_trades_on_the_development_chain(open_page, site: HubSite):
    page, _ = await open_page(f"{site.url}/dapp")
    await page.locator("#wallet").click()
    await page.get_by_role("button", name="A new account").click()
    await expect(page.locator("#banners")).to_contain_text("Demo account: Demo wallet.")
    await expect(page.locator("#credit")).to_contain_text("10 ETH")
    await page.get_by_role("button", name="Get 10 test ETH").click()
    await expect(page.locator("#credit")).to_contain_text("20 ETH")
    await fill(page, "buy", "1", "0.00001")
    await page.get_by_role("button", name="Bid for 1 kWh").click()
    await expect(page.locator("#orders tbody tr")).to_contain_text("open")


async def test_on_a_chain_of_value_there_are_no_demo_accounts(open_page, site: HubSite):
    page, _ = await open_page(f"{site.url}/dapp")
    await page.route(
        "**/api/market/info", lambda route: _answer_with(route, site, chain_id=11155111)
    )
    await page.reload()
    await expect(page.locator("#trust")).to_contain_text("11155111")
    await page.locator("#wallet").click()
    await expect(page.locator("#wallet-list")).to_contain_text("Wallets in this browser")
    await expect(page.locator("#wallet-list [data-demo]")).to_have_count(0)


async def test_a_hostile_wallet_stays_text(open_page, site: HubSite):
    name = "<img src=x onerror=alert(1)>"
    script = wallet_script("0x" + "1" * 40, name=name, icon="javascript:alert(1)")
    page, _ = await open_page(f"{site.url}/dapp", init_script=script)
    await page.locator("#wallet").click()
    await expect(page.get_by_role("button", name=name)).to_be_visible()
    assert await page.locator("dialog img").count() == 0


async def test_without_a_market_the_page_says_so(open_page, bare_site: HubSite):
    page, _ = await open_page(f"{bare_site.url}/dapp")
    await expect(page.locator("#banners")).to_contain_text("Not in use")
    await expect(page.locator("#place")).to_have_text("The market is not open")
    await expect(page.locator("#place")).to_be_disabled()
