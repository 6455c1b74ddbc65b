"""What `hub simulate` does besides simulating: reads its options, shows progress, tells the result.

Where results go is tried before anything is simulated: a run of an hour must not end in vain.
"""

from __future__ import annotations

import math
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from hub.errors import BadInput, HubError

if TYPE_CHECKING:
    from hub.config import HubConfig, PluginSpec
    from hub.loader import Loader
    from hub.simulate import Result
    from hub.watcher import Guarded

DEFAULT_HOURS = 24.0
LEAST_HOURS = 0.01
MOST_HOURS = 24.0 * 366
#: Where there is no terminal, progress is a line each tenth, but not more often than this.
LINE_EVERY_S = 5.0
#: Of more meters than this the terminal shows no figures.
MOST_METERS = 20
#: The plugin that writes the report; others may add theirs through the same hook.
REPORT_PLUGIN = "simulation_report"


def number(option: str) -> Callable[[str], float]:
    """Return what reads the number of an option. Raises `BadInput`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise BadInput(f"{option}: expected a number such as 1 or 0.5, got {text!r}")
        return value

    return read


def feeder_hours(hours: float | None, days: float | None) -> float:
    """Return how long to simulate. Raises `BadInput`."""
    if hours is not None and days is not None:
        raise BadInput("expected --hours or --days, got both")
    option, given, unit = ("--days", days, 24.0) if days is not None else ("--hours", hours, 1.0)
    wanted = DEFAULT_HOURS if given is None else given * unit
    if not LEAST_HOURS <= wanted <= MOST_HOURS:
        raise BadInput(
            f"{option}: expected {LEAST_HOURS / unit:.2g} to {MOST_HOURS / unit:g}, got {given:g}"
        )
    return wanted


def try_file(option: str, path: Path) -> None:
    """Make sure that a file can be written, without touching one that is there."""
    if path.is_dir():
        raise BadInput(f"{option}: {path} is a folder; name a file in it")
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".hub-"):
            pass
        if path.exists():
            path.open("ab").close()
    except OSError as error:
        raise BadInput(f"{option}: cannot write {path}: {error.strerror}") from None


def make_folder(option: str, path: Path) -> None:
    """Make a folder for a report, or take an empty one."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        taken = next(path.iterdir(), None)
        if taken is None:
            try_file(option, path / "report")
    except FileExistsError:
        raise BadInput(f"{option}: {path} is a file; name a folder") from None
    except OSError as error:
        raise BadInput(f"{option}: cannot make the folder {path}: {error.strerror}") from None
    if taken is not None:
        raise BadInput(f"{option}: the folder {path} is not empty; name another, or empty it")


def check(config: HubConfig, loader: Loader) -> None:
    """Make sure that the plugins can do with what the file says. Raises `BadInput`."""
    from hub.check import check_plugins

    problems = check_plugins(config, loader, virtual=True).problems
    if problems:
        raise BadInput(*problems)


def with_settings(config: HubConfig, settings: Sequence[str]) -> HubConfig:
    """Return a configuration with some keys of plugins set anew, as `market.backend=chain`.

    Raises `BadInput` for a plugin or key that is not there and a value that does not fit.
    """
    plugins = dict(config.plugins)
    for setting in settings:
        where, equals, text = setting.partition("=")
        instance, dot, key = where.partition(".")
        if not (equals and dot and key):
            raise BadInput(
                f"--set: expected PLUGIN.KEY=VALUE such as market.window=30s, got {where!r}"
            )
        if instance not in plugins:
            known = ", ".join(plugins) or "none"
            raise BadInput(f"--set {where}: there is no plugin {instance!r}; there are: {known}")
        plugins[instance] = _with_key(plugins[instance], where, key, text, config.path)
    return replace(config, plugins=plugins)


def _with_key(spec: PluginSpec, where: str, key: str, text: str, path: Path) -> PluginSpec:
    import yaml
    from pydantic import ValidationError

    from hub.config_path import BASE_DIR
    from hub.problems import suggest

    model = type(spec.config)
    if key not in model.model_fields:
        hint = suggest(key, list(model.model_fields), known="keys here")
        raise BadInput(f"--set {where}: unknown key{hint}")
    given = {name: getattr(spec.config, name) for name in spec.config.model_fields_set}
    context = {BASE_DIR: path.parent.absolute()}
    try:
        value = yaml.safe_load(text) if text else ""
    except yaml.YAMLError:
        raise BadInput(f"--set {where}: {text!r} cannot be read as a value") from None
    problem = ""
    for candidate in (value, text):  # a price such as 0.0003 is a text
        try:
            changed = model.model_validate({**given, key: candidate}, context=context)
        except ValidationError as error:
            problem = problem or "; ".join(found["msg"] for found in error.errors())
        else:
            return replace(spec, config=changed)
    raise BadInput(f"--set {where}: {problem}, got {text!r}")


