"""What the web server gives out of its folders, and how little of it twice."""

import os
from pathlib import Path

import pytest

from plugins.web.files import below
from tests.plugins.web.site import serving

SCRIPT = "export const answer = 42;\n" * 200


@pytest.fixture
async def site(tmp_path: Path):
    dapp = tmp_path / "dapp"
    for name, text in {
        "page.js": SCRIPT,
        "tiny.css": "body { margin: 0; }",
        "parts/view.js": "export {};",
        "package.json": "{}",
        "node_modules/ethers/dist/ethers.min.js": SCRIPT,
        "node_modules/ethers/README.md": "# ethers",
        ".secret.js": "no",
        "notes.txt": "no",
    }.items():
        (dapp / name).parent.mkdir(parents=True, exist_ok=True)
        (dapp / name).write_text(text)
    (tmp_path / "outside.js").write_text("no")
    (dapp / "link.js").symlink_to(tmp_path / "outside.js")
    async with serving(tmp_path, web=f", dapp: {dapp}") as site:
        yield site


@pytest.mark.parametrize("name", ["page.js", "tiny.css", "parts/view.js"])
async def test_what_pages_need_is_served(site, name: str):
    assert (await site.get(f"/dapp-static/{name}"))[0] == 200


@pytest.mark.parametrize(
    "name",
    [
        "package.json",
        "node_modules/ethers/dist/ethers.min.js",
        "node_modules/ethers/README.md",
        "node_modules/.installed",
        ".secret.js",
        "notes.txt",
        "link.js",
        "parts",
        "parts/",
        "",
        "missing.js",
        "parts/%2e%2e/%2e%2e/outside.js",
        "%2Fetc/passwd",
        "..%5coutside.js",
        "page.js%00.css",
    ],
)
async def test_nothing_else_is(site, name: str):
    status, text = await site.get(f"/dapp-static/{name}")
    assert status in (400, 404)
    assert text != "no"


@pytest.mark.parametrize("name", ["../outside.js", "/etc/x.js", "a/../../outside.js", "a\\b.js"])
def test_a_name_leads_out_of_no_folder(tmp_path: Path, name: str):
    folder = tmp_path / "dapp"
    (folder / "a").mkdir(parents=True)
    (tmp_path / "outside.js").write_text("no")
    assert below(folder, name) is None


async def test_a_script_comes_packed_and_the_second_time_not_at_all(site):
    url = f"{site.url}/vendor/ethers.js"
    async with site.client.get(url) as first:
        assert first.headers["Content-Encoding"] == "gzip"
        assert first.headers["Vary"] == "Accept-Encoding"
        assert first.headers["Cache-Control"] == "max-age=3600"
        assert first.content_type == "text/javascript"
        assert int(first.headers["Content-Length"]) < len(SCRIPT) / 10
        assert await first.text() == SCRIPT
        tag = first.headers["ETag"]
    async with site.client.get(url, headers={"If-None-Match": tag}) as second:
        assert second.status == 304
        assert await second.read() == b""
    plain = {"Accept-Encoding": "identity", "If-None-Match": tag}
    async with site.client.get(url, headers=plain) as unpacked:
        assert unpacked.status == 200, "another encoding is another thing"
        assert "Content-Encoding" not in unpacked.headers
        assert await unpacked.text() == SCRIPT


async def test_a_file_that_changed_is_read_again(site, tmp_path: Path):
    path = tmp_path / "dapp/page.js"
    async with site.client.get(f"{site.url}/dapp-static/page.js") as first:
        tag = first.headers["ETag"]
        assert first.headers["Cache-Control"] == "no-cache"
    path.write_text("export const answer = 43;\n" * 200)
    os.utime(path, ns=(1, 1))
    headers = {"If-None-Match": tag}
    async with site.client.get(f"{site.url}/dapp-static/page.js", headers=headers) as second:
        assert second.status == 200
        assert "43" in await second.text()


async def test_a_module_that_is_not_installed_says_what_to_do(site):
    status, text = await site.get("/vendor/uplot.js")
    assert status == 404
    assert "run `make setup`" in text
