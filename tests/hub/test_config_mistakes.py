"""Every mistake a user can make in hub.yaml, with the exact line that is printed for it."""

from pathlib import Path

import pytest

from tests.hub.config_samples import mistakes

METERS = "plugins:\n  m:\n    use: meters\n"
DURATION = "expected a duration such as 500ms, 10s, 15m, 2h or 1d (a number is seconds)"
NAME = "expected a name of letters, digits, _ or -, starting with a letter, at most 32 long"

#: text, then the lines expected after "hub.yaml:".
IN_A_PLUGIN = [
    ("intervall: 3", "4:5: plugins.m.intervall: unknown key (did you mean 'interval'?)"),
    ("Qos: 1", "4:5: plugins.m.Qos: unknown key (did you mean 'qos'?)"),
    ("usee: 1", "4:5: plugins.m.usee: unknown key (did you mean 'use'?)"),
    ("qos: fast", "4:10: plugins.m.qos: expected a whole number, got 'fast'"),
    ("qos: 1.5", "4:10: plugins.m.qos: expected a whole number, got 1.5"),
    ("qos: yes", "4:10: plugins.m.qos: expected a whole number, got 'yes'"),
    ("qos: true", "4:10: plugins.m.qos: expected a whole number, got true"),
    ("qos: 12:30", "4:10: plugins.m.qos: expected a whole number, got '12:30'"),
    ("qos:", "4:9: plugins.m.qos: expected a whole number, got nothing"),
    ("qos: [1]", "4:10: plugins.m.qos: expected a whole number, got a list"),
    ("qos: ''", "4:10: plugins.m.qos: expected a whole number, got an empty text"),
    ("qos: -1", "4:10: plugins.m.qos: must be at least 0, got -1"),
    ("qos: 3", "4:10: plugins.m.qos: must be at most 2, got 3"),
    ("interval: fast", f"4:15: plugins.m.interval: {DURATION}, got 'fast'"),
    ("interval: -3s", f"4:15: plugins.m.interval: {DURATION}, got '-3s'"),
    ("interval: 5 minutes", f"4:15: plugins.m.interval: {DURATION}, got '5 minutes'"),
    ("interval: true", f"4:15: plugins.m.interval: {DURATION}, got true"),
    ("interval: 0s", "4:15: plugins.m.interval: must be more than 0, got '0s'"),
    (
        "preset: tasmotta",
        (
            "4:13: plugins.m.preset: expected one of 'tasmota', 'shelly' or 'generic', "
            "got 'tasmotta' (did you mean 'tasmota'?)"
        ),
    ),
    ("protocol: 4", "4:15: plugins.m.protocol: expected one of '3.1.1' or '5', got 4"),
    ("retain: maybe", "4:13: plugins.m.retain: expected true or false, got 'maybe'"),
    ("label: [a]", "4:12: plugins.m.label: expected text, got a list"),
    ("label: {a: b}", "4:12: plugins.m.label: expected text, got a mapping"),
    (
        "label: much too long",
        "4:12: plugins.m.label: expected text of at most 8 characters, got 'much too long'",
    ),
    ("label: a/b", "4:12: plugins.m.label: the label 'a/b' holds a slash"),
    ("prefix:", "4:12: plugins.m.prefix: expected text, got nothing"),
    ("prefix: ''", "4:13: plugins.m.prefix: expected text, got an empty text"),
    ("prefix: 12", "4:13: plugins.m.prefix: expected text of the form ^[a-z/]+$, got 12"),
    (
        "broker: 127.0.0.1",
        "4:13: plugins.m.broker: expected a URL such as http://127.0.0.1:8080, got '127.0.0.1'",
    ),
    (
        "page: mqtt://here",
        (
            "4:11: plugins.m.page: expected a URL that begins with 'http' or 'https', "
            "got 'mqtt://here'"
        ),
    ),
    ("price: dear", "4:12: plugins.m.price: expected a number, got 'dear'"),
    (
        "price: 1234567",
        "4:12: plugins.m.price: expected a number of at most 6 digits, got 1234567",
    ),
    ("price: .inf", "4:12: plugins.m.price: expected a number, got '.inf'"),
    (
        "factor: atuo",
        "4:13: plugins.m.factor: expected a number or 'auto', got 'atuo' (did you mean 'auto'?)",
    ),
    ("factor: nan", "4:13: plugins.m.factor: expected a number or 'auto', got 'nan'"),
    ("at: noon", "4:9: plugins.m.at: expected a time such as 12:30, got 'noon'"),
    (
        "since: 2026-13-01",
        "4:12: plugins.m.since: expected a date such as 2026-11-21, got '2026-13-01'",
    ),
    (
        "owner: 0x12",
        "4:12: plugins.m.owner: expected a wallet address: 0x and 40 hexadecimal digits, got 0x12",
    ),
    (
        "limits: 5",
        "4:13: plugins.m.limits: expected a mapping (lines of the form key: value), got 5",
    ),
    ("limits: {low: 1}", "4:14: plugins.m.limits.low: unknown key (did you mean 'low_pu'?)"),
    ("limits: {low_pu: 2}", "4:22: plugins.m.limits.low_pu: must be less than 2, got 2"),
    ("limits: {low_pu: inf}", "4:22: plugins.m.limits.low_pu: expected a number, got 'inf'"),
    ("devices: {name: a}", "4:14: plugins.m.devices: expected a list, got a mapping"),
    (
        "devices: [{name: a}, {nam: b, name: c}]",
        "4:27: plugins.m.devices[1].nam: unknown key (did you mean 'name'?)",
    ),
    (
        "devices:\n      - name: a\n      - factor: 2",
        "6:9: plugins.m.devices[1]: missing key 'name' (what the meter calls itself)",
    ),
    (
        "devices: [{name: a}, {name: b}, {name: c}, {name: d}]",
        "4:14: plugins.m.devices: must have at most 3 entries, got a list",
    ),
    ("by_bus: {x: {name: a}}", "4:14: plugins.m.by_bus.x: expected a whole number, got 'x'"),
    (
        "by_bus: {671: {}}",
        "4:14: plugins.m.by_bus.671: missing key 'name' (what the meter calls itself)",
    ),
    ("names: {a: {}}", "4:16: plugins.m.names.a: expected text, got a mapping"),
    ("qos: 1\n    qos: 2", "5:5: duplicate key 'qos' (first at line 4)"),
    ("qos: !secrt x", "4:10: unknown tag '!secrt' (did you mean '!secret'?)"),
    (
        "qos: !!python/name:os.system x",
        "4:10: unknown tag '!!python/name:os.system' (known tags: !env, !include, !secret)",
    ),
    ("qos: !secret", "4:10: expected the name of a secret: !secret name"),
    ("qos: !env", "4:10: expected the name of an environment variable: !env NAME"),
    (
        "qos: !env MICROGRID_UNSET",
        (
            "4:10: environment variable 'MICROGRID_UNSET' is not set "
            "(set it, or give a default: !env MICROGRID_UNSET default)"
        ),
    ),
    ("limits: !include limits.yaml", "4:13: cannot include 'limits.yaml': no such file"),
    ("limits: !include [a]", "4:13: expected one word after !include"),
    ("limits: {<<: 5}", "4:14: expected a mapping after '<<', such as '<<: *anchor'"),
    ("? [a, b]\n    : 5", "4:7: expected a plain word as the key"),
    ('label: "\\ud800"', "4:12: the text holds half a character; write it in UTF-8"),
    ('"\\ud800": 1', "4:5: the key holds half a character; write it in UTF-8"),
    ("anything: &a [*a]", "4:15: an alias stands inside of what it stands for"),
    ('"\\e[31m": 1', "4:5: plugins.m.\\x1b[31m: unknown key"),
]


