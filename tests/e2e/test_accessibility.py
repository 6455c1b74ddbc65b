"""axe-core on both pages, in every dress."""

import pytest
from playwright.async_api import expect

from tests.e2e.hub_site import HubSite
from tests.e2e.wallet import wallet_script

SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 360, "height": 800}}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_the_operators_page(
    open_page, site: HubSite, check_accessibility, screenshots, scheme, size
):
    page, _ = await open_page(site.url, color_scheme=scheme, viewport=SIZES[size])
    await expect(page.locator("#history canvas")).to_be_visible()
    await expect(page.locator("#plugins tbody tr").first).to_be_visible()
    await expect(page.locator("#market .strip")).to_be_visible()
    assert await check_accessibility(page) == []
    await screenshots.take(page, f"operator-{size}-{scheme}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_the_trading_page(
    open_page, site: HubSite, check_accessibility, screenshots, scheme, size
):
    info = await site.ask("market/info")
    address = info["accounts"][0]["address"]
    page, _ = await open_page(
        f"{site.url}/dapp?side=buy&qty_wh=3000&max_price=75000000000001&src=alert",
        init_script=wallet_script(address),
        color_scheme=scheme,
        viewport=SIZES[size],
    )
    await expect(page.locator("#price-hint .problem")).to_be_visible()
    assert await check_accessibility(page) == []
    await page.locator("#wallet").click()
    await expect(page.get_by_role("button", name="Test wallet")).to_be_visible()
    assert await check_accessibility(page) == []
    await page.get_by_role("button", name="Test wallet").click()
    await expect(page.locator("#credit")).to_contain_text("Credit on the market")
    assert await check_accessibility(page) == []
    await screenshots.take(page, f"dapp-{size}-{scheme}")


@pytest.mark.parametrize("path", ["/", "/dapp"])
async def test_pages_without_plugins(open_page, bare_site: HubSite, check_accessibility, path):
    page, _ = await open_page(f"{bare_site.url}{path}")
    await expect(page.locator("#connection")).to_have_text("live")
    await expect(page.get_by_text("to hub.yaml to see this").first).to_be_visible()
    assert await check_accessibility(page) == []
