"""The command line. Exit status: 0 yes or done, 1 no or failed, 2 your input is at fault."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub import __version__
from hub.errors import BadInput, HubError
from hub.simulate_command import number

if TYPE_CHECKING:
    from hub.config import HubConfig
    from hub.loader import Loader
    from hub.watcher import Guarded

app = typer.Typer(
    name="hub",
    help="Microgrid Hub: a market, a fault agent and a grid control agent for a neighbourhood.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="HUB_CONFIG", help="the hub's file")
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of text")]
DEFAULT = Path("hub.yaml")


def _load(path: Path) -> tuple[HubConfig, Loader]:
    from hub.config import ConfigError, load
    from hub.loader import Loader

    loader = Loader(path.parent.absolute())
    try:
        return load(path, loader.resolve, known_types=loader.known_types()), loader
    except ConfigError as error:
        raise BadInput(*(str(problem) for problem in error.problems)) from None


def _print_json(data: Any) -> None:
    from hub.encoding import plain

    typer.echo(json.dumps(plain(data), indent=1, allow_nan=False))


@app.command()
def run(
    config: ConfigOption = DEFAULT,
    safe: Annotated[
        bool, typer.Option("--safe", help="start the core and the page alone, no other plugin")
    ] = False,
) -> None:
    """Run the hub until it is told to stop (Ctrl-C, SIGTERM). SIGHUP reloads the file."""
    from hub.run import run as run_hub

    loaded, loader = _load(config)
    raise typer.Exit(run_hub(loaded, loader, safe=safe))


@app.command()
def check(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Check a hub's file, and offline all that it names. Nothing is started."""
    from hub.check import check_plugins

    loaded, loader = _load(config)
    outcome = check_plugins(loaded, loader)
    if as_json:
        _print_json(
            {"ok": not outcome.problems, "problems": outcome.problems,
             "warnings": loaded.warnings, "unchecked": outcome.unchecked}
        )  # fmt: skip
    else:
        for warning in loaded.warnings:
            typer.echo(f"warning: {warning}")
        for problem in outcome.problems:
            typer.echo(problem, err=True)
        if not outcome.problems:
            plugins, houses = len(loaded.plugins), len(loaded.houses)
            typer.echo(f"{config}: no mistakes in {plugins} plugins and {houses} houses")
        for sentence in outcome.unchecked:
            typer.echo(f"not checked: {sentence}")
    raise typer.Exit(2 if outcome.problems else 0)


@app.command()
def schema(config: ConfigOption = DEFAULT) -> None:
    """Print the JSON schema of hub.yaml, for editors."""
    from hub.config_schema import file_schema
    from hub.loader import Loader, PluginLoadError

    loader = Loader(config.parent.absolute())
    types = {}
    for name in loader.known_types():
        try:
            found = loader.resolve(name)
        except PluginLoadError as error:
            typer.echo(f"left out: {error}", err=True)
            continue
        if found is not None:
            types[name] = found
    _print_json(file_schema(types))