@pytest.mark.parametrize(("text", "line"), IN_A_PLUGIN, ids=[text for text, _ in IN_A_PLUGIN])
def test_a_mistake_in_a_plugin_is_one_line_with_its_place(
    tmp_path: Path, text: str, line: str
) -> None:
    assert mistakes(tmp_path, f"{METERS}    {text}\n") == [f"hub.yaml:{line}"]


ELSEWHERE = [
    ("plugin:\n", "1:1: plugin: unknown key (did you mean 'plugins'?)"),
    ("plugins: 5\n", "1:10: plugins: expected a mapping of names, got 5"),
    ("plugins: [web]\n", "1:10: plugins: expected a mapping of names, got a list"),
    ('houses: {a: {meter: "m\\n"}}\n', f"1:21: houses.a.meter: {NAME}, got 'm\\n'"),
    ("houses: [a]\n", "1:9: houses: expected a mapping of names, got a list"),
    ("plugins:\n  1st: {use: bare}\n", f"2:3: plugins: {NAME}, got '1st'"),
    ("plugins:\n  a/b: {use: bare}\n", f"2:3: plugins: {NAME}, got 'a/b'"),
    ("houses:\n  house 1: {}\n", f"2:3: houses: {NAME}, got 'house 1'"),
    ("plugins:\n  m: {}\n", "2:3: plugins.m: missing key 'use', the plugin's type"),
    ("plugins:\n  m: {use: }\n", "2:3: plugins.m: missing key 'use', the plugin's type"),
    (
        "plugins:\n  bare:\n",
        "2:3: plugins.bare: missing key 'use', the plugin's type (did you mean 'use: bare'?)",
    ),
    ("plugins:\n  m: bare\n", "2:6: plugins.m: expected a mapping with the key 'use', got 'bare'"),
    (
        "plugins:\n  m: {use: [bare]}\n",
        "2:12: plugins.m.use: expected the name of a plugin type, got a list",
    ),
    (
        "plugins:\n  m: {use: metres}\n",
        "2:12: plugins.m.use: unknown plugin 'metres' (did you mean 'meters'?)",
    ),
    (
        "plugins:\n  m: {use: zigbee}\n",
        "2:12: plugins.m.use: unknown plugin 'zigbee' (types: bare, grid, lax, meters)",
    ),
    (
        "plugins:\n  m: {use: raises}\n",
        "2:12: plugins.m.use: plugin 'raises' cannot be loaded: No module named 'numpi'",
    ),
    (
        "plugins:\n  g: {use: grid}\n",
        "2:3: plugins.g: missing key 'feeder' (the .dss file of the circuit)",
    ),
    (
        "plugins:\n  g: {use: grid, feeder: a.dss, low_v: 240}\n",
        "2:3: plugins.g: low_v must be below high_v",
    ),
    (
        "plugins:\n  g: {use: grid, feeder: }\n",
        "2:25: plugins.g.feeder: expected the path of a file, got nothing",
    ),
    (
        "plugins:\n  l: {use: lax, coumt: 1}\n",
        "2:17: plugins.l.coumt: unknown key (did you mean 'count'?)",
    ),
    (
        "plugins:\n  l: {use: lax, count: 7}\n",
        "2:3: plugins.l: the section's own check failed: IndexError: list index out of range",
    ),
    ("plugins:\n  b: {use: bare, x: 1}\n", "2:18: plugins.b.x: unknown key (keys here: use)"),
    ("plugins:\n  b: {use: bare}\n  b: {use: bare}\n", "3:3: duplicate key 'b' (first at line 2)"),
    ("hub: {time_lapse: 0}\n", "1:19: hub.time_lapse: must be at least 1, got 0"),
    ("hub: {nam: x}\n", "1:7: hub.nam: unknown key (did you mean 'name'?)"),
    (
        "hub: {log: {level: verbose}}\n",
        "1:20: hub.log.level: expected one of 'debug', 'info', 'warning' or 'error', got 'verbose'",
    ),
    (
        "hub: {log: {levels: {gird: debug}}}\nplugins:\n  grid: {use: bare}\n",
        "1:22: hub.log.levels.gird: there is no such plugin (did you mean 'grid'?)",
    ),
    (
        "houses:\n  a: {bus: nowhere}\n",
        (
            "2:12: houses.a.bus: expected a bus with its phases, "
            "such as 671.1 or 675.1.2.3, got 'nowhere'"
        ),
    ),
    (
        "houses:\n  a: {meter: m}\n  b: {meter: m}\n",
        "3:7: houses.b.meter: meter 'm' is the meter of a already",
    ),
    (
        "houses:\n  a: {}\n  b: {meter: a}\n",
        "3:7: houses.b.meter: meter 'a' is the meter of a already",
    ),
    ("houses:\n  a: {meter: b}\n  b: {}\n", "3:3: houses.b: meter 'b' is the meter of a already"),
    (
        "houses:\n  a: {pv: {}}\n",
        "2:7: houses.a.pv: missing key 'kwp' (peak power of the modules in kW)",
    ),
    ("- a\n", "1:1: expected the sections hub, houses and plugins, got a list"),
    ("plugins\n", "1:1: expected the sections hub, houses and plugins, got 'plugins'"),
]


