"""What is read out of a circuit's files as text."""

from pathlib import Path

import pytest

from plugins.opendss_grid.circuit_source import deadly, defined_at, encoding, without_bus
from plugins.opendss_grid.engine import OpenDssEngine
from plugins.opendss_grid.protocol import GridError

CIRCUIT = """Clear
New Circuit.Zürich basekv=11
New Line."Straße" bus1=sourcebus bus2=KÖLN length=2 units=km
New Load.MÜLLER bus1=Köln.1 phases=1 kv=6.35 kw=500 pf=0.9
Set VoltageBases=[11]
CalcVoltageBases
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.dss").write_text(text)
    return folder / "master.dss"


def test_a_file_that_reads_itself_is_refused_before_the_solver_goes_round(tmp_path: Path) -> None:
    master = write(
        tmp_path,
        master="Clear\nNew Circuit.c\nRedirect loads.dss\n",
        loads="! loads\nRedirect loads.dss\nRedirect loads.dss\n",
    )
    with pytest.raises(GridError, match=r"loads\.dss:2: reads loads\.dss, which is being read al"):
        OpenDssEngine().compile(master)


def test_files_that_read_each_other_are_refused(tmp_path: Path) -> None:
    master = write(tmp_path, master="Redir a.dss\n", a="Compile (b.dss)\n", b="redirect a.dss\n")
    found = deadly(master)
    assert found is not None
    assert "b.dss:1: reads a.dss" in found


@pytest.mark.parametrize(
    "text",
    [
        "New Load.q kv=11 kw=5",
        "New Load.q like=other",
        "New object=Generator.q kv=11 ! bus1=a",
        'New "PVSystem.q" kv=11\n~ kva=10',
        "New Transformer.q kvs=(11 0.4)\nNew Load.a bus1=b",
        "New Line.q length=3",
    ],
)
def test_an_element_without_a_bus_is_refused_before_it_ends_the_process(
    tmp_path: Path, text: str
) -> None:
    master = write(tmp_path, master="New Load.first bus1=b\n" + text)
    found = without_bus(master)
    assert found is not None
    assert found.startswith(f"{master}:2: ")
    assert ".q has no bus; expected 'bus1=" in found
    with pytest.raises(GridError, match="has no bus"):
        OpenDssEngine().compile(master)


@pytest.mark.parametrize(
    "text",
    [
        "New Load.q kv=11\n~ kw=5\n~ Bus=b.1",
        "New Load.q 3 b kv=11",
        "New Transformer.q kvs=(11 0.4) Buses=[a b]",
        "New Transformer.q wdg=1 bus=a\nMore wdg=2 bus=b",
        "New Load.q kv=11\nLoad.q.bus1=b",
        "New Load.q kv=11\nEdit Load.q bus1=b",
        "New Capacitor.q kv=11",
        "New LoadShape.q npts=1\nNew LineCode.q r1=1",
        "/*\nNew Load.q kv=11\n*/",
    ],
)
def test_an_element_with_a_bus_is_not(tmp_path: Path, text: str) -> None:
    assert without_bus(write(tmp_path, master=text)) is None


def test_a_file_that_is_read_twice_is_no_circle(tmp_path: Path) -> None:
    assert deadly(write(tmp_path, master="Redirect a.dss\nRedirect a.dss\n", a="! a\n")) is None


def test_what_is_commented_out_is_not_read(tmp_path: Path) -> None:
    text = "/* old\nRedirect master.dss\nDI_Plot\n*/\n/* one line */\n! DI_Plot\nNew Load.a\n"
    master = write(tmp_path, master=text)
    assert deadly(master) is None
    assert defined_at(master, "load.a") == f"{master}:7"


@pytest.mark.parametrize(
    "command",
    [
        "DI_Plot",
        " di_p x",
        "Next",
        "next ! step",
        "CompareCases",
        "YearlyCurves",
        "SolveAll",
        "Abort",
    ],
)
def test_what_would_end_the_process_is_refused(tmp_path: Path, command: str) -> None:
    master = write(tmp_path, master=f"! Abort\n{command}\n")
    found = deadly(master)
    assert found is not None
    assert found.startswith(f"{master}:2: {command.split(maxsplit=1)[0]} would end the hub")


@pytest.mark.parametrize(
    "line", ["Next time", "Solve", "Set Mode=Yearly", "New Load.abort", "Compile x"]
)
def test_what_looks_like_it_is_not_refused(tmp_path: Path, line: str) -> None:
    assert deadly(write(tmp_path, master=line)) is None


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig"])
def test_names_come_through_in_whatever_encoding(tmp_path: Path, codec: str) -> None:
    master = tmp_path / "master.dss"
    master.write_bytes(CIRCUIT.replace("\n", "\r\n").encode(codec))
    engine = OpenDssEngine()
    circuit = engine.compile(master)
    assert [bus.name for bus in circuit.buses] == ["sourcebus", "köln"]
    assert [load.name for load in circuit.loads] == ["müller"]
    engine.set_service("müller", closed=False)
    assert abs(engine.solve().source_va.sum().real) < 1


def test_latin_1_is_read_where_it_is_in_lower_case(tmp_path: Path) -> None:
    master = tmp_path / "master.dss"
    master.write_bytes(CIRCUIT.lower().encode("latin-1"))
    circuit = OpenDssEngine().compile(master)
    assert [load.name for load in circuit.loads] == ["müller"]
    master.write_bytes(CIRCUIT.encode("latin-1"))
    with pytest.raises(GridError, match=r"master\.dss: OpenDSS cannot read .* files in UTF-8"):
        OpenDssEngine().compile(master)


def test_one_file_in_latin_1_decides(tmp_path: Path) -> None:
    master = write(tmp_path, master="Redirect a.dss\n", a="! fine\n")
    assert encoding(master) == "utf-8"
    (tmp_path / "a.dss").write_bytes("New Load.MÜLLER\n".encode("latin-1"))
    assert encoding(master) == "latin-1"
