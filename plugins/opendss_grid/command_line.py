"""`hub grid`: power flows on the command line, without a hub."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from .engine import OpenDssEngine
from .protocol import Circuit, GridError, Solution
from .validation import MAX_ANGLE_DEG, MAX_VOLTAGE_PU, Comparison, compare

#: Lines up to which a table is drawn: it takes 2 ms for each.
_MOST_IN_A_TABLE = 500
#: The feeder that comes along, wherever the command is given.
IEEE13 = Path(__file__).parents[2] / "config/feeders/ieee13"

grid = typer.Typer(help="Power flows on a feeder, without a hub.", no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON instead of tables")]


@grid.command()
def solve(
    feeder: Annotated[Path, typer.Argument(help="OpenDSS file of a circuit")],
    taps: Annotated[
        str, typer.Option(help="tap positions such as reg_a=7,reg_b=6; freezes all regulators")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Solve a circuit once and print its voltages, taps, source power and losses."""
    with _one_line_errors():
        engine = OpenDssEngine()
        circuit = engine.compile(feeder)
        if taps:
            engine.use_local_regulators(False)
            for name, tap in _positions(taps):
                engine.set_tap(name, tap)
        solution = engine.solve()
    if as_json:
        typer.echo(json.dumps(_as_data(circuit, solution), indent=1))
    elif solution.converged:
        _print_solution(circuit, solution)
    if not solution.converged:
        typer.echo(f"{feeder}: {solution.problem}", err=True)
        raise typer.Exit(1)


@grid.command()
def validate(
    feeder: Annotated[Path, typer.Argument(help="OpenDSS file of a circuit")] = IEEE13
    / "feeder.dss",
    published: Annotated[
        Path | None,
        typer.Option(help="folder with published_voltages.csv and published.json; default: beside"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a feeder with its published solution; exit 1 if it is too far from it."""
    with _one_line_errors():
        comparison = compare(feeder, published or feeder.parent)
    if as_json:
        typer.echo(json.dumps(_comparison_data(comparison), indent=1))
    else:
        _print_comparison(comparison)
    raise typer.Exit(0 if comparison.agrees else 1)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except GridError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def _positions(text: str) -> Iterator[tuple[str, int]]:
    seen = set()
    for part in text.split(","):
        name, _, tap = (word.strip() for word in part.partition("="))
        if not name or not re.fullmatch(r"[+-]?\d{1,4}", tap):
            raise GridError(f"--taps: expected NAME=POSITION such as reg_a=7, got {part!r}")
        if name.lower() in seen:
            raise GridError(f"--taps: {name} is named twice")
        seen.add(name.lower())
        yield name, int(tap)


def _as_data(circuit: Circuit, solution: Solution) -> dict[str, Any]:
    return {
        "circuit": circuit.name,
        "converged": solution.converged,
        "problem": solution.problem,
        "iterations": solution.iterations,
        "nodes": {
            node: {"pu": round(float(pu), 6), "deg": round(float(deg), 4)}
            for node, pu, deg in zip(
                circuit.nodes, solution.voltages_pu, solution.angles_deg, strict=True
            )
        },
        "taps": dict(solution.taps),
        "source_w": round(float(solution.source_va.real.sum()), 1),
        "source_var": round(float(solution.source_va.imag.sum()), 1),
        "losses_w": round(solution.losses_va.real, 1),
        "losses_var": round(solution.losses_va.imag, 1),
    }


def _print_solution(circuit: Circuit, solution: Solution) -> None:
    values = dict(
        zip(
            circuit.nodes,
            zip(solution.voltages_pu, solution.angles_deg, strict=True),
            strict=True,
        )
    )
    rows = [
        (bus.name, *(_cell(values.get(f"{bus.name}.{phase}")) for phase in (1, 2, 3)))
        for bus in circuit.buses
    ]
    heads, title = ("bus", "A", "B", "C"), f"{circuit.name}: |V| in pu, angle"
    if len(rows) > _MOST_IN_A_TABLE:
        width = max(len(row[0]) for row in rows)
        typer.echo(title)
        for name, *cells in (heads, *rows):
            typer.echo(f"{name:<{width}}" + "".join(f"  {cell:>15}" for cell in cells))
    else:
        table = Table(*heads, title=title)
        for row in rows:
            table.add_row(*row)
        Console().print(table)
    taps = ", ".join(f"{name} {tap:+d}" for name, tap in solution.taps.items()) or "none"
    source, losses = solution.source_va.sum() / 1000, solution.losses_va / 1000
    typer.echo(f"taps: {taps}")
    typer.echo(f"source: {source.real:.1f} kW, {source.imag:.1f} kvar")
    typer.echo(f"losses: {losses.real:.1f} kW, {losses.imag:.1f} kvar")


def _cell(value: tuple[float, float] | None) -> str:
    return "" if value is None else f"{value[0]:.4f} {value[1]:7.2f}°"


def _print_comparison(comparison: Comparison) -> None:
    console = Console()
    table = Table("node", "published", "solved pu", "differs", "published", "solved °", "differs")
    for node in comparison.nodes:
        table.add_row(
            node.node, f"{node.published_pu:.4f}", f"{node.solved_pu:.5f}", f"{node.error_pu:+.5f}",
            f"{node.published_deg:.2f}", f"{node.solved_deg:.3f}", f"{node.error_deg:+.3f}",
        )  # fmt: skip
    console.print(table)
    for total in comparison.totals:
        limit = "" if total.allowed is None else f" (limit {total.allowed:.2%})"
        console.print(
            f"{total.name}: published {total.published / 1000:.3f}, solved "
            f"{total.solved / 1000:.3f} k{total.unit}, {total.error:+.3%}{limit}",
            highlight=False,
        )
    voltage = max(abs(row.error_pu) for row in comparison.nodes)
    angle = max(abs(row.error_deg) for row in comparison.nodes)
    console.print(
        f"largest difference: {voltage:.5f} pu (limit {MAX_VOLTAGE_PU}), "
        f"{angle:.3f}° (limit {MAX_ANGLE_DEG})",
        highlight=False,
    )
    console.print("agrees" if comparison.agrees else "DOES NOT AGREE", highlight=False)


def _comparison_data(comparison: Comparison) -> dict[str, Any]:
    return {
        "agrees": comparison.agrees,
        "source": comparison.source,
        "taps": dict(comparison.taps),
        "largest_voltage_error_pu": max(abs(row.error_pu) for row in comparison.nodes),
        "largest_angle_error_deg": max(abs(row.error_deg) for row in comparison.nodes),
        "totals": {
            f"{row.name}_{row.unit.lower()}": {
                "published": row.published,
                "solved": float(row.solved),
                "error": float(row.error),
            }
            for row in comparison.totals
        },
        "nodes": {
            row.node: {"published_pu": row.published_pu, "solved_pu": row.solved_pu}
            for row in comparison.nodes
        },
    }