@pytest.mark.parametrize(("text", "line"), ELSEWHERE, ids=[text for text, _ in ELSEWHERE])
def test_a_mistake_outside_of_a_plugin_is_one_line_with_its_place(
    tmp_path: Path, text: str, line: str
) -> None:
    assert mistakes(tmp_path, text) == [f"hub.yaml:{line}"]


EIGHT = """\
houses:
  house1: {bus: 671.1, meter: house1, walet: "0x00"}
plugins:
  grid: {use: grdi}
  meters:
    use: meters
    intervall: 1s
    qos: fast
    preset: tasmotta
    retain: yes
    password: !secret broker_password
  grid: {use: grid}
plugin: {}
"""


def test_eight_mistakes_in_a_file_are_eight_lines_in_the_order_of_the_file(tmp_path: Path) -> None:
    assert mistakes(tmp_path, EIGHT, secrets_yaml="broker_pasword: canary\n") == [
        "hub.yaml:2:39: houses.house1.walet: unknown key (did you mean 'wallet'?)",
        "hub.yaml:4:15: plugins.grid.use: unknown plugin 'grdi' (did you mean 'grid'?)",
        "hub.yaml:7:5: plugins.meters.intervall: unknown key (did you mean 'interval'?)",
        "hub.yaml:8:10: plugins.meters.qos: expected a whole number, got 'fast'",
        (
            "hub.yaml:9:13: plugins.meters.preset: expected one of 'tasmota', 'shelly' or "
            "'generic', got 'tasmotta' (did you mean 'tasmota'?)"
        ),
        (
            "hub.yaml:11:15: secret 'broker_password' is not in secrets.yaml "
            "(did you mean 'broker_pasword'?); add the line 'broker_password: …'"
        ),
        "hub.yaml:12:3: duplicate key 'grid' (first at line 4)",
        "hub.yaml:13:1: plugin: unknown key (did you mean 'plugins'?)",
    ]
