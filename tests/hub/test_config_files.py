"""Files that cannot be read, are no YAML, or include each other."""

import os
from pathlib import Path

import pytest

from hub.config import ConfigError, load
from tests.hub.config_samples import TYPES, Meters, load_text, mistakes, resolve

UNREADABLE = [
    ("", "hub.yaml: is empty; expected a section 'plugins:'"),
    ("# nothing yet\n", "hub.yaml: is empty; expected a section 'plugins:'"),
    ("---\n", "hub.yaml: is empty; expected a section 'plugins:'"),
    (b"plugins:\n\0\0", "hub.yaml: is a binary file or UTF-16; expected UTF-8 text"),
    (
        "plugins:\n".encode("utf-16"),
        "hub.yaml: is a binary file or UTF-16; expected UTF-8 text",
    ),
    (
        "hub:\n  name: Müller\n".encode("latin-1"),
        "hub.yaml:2:10: is not UTF-8 text; save the file as UTF-8",
    ),
    ("hub:\n\tname: x\n", "hub.yaml:2:1: a tab is used for indentation; use spaces"),
    (
        "hub:\n  name: a: b\n",
        "hub.yaml:2:10: a ': ' too many here; put text that holds ': ' in quotes",
    ),
    ("hub:\n  name: 'a\n", "hub.yaml:2:9: the quote that opens here is never closed"),
    ("hub:\n  name: @a\n", "hub.yaml:2:9: text cannot start with '@'; put it in quotes"),
    ("hub: {}\nname\nplugins: 1\n", "hub.yaml:3:1: expected ': ' after a key"),
    ("hub: {name: a\nplugins: {}\n", "hub.yaml:2:8: expected ',' or '}' in the mapping"),
    ("plugins: [a\n", "hub.yaml:2:1: expected ',' or ']' in the list"),
    ("hub:\n  name: a\n log: {}\n", "hub.yaml:3:2: the indentation does not match the lines above"),
    ("hub: *nothing\n", "hub.yaml:1:6: undefined alias 'nothing'"),
    ("hub:\n---\nplugins:\n", "hub.yaml:2:1: a second document starts here; a file holds one"),
    ("hub: {name: \x07}\n", "hub.yaml:1:13: character 0x7 is not allowed here"),
    ('hub: {name: "\\U00ffffff"}\n', "hub.yaml:1:1: an escape in quotes is no character"),
    ("[" * 1000, "hub.yaml:1:1: nested too deeply"),
    ("x-a: " + "[" * 50 + "]" * 50, "hub.yaml:1:45: nested too deeply"),
]


@pytest.mark.parametrize(("text", "line"), UNREADABLE, ids=[line for _, line in UNREADABLE])
def test_a_file_that_is_no_configuration_is_one_line(
    tmp_path: Path, text: str | bytes, line: str
) -> None:
    (found,) = mistakes(tmp_path, text)
    assert found.startswith(line)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert mistakes(tmp_path, b"\xef\xbb\xbfplugins:\n") == []


def test_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    text = "hub:\r\n  name: a\r\n  nam: b\r\n"
    assert mistakes(tmp_path, text)[0].startswith("hub.yaml:3:3: hub.nam")


def one_mistake(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, resolve, known_types=TYPES)
    (problem,) = caught.value.problems
    return str(problem).replace(f"{path.parent}/", "")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    assert one_mistake(tmp_path / "hub.yaml") == "hub.yaml: no such file"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "hub.yaml").mkdir()
    assert one_mistake(tmp_path / "hub.yaml") == "hub.yaml: is not a file"


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "hub.yaml").touch()
    os.truncate(tmp_path / "hub.yaml", 5_000_000)
    expected = "hub.yaml: is larger than 4 MB; that is no configuration"
    assert one_mistake(tmp_path / "hub.yaml") == expected


def test_a_file_that_may_not_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hub.yaml").touch()

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    # chmod would not do: the tests may run as root.
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert one_mistake(tmp_path / "hub.yaml") == "hub.yaml: cannot be read: permission denied"


def test_an_alias_of_aliases_does_not_fill_the_memory(tmp_path: Path) -> None:
    lines = ["x-0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"x-{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    lines += ["plugins: {m: {use: meters, anything: *a11}}"]
    assert mistakes(tmp_path, "\n".join(lines)) == [
        "hub.yaml:1:1: aliases expand to more than 200000 values"
    ]


INCLUDING = "plugins:\n  m: !include parts/m.yaml\n"


def include(folder: Path, **files: str) -> None:
    (folder / "parts").mkdir()
    for name, text in files.items():
        (folder / "parts" / f"{name}.yaml").write_text(text)


def test_a_file_can_be_included(tmp_path: Path) -> None:
    include(tmp_path, m="use: meters\nlimits: !include limits.yaml\n", limits="low_pu: 0.9\n")
    config = load_text(tmp_path, INCLUDING).plugins["m"].config
    assert isinstance(config, Meters.Config)
    assert config.limits.low_pu == 0.9


def test_a_mistake_in_an_included_file_is_reported_there_and_after_the_main_file(
    tmp_path: Path,
) -> None:
    include(tmp_path, m="use: meters\nqos: 7\n")
    assert mistakes(tmp_path, f"{INCLUDING}  n: {{}}\n") == [
        "hub.yaml:3:3: plugins.n: missing key 'use', the plugin's type",
        "parts/m.yaml:2:6: plugins.m.qos: must be at most 2, got 7",
    ]


def test_a_syntax_error_in_an_included_file_hides_nothing_else(tmp_path: Path) -> None:
    include(tmp_path, m="use: [\n")
    assert [line.split(": ")[0] for line in mistakes(tmp_path, f"{INCLUDING}  n: {{}}\n")] == [
        "hub.yaml:3:3",
        "parts/m.yaml:2:1",
    ]


def test_files_that_include_each_other_are_refused(tmp_path: Path) -> None:
    include(tmp_path, m="use: meters\nlimits: !include n.yaml\n", n="low_pu: !include m.yaml\n")
    assert mistakes(tmp_path, INCLUDING) == [
        "parts/n.yaml:1:9: cannot include 'm.yaml': it includes this file"
    ]


def test_a_file_that_includes_the_main_file_is_refused(tmp_path: Path) -> None:
    include(tmp_path, m="!include ../hub.yaml\n")
    assert mistakes(tmp_path, INCLUDING) == [
        "parts/m.yaml:1:1: cannot include '../hub.yaml': it includes this file"
    ]


def test_a_long_chain_of_includes_is_refused(tmp_path: Path) -> None:
    files = {f"f{i}": f"a: !include f{i + 1}.yaml\n" for i in range(20)}
    include(tmp_path, m="!include f0.yaml\n", **files)
    assert mistakes(tmp_path, "x-a: !include parts/m.yaml\n") == [
        "parts/f6.yaml:1:4: files include each other too deeply"
    ]
