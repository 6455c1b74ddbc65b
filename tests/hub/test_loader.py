"""Plugins from the user's folder and from installed packages run without a change in the hub."""

import subprocess
import sys
from pathlib import Path

import pytest

from hub.loader import Loader, PluginLoadError
from hub.messages import PluginState
from hub.testing import running

PLUGIN = """
from hub.api import Context, Plugin, PluginConfig, hookimpl

class Hello(Plugin):
    class Config(PluginConfig):
        greeting: str = "hello"

    async def start(self, ctx: Context) -> None:
        async def answer(_):
            return f"{self.config.greeting} from {__name__}"
        ctx.serve("hello", answer)

@hookimpl
def hub_plugin_types():
    return {"hello": Hello}
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("file", ["plugins/hello.py", "plugins/hello/plugin.py"])
async def test_a_plugin_beside_the_users_file_runs(tmp_path: Path, file: str):
    write(tmp_path / file, PLUGIN)
    text = "plugins:\n  h: {use: hello, greeting: good morning}\n"
    async with running(tmp_path, text) as hub:
        await hub.settled()
        assert hub.plugins["h"].state is PluginState.ONLINE
        assert (await hub.services.ask("hello")).startswith("good morning from hub_user_plugins")


def test_a_plugin_installed_as_a_package_is_found_by_its_entry_point(tmp_path: Path):
    """In a process of its own: entry points are read from the path at start."""
    write(tmp_path / "site/hello_package.py", PLUGIN)
    write(
        tmp_path / "site/hello_package-1.0.dist-info/entry_points.txt",
        "[microgrid_hub.plugins]\nhello = hello_package\n",
    )
    write(tmp_path / "site/hello_package-1.0.dist-info/METADATA", "Name: hello-package\n")
    write(tmp_path / "hub.yaml", "plugins:\n  h: {use: hello}\n")
    code = (
        "import asyncio; from pathlib import Path\n"
        "from hub.testing import running\n"
        "async def main():\n"
        f"    folder = Path({str(tmp_path)!r})\n"
        "    async with running(folder, 'plugins:\\n  h: {use: hello}\\n') as hub:\n"
        "        await hub.settled()\n"
        "        print(await hub.services.ask('hello'))\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{tmp_path / 'site'}:{root}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "hello from hello_package", done.stderr


def test_a_plugin_cannot_raise_the_recursion_limit(tmp_path: Path):
    write(tmp_path / "plugins/deep.py", "import sys\nsys.setrecursionlimit(100_000)\n" + PLUGIN)
    before = sys.getrecursionlimit()
    assert Loader(tmp_path).load("deep")
    assert sys.getrecursionlimit() == before


def test_an_unknown_type_is_none_and_known_types_are_listed_without_importing(tmp_path: Path):
    write(tmp_path / "plugins/broken.py", "raise RuntimeError")
    loader = Loader(tmp_path)
    assert loader.resolve("no_such_type") is None
    assert {"broken", "opendss_grid"} <= set(loader.known_types())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nonsense_package", "ModuleNotFoundError: No module named 'nonsense_package'"),
        ("def broken(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        (
            "from hub.api import hookimpl\n@hookimpl\ndef hub_plugin_typos(): pass",
            "unknown hook 'hub_plugin_typos'",
        ),
        (
            "from hub.api import hookimpl\n@hookimpl\ndef hub_plugin_types(extra): pass",
            "Argument(s) {'extra'}",
        ),
        (
            "from hub.api import hookimpl\n@hookimpl\ndef hub_plugin_types(): return {'b': int}",
            "no subclass of hub.api.Plugin",
        ),
    ],
)
def test_broken_plugin_code_is_one_sentence_with_its_place(tmp_path: Path, text: str, message: str):
    write(tmp_path / "plugins/broken.py", text)
    with pytest.raises(PluginLoadError) as caught:
        Loader(tmp_path).resolve("broken")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_may_offer_several_types():
    loader = Loader()
    assert loader.resolve("opendss_grid/opendss_twin") is not None
    assert loader.resolve("opendss_twin") is None
    assert "opendss_grid/opendss_twin" in loader.known_types()


async def test_the_example_of_the_documentation_runs(tmp_path: Path):
    """docs/write-a-plugin.md shows a plugin and a hub.yaml; both are taken from the page."""
    page = (Path(__file__).parents[2] / "docs/write-a-plugin.md").read_text()
    blocks = page.split("```")
    code = next(b.removeprefix("python\n") for b in blocks if b.startswith("python\n"))
    text = next(b.removeprefix("yaml\n") for b in blocks if b.startswith("yaml\n"))
    assert len(code.strip().splitlines()) <= 30
    write(tmp_path / "plugins/night_light.py", code)
    async with running(tmp_path, text) as hub:
        await hub.settled()
        assert hub.plugins["light"].state is PluginState.ONLINE


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit(3)", r"cannot be loaded: SystemExit: 3 \(.*bad\.py:1\)"),
        (
            "from hub.api import hookimpl\n@hookimpl\ndef hub_plugin_types():\n    return 1 / 0\n",
            r"hub_plugin_types raised ZeroDivisionError: division by zero \(.*bad\.py:4\)",
        ),
    ],
)
def test_code_that_exits_or_raises_while_it_is_loaded_is_one_sentence(
    tmp_path: Path, code: str, message: str
):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/bad.py").write_text(code)
    with pytest.raises(PluginLoadError, match=message):
        Loader(tmp_path).resolve("bad")


BROKEN = """
from hub.api import hookimpl

@hookimpl
def hub_cli(app):
    raise ValueError("no commands today")

@hookimpl
def hub_link_factories():
    raise SystemExit(3)
"""


def test_a_hook_that_raises_is_named_and_takes_nothing_from_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    for name in ("first", "third"):
        text = f"from hub.api import hookimpl\n@hookimpl\ndef hub_cli(app): app.append('{name}')\n"
        write(tmp_path / f"plugins/{name}.py", text)
    write(tmp_path / "plugins/second.py", BROKEN)
    loader = Loader(tmp_path)
    for name in ("first", "second", "third"):
        loader.load(name)
    app: list[str] = []
    loader.hooks.hub_cli(app=app)
    assert sorted(app) == ["first", "third"]
    assert "plugin 'second': hub_cli raised ValueError: no commands today (" in caplog.text
    assert "second.py:6); left out" in caplog.text
    assert loader.link_factory("mqtt") is not None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return ['hello']", "gives ['hello'], expected a mapping from names to classes"),
        ("raise SystemExit('gone')", "hub_plugin_types raised SystemExit: gone"),
        ("return {'odd': int}", "which is no subclass of hub.api.Plugin"),
    ],
)
def test_types_that_are_none_are_said_in_one_line(tmp_path: Path, body: str, said: str):
    text = f"from hub.api import hookimpl\n@hookimpl\ndef hub_plugin_types():\n    {body}\n"
    write(tmp_path / "plugins/odd.py", text)
    with pytest.raises(PluginLoadError) as raised:
        Loader(tmp_path).load("odd")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