def watchers(loader: Loader, folder: Path) -> list[Guarded]:
    """Return what writes reports into a folder, of all plugins that are loaded."""
    from hub.watcher import Guarded

    loader.load(REPORT_PLUGIN)
    found = loader.hooks.hub_simulation_watchers(folder=folder)
    return [Guarded(watcher, folder) for given in found for watcher in given]


def write_reports(written_by: Sequence[Guarded], result: Result) -> list[Path]:
    """Write all reports, and say of each that fails why it does."""
    pages = [watcher.write(result.report) for watcher in written_by]
    return [page for page in pages if page is not None]


def write_file(path: Path, text: str) -> None:
    """Write a result. Raises `HubError` if it cannot be written."""
    try:
        path.write_text(text)
    except OSError as error:
        raise HubError(f"{path} cannot be written: {error.strerror}") from None


def tell(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the result in a few lines."""
    for feeder, limits in report["voltage_pu"].items():
        yield f"{feeder}: voltage {limits['min']:.4f} to {limits['max']:.4f} pu"
    meters = list(report["energy_wh"].items())
    for device, energy in meters[:MOST_METERS]:
        bought = energy.get("energy_import", 0.0) / 1000
        sold = energy.get("energy_export", 0.0) / 1000
        yield f"{device}: imported {bought:,.1f} kWh, exported {sold:,.1f} kWh"
    if len(meters) > MOST_METERS:
        yield f"{len(meters) - MOST_METERS} more meters: see --out or --report"
    matched = sum(trade["qty_wh"] for trade in report["trades"]) / 1000
    yield (
        f"market: {len(report['trades'])} trades over {matched:,.1f} kWh, "
        f"{len(report['settled'])} settled"
    )
    yield f"alarms: {_raised(report['alarms'])}"
    for name, plugin in report["plugins"].items():
        if plugin["state"] != "ONLINE":
            yield f"{name}: {plugin['state']} {plugin['reason']}"
    yield f"fingerprint {report['fingerprint'][:16]}"


def _raised(alarms: Sequence[Mapping[str, Any]]) -> int:
    """Return how many alarms there were: each may be said again while it lasts, and is cleared."""
    standing: set[str] = set()
    raised = 0
    for alarm in alarms:
        if alarm["cleared"]:
            standing.discard(alarm["id"])
        elif alarm["id"] not in standing:
            standing.add(alarm["id"])
            raised += 1
    return raised


@contextmanager
def progress(hours: float, stream: TextIO = sys.stderr) -> Iterator[Callable[[float], None]]:
    """Show how far a simulation is, and where it was when it is stopped (Ctrl-C, SIGTERM)."""
    reached = 0.0
    try:
        with _shown(hours, stream) as show, _terminated_as_interrupted():

            def tell_share(share: float) -> None:
                nonlocal reached
                reached = share
                show(share)

            yield tell_share
    except KeyboardInterrupt:
        print(
            f"stopped after {reached * hours:.1f} of {hours:g} h: nothing was written", file=stream
        )
        raise


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does: plugins stop, and the temporary data goes."""
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _shown(hours: float, stream: TextIO) -> Iterator[Callable[[float], None]]:
    """Show a bar on a terminal, now and then a line elsewhere."""
    if not stream.isatty():
        yield _Lines(hours, stream, time.monotonic)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task(f"simulating {hours:g} h", total=1.0)
        yield lambda share: bar.update(task, completed=share)


class _Lines:
    """Progress as plain lines, for logs and pipes."""

    def __init__(self, hours: float, stream: TextIO, now_s: Callable[[], float]) -> None:
        self._hours, self._stream, self._now_s = hours, stream, now_s
        self._began_s = self._told_s = now_s()
        self._told = 0.0

    def __call__(self, share: float) -> None:
        now_s = self._now_s()
        if not 0 < share < 1 or share - self._told < 0.1 or now_s - self._told_s < LINE_EVERY_S:
            return
        self._told, self._told_s = share, now_s
        left_s = (now_s - self._began_s) * (1 - share) / share
        print(
            f"simulating: {share:.0%}, {share * self._hours:.1f} of {self._hours:g} h, "
            f"about {left_s:.0f} s left",
            file=self._stream,
            flush=True,
        )