@app.command()
def plugins(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """List the plugin instances of a running hub, or the types that hub.yaml may name."""
    from hub.control import NotRunning, answers

    loaded, loader = _load(config)
    try:
        state = next(answers(loaded.hub.data_dir, {"do": "state"}))
    except NotRunning:
        rows = [
            {"plugin": spec.name, "type": spec.use, "state": "not running", "reason": ""}
            for spec in loaded.plugins.values()
        ]
    else:
        rows = list(state["plugins"])
    if as_json:
        _print_json({"instances": rows, "types": loader.known_types()})
        return
    for row in rows:
        reason = f"  {row['reason']}" if row["reason"] else ""
        typer.echo(f"{row['plugin']:<14} {row['type']:<20} {row['state']:<12}{reason}")
    typer.echo(f"types: {', '.join(loader.known_types())}")


@app.command()
def reload(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Have the running hub read its file again and restart what changed."""
    from hub.control import NotRunning, answers

    loaded, _ = _load(config)
    try:
        answer = next(answers(loaded.hub.data_dir, {"do": "reload"}))
    except NotRunning as error:
        hint = "a hub that was started before `data_dir` was changed must be stopped by Ctrl-C"
        raise NotRunning(f"{error}; {hint}") from None
    if as_json:
        _print_json(answer)
    elif "problems" in answer:
        raise BadInput(*answer["problems"])
    else:
        for what in ("started", "stopped", "kept"):
            typer.echo(f"{what}: {', '.join(answer[what]) or 'none'}")
        if answer["after_restart"]:
            typer.echo(f"not in effect until a restart: {', '.join(answer['after_restart'])}")


@app.command()
def probe(
    instance: Annotated[str, typer.Argument(help="key of a plugin under `plugins:`")],
    config: ConfigOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Take one live look at the device behind a plugin of the running hub."""
    from hub.control import answers

    loaded, _ = _load(config)
    figures = next(answers(loaded.hub.data_dir, {"do": "probe", "plugin": instance}))["figures"]
    if as_json:
        _print_json(figures)
        return
    for name, value in figures.items():
        typer.echo(f"{name}: {value}")


@app.command()
def send(
    target: Annotated[str, typer.Argument(help="actuator, such as house/house1")],
    action: Annotated[str, typer.Argument(help="what to do, such as open_service")],
    args: Annotated[
        list[str] | None, typer.Argument(help="arguments as key=value, such as net_w=-5000")
    ] = None,
    config: ConfigOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Have the running hub carry out a command, as an operator would from the page."""
    from hub.control import answers

    loaded, _ = _load(config)
    request = {
        "do": "send", "target": target, "action": action, "args": _arguments(args or ())
    }  # fmt: skip
    answer = next(answers(loaded.hub.data_dir, request))
    if as_json:
        _print_json(answer)
    else:
        typer.echo(" ".join(part for part in (answer["status"], answer["reason"]) if part))
        for name, value in answer["data"].items():
            typer.echo(f"{name}: {value}")
    raise typer.Exit(0 if answer["status"] == "done" else 1)


def _arguments(given: Sequence[str]) -> dict[str, Any]:
    """Read `key=value` pairs; a value that is JSON is that, any other is a text."""
    found = {}
    for pair in given:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise BadInput(f"expected arguments as key=value, got {pair!r}")
        try:
            found[key] = json.loads(text)
        except ValueError:
            found[key] = text
    return found


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="a service, such as market/book")],
    args: Annotated[list[str] | None, typer.Argument(help="arguments as key=value")] = None,
    config: ConfigOption = DEFAULT,
) -> None:
    """Ask the running hub a question and print the answer as JSON."""
    from hub.control import answers

    loaded, _ = _load(config)
    request = {"do": "ask", "service": question, "request": _arguments(args or ())}
    _print_json(next(answers(loaded.hub.data_dir, request))["answer"])


@app.command()
def scenario(
    name: Annotated[str, typer.Argument(help="trade, outage, overvoltage or all")],
    config: ConfigOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Play a scenario on the running hub, tell what happens, and check it."""
    from hub.control import answers

    loaded, _ = _load(config)
    data_dir = loaded.hub.data_dir
    listing = next(answers(data_dir, {"do": "ask", "service": "scenarios/list"}))["answer"]
    known = [entry["id"] for entry in listing]
    if name != "all" and name not in known:
        raise BadInput(f"unknown scenario {name!r}; there are: {', '.join(known)}, all")
    passed = True
    for one in known if name == "all" else [name]:
        passed = _play(data_dir, one, as_json) and passed
    raise typer.Exit(0 if passed else 1)


def _play(data_dir: Path, name: str, as_json: bool) -> bool:
    from hub.control import answers

    marks = {"running": " ", "passed": "+", "failed": "!"}
    passed = False
    for step in answers(data_dir, {"do": "scenario", "scenario": name}):
        if as_json:
            typer.echo(json.dumps(step))
        else:
            mark = marks.get(step["outcome"], " ")
            typer.echo(f"{name} {step['elapsed_s']:7.1f} s {mark} {step['text']}")
        passed = step["outcome"] == "passed" if step["last"] else passed
    return passed


@app.command()
def simulate(
    config: ConfigOption = DEFAULT,
    days: Annotated[
        float | None, typer.Option(parser=number("--days"), metavar="N", help="days on the feeder")
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(
            parser=number("--hours"), metavar="N", help="hours instead of days; default: 24"
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="write a report there: a page, CSV files, JSON"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write the result as JSON to this file")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PLUGIN.KEY=VALUE",
            help="set a key of a plugin for this run, such as market.backend=chain",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the whole hub in virtual time, as fast as it can; the same every time for a seed.

    With --report a page says what happened: energy, prices, voltages, taps, alarms and bills.
    """
    from hub import logs, simulate_command
    from hub.simulate import simulate as run_simulation

    wanted_hours = simulate_command.feeder_hours(hours, days)
    loaded, loader = _load(config)
    loaded = simulate_command.with_settings(loaded, settings or ())
    simulate_command.check(loaded, loader)
    if out is not None:
        simulate_command.try_file("--out", out)
    watchers: Sequence[Guarded] = ()
    if report is not None:
        simulate_command.make_folder("--report", report)
        watchers = simulate_command.watchers(loader, report)
    logs.setup("warning", {}, "text", sys.stderr, loaded.secrets)
    with simulate_command.progress(wanted_hours) as progress:
        result = run_simulation(loaded, loader, wanted_hours, progress, watchers)
    if out is not None:
        simulate_command.write_file(out, result.to_json())
    pages = simulate_command.write_reports(watchers, result)
    if as_json:
        typer.echo(result.to_json(), nl=False)
    else:
        for line in simulate_command.tell(result.report):
            typer.echo(line)
    print(
        f"{result.feeder_hours:g} feeder hours in {result.wall_s:.1f} s "
        f"({result.speed:,.0f} times as fast as the feeder)",
        file=sys.stderr,
    )
    for page in pages:
        print(f"report: {page}", file=sys.stderr)
    left_out = any(watcher.failed for watcher in watchers)
    raise typer.Exit(1 if result.report["failed"] or left_out else 0)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="print the version")] = False,
) -> None:
    if version:
        typer.echo(f"hub {__version__}")
        raise typer.Exit(0)


def _add_plugin_commands(arguments: list[str]) -> None:
    """Let plugins add their commands, unless a command of the hub's own is meant.

    Only then are plugins imported; a broken one must not take the hub's own commands away.
    """
    own = {
        command.name or getattr(command.callback, "__name__", "")
        for command in app.registered_commands
    }
    if arguments and (arguments[0] in own or arguments[0] == "--version"):
        return
    from hub.loader import Loader, PluginLoadError

    loader = Loader(Path.cwd())
    for name in loader.known_types():
        try:
            loader.load(name)
        except PluginLoadError as error:
            typer.echo(f"left out: {error}", err=True)
    loader.hooks.hub_cli(app=app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; what is the user's to mend is said in a line, without a traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    logging.captureWarnings(True)
    try:
        _add_plugin_commands(given)
        app(given)
    except BadInput as error:
        for line in error.lines:
            print(line, file=sys.stderr)
        sys.exit(2)
    except HubError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


if __name__ == "__main__":
    main()
