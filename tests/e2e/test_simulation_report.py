"""The report of `hub simulate` in a browser: from a file, in every dress, and on paper."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from hub.cli import main

FEEDER = Path(__file__).parents[2] / "config/feeders/ieee13/feeder.dss"
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
HOUSES = "\n".join(
    f"  house{n}: {{bus: 671.{n % 3 + 1}, load: {{annual_kwh: {2000 + 300 * n}}}"
    + (", pv: {kwp: 5}, battery: {kwh: 10, kw: 5}}" if n % 2 else "}")
    for n in range(1, 15)
)
STREET = f"""
hub: {{name: Street, time_lapse: 60, seed: 5, tariff: {{buy: "0.0003", sell: "0.00006"}}}}
houses:
{HOUSES}
plugins:
  grid: {{use: opendss_grid, feeder: {FEEDER}, load_scale: 0.6, time_of_day: "11:00"}}
  sim_meters: {{use: simulated_meters, broker: "mqtt://127.0.0.1:1883"}}
  meters: {{use: smart_meter_mqtt, broker: "mqtt://127.0.0.1:1883", preset: tasmota}}
  market: {{use: chain_auction, match_every: 10s, window: 15s, lead: 5s}}
  traders: {{use: house_trader}}
"""


@pytest.fixture(scope="module")
def report_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of an hour of a street."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "hub.yaml").write_text(STREET)
    out = folder / "out"
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "-c", str(folder / "hub.yaml"), "--hours", "1", "--report", str(out)])
    assert ended.value.code == 0
    return (out / "report.html").as_uri()


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "dark"), ("phone", "light")])
async def test_the_report_is_accessible_and_no_wider_than_the_screen(
    open_page, report_url: str, check_accessibility, screenshots, scheme, size
):
    page, _ = await open_page(report_url, color_scheme=scheme, viewport=SIZES[size])
    await expect(page.get_by_role("heading", name="Street")).to_be_visible()
    assert await check_accessibility(page) == []
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= SIZES[size]["width"]
    await screenshots.take(page, f"report-{size}-{scheme}")


async def test_houses_are_sorted_and_found(open_page, report_url: str):
    page, _ = await open_page(report_url)
    names = page.locator("#houses tbody tr:visible th")
    await expect(names.first).to_have_text("House 1")
    await page.locator("#houses").get_by_role("button", name="Import").click()
    await expect(names.first).to_have_text("House 14")  # the thirstiest without PV
    await page.locator("#houses").get_by_role("button", name="Name").press("Enter")
    await expect(names).to_have_text([f"House {n}" for n in range(1, 15)])
    await page.get_by_label("Find a house").first.fill("house 1")
    await expect(names).to_have_count(6)


async def test_on_paper_all_tables_are_unfolded_and_heads_can_repeat(open_page, report_url: str):
    page, _ = await open_page(report_url)
    assert await page.locator("details:not([open])").count() > 0
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert await page.locator("details:not([open])").count() == 0
    await page.emulate_media(media="print")
    shown = await page.evaluate(
        "[...document.querySelectorAll('thead')].map((head) => getComputedStyle(head).display)"
    )
    assert set(shown) == {"table-header-group"}
    ink = await page.evaluate("getComputedStyle(document.body).color")
    paper = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ink, paper) == ("rgb(0, 0, 0)", "rgb(255, 255, 255)")


async def test_without_scripts_all_is_there(open_page, report_url: str):
    page, _ = await open_page(report_url, java_script_enabled=False)
    assert await page.locator("#houses tbody tr").count() == 14
    await page.close()  # its timers do not run: nothing more can be asked of it
