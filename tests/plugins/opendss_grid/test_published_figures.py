"""Published figures that a user wrote down: what is wrong with them is told with its place."""

import shutil
from pathlib import Path

import pytest

from plugins.opendss_grid.protocol import GridError
from plugins.opendss_grid.published_figures import read_figures
from plugins.opendss_grid.validation import TotalRow, compare

IEEE13 = Path(__file__).parents[3] / "config/feeders/ieee13"
HEAD = "# a comment\nbus,phase,vmag_pu,angle_deg\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("published.json", "published_voltages.csv"):
        shutil.copy(IEEE13 / name, tmp_path)
    return tmp_path


def test_figures_are_those_of_the_files(folder: Path) -> None:
    figures = read_figures(folder)
    assert figures.taps == {"reg_a": 10, "reg_b": 8, "reg_c": 11}
    assert sum(figures.source_w) == 3_577_191
    assert figures.nodes[0].where == f"{folder}/published_voltages.csv:6"
    (folder / "published_voltages.csv").write_text(HEAD + "RG60,A,1.0625,0\n632,2,1.042,-121.72\n")
    assert [node.node for node in read_figures(folder).nodes] == ["rg60.1", "632.2"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "voltages.csv",
            "x\n",
            r"voltages\.csv:1: expected the header 'bus,phase,vmag_pu,angle_deg",
        ),
        ("voltages.csv", HEAD, r"voltages\.csv: expected a row for every node, got none"),
        ("voltages.csv", HEAD + "671,a,x,1\n", r"csv:3: vmag_pu: expected a number, got 'x'"),
        ("voltages.csv", HEAD + "671,a,1\n", r"csv:3: angle_deg: expected a number, got None"),
        ("voltages.csv", HEAD + "671,q,1,1\n", r"csv:3: phase: expected a, b or c, got 'q'"),
        ("voltages.csv", "\xff", r"voltages\.csv: cannot be read: it is not UTF-8 text"),
        (".json", '{"a":\n', r"published\.json:2:1: Expecting value"),
        (".json", "[]", r"published\.json: expected an object with"),
        (".json", '{"taps": {"r": 1.5}}', r"json: taps: expected positions such as"),
        (".json", '{"taps": {}}', r"json: source_w: expected a list with one number per phase"),
        (".json", '{"source_w": ["a"]}', r"json: source_w: expected a number, got 'a'"),
    ],
)
def test_a_mistake_has_its_place(folder: Path, name: str, text: str, message: str) -> None:
    path = folder / ("published_voltages.csv" if "csv" in name else "published.json")
    path.write_text(text, encoding="latin-1")
    with pytest.raises(GridError, match=message):
        read_figures(folder)


def test_a_node_that_is_not_in_the_circuit_has_its_line(folder: Path) -> None:
    (folder / "published_voltages.csv").write_text(HEAD + "671,a,1,1\n999,b,1,1\n")
    with pytest.raises(GridError, match=r"csv:4: node 999\.2 is not in the circuit ieee13"):
        compare(IEEE13 / "feeder.dss", folder)


def test_nothing_published_is_no_division_by_zero() -> None:
    assert TotalRow("losses", "W", 0.0, 0.0, None).error == 0
    assert TotalRow("losses", "W", 0.0, 5.0, None).error == float("inf")
