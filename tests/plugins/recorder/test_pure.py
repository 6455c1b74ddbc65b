"""What is kept, what is buffered, and what a series answers, against plain models."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select

from hub import market_messages, messages
from plugins.recorder import tables
from plugins.recorder.buffer import SAMPLE, Batch, Buffer, Event, Samples
from plugins.recorder.selection import Rule, Selection
from plugins.recorder.sentences import sentence
from plugins.recorder.writing import ROWS_AT_ONCE, write

T = TypeVar("T")
AT = datetime(2026, 6, 21, tzinfo=UTC)

# --- selection ------------------------------------------------------------------------------------


class Said(NamedTuple):
    """A report as the selection takes it."""

    device: str
    quantities: tuple[str, ...]
    values: tuple[float, ...]
    at_s: float

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.at_s, UTC)


def kept(values: list[tuple[float, float]], rule: Rule | None = None) -> list[float]:
    """The times in seconds of what is kept of one series, each value told by itself."""
    selection = Selection(rule or Rule())
    return [at for at, value in values if len(selection.choose([Said("d", ("q",), (value,), at)]))]


def test_a_series_is_the_same_in_whatever_telegram_it_comes():
    selection = Selection(Rule())
    assert len(selection.choose([Said("d", ("p", "q"), (1.0, 2.0), 0)])) == 2
    assert len(selection.choose([Said("d", ("q",), (2.0,), 1)])) == 0
    ((number, at_ms, value),) = selection.choose([Said("d", ("q", "p"), (3.0, 1.0), 2)]).tolist()
    assert (selection.names[number], at_ms, value) == (("d", "q"), 2000, 3.0)
    assert len(selection.choose([Said("e", ("q",), (3.0,), 2)])) == 1


REPORTS = st.lists(
    st.builds(
        lambda device, quantities, value, at_s: Said(
            device, quantities, tuple(value + i for i in range(len(quantities))), at_s
        ),
        st.sampled_from(["d", "e"]),
        st.sampled_from([("p",), ("p", "q"), ("q", "r", "p")]),
        st.sampled_from([0.0, 0.5, 1.0, 100.0, 101.0]),
        st.integers(0, 100),
    ),
    max_size=40,
)


@given(REPORTS)
def test_reports_that_come_together_are_judged_like_those_that_come_one_by_one(reports: list[Said]):
    one_by_one, together = Selection(Rule()), Selection(Rule())
    expected = [sample for said in reports for sample in one_by_one.choose([said]).tolist()]
    assert sorted(together.choose(reports).tolist()) == sorted(expected)


def test_small_changes_are_kept_every_interval_and_large_ones_at_once():
    assert kept([(0, 230.0), (1, 230.1), (4, 230.2), (5, 230.3), (6, 0.0), (7, 230.0)]) == [
        0, 5, 6, 7,
    ]  # fmt: skip


def test_an_unchanged_value_is_kept_as_a_heartbeat():
    assert kept([(at, 5.0) for at in range(0, 200, 10)]) == [0, 60, 120, 180]


def test_what_is_older_or_of_the_same_time_is_never_kept():
    assert kept([(10, 1.0), (10, 99.0), (9, 50.0), (11, 99.0)]) == [10, 11]


@given(
    st.lists(
        st.tuples(st.floats(0.1, 20), st.floats(-1e6, 1e6, allow_nan=False)),
        min_size=1,
        max_size=60,
    )
)
def test_whatever_comes_nothing_significant_is_missed_and_no_silence_is_long(steps):
    rule, at, values = Rule(), 0.0, []
    for passed, value in steps:
        at += passed
        values.append((at, value))
    times = kept(values, rule)
    known = dict(values)
    last = times[0]
    for moment, value in values[1:]:
        if moment in times:
            last = moment
            continue
        assert abs(value - known[last]) <= rule.significant * max(abs(value), abs(known[last]))
        assert moment - last < rule.heartbeat_s


# --- buffer ---------------------------------------------------------------------------------------


def table(*rows: tuple[int, int, float]) -> Samples:
    return np.array(list(rows), SAMPLE)


def numbered(first: int, count: int = 1) -> Samples:
    return table(*[(0, number, float(number)) for number in range(first, first + count)])


def test_what_is_given_back_comes_out_first_and_in_order():
    buffer = Buffer()
    for number in range(0, 6, 2):
        buffer.add_samples(numbered(number, 2))
    batch = buffer.take(3)
    assert batch.samples["at_ms"].tolist() == [0, 1, 2]
    buffer.give_back(batch)
    assert buffer.take(10).samples["at_ms"].tolist() == [0, 1, 2, 3, 4, 5]
    assert buffer.lost == 0


def test_events_go_before_samples():
    buffer = Buffer()
    buffer.add_samples(numbered(1))
    buffer.add_event(Event(1, "t", "x", "{}"))
    batch = buffer.take(1)
    assert (len(batch.events), len(batch.samples)) == (1, 0)


@given(
    st.lists(st.sampled_from(["add", "take", "fail"]), max_size=200),
    st.integers(1, 10),
    st.integers(1, 4),
)
def test_a_full_buffer_loses_the_oldest_and_counts_them(steps: list[str], room: int, at_once: int):
    buffer = Buffer(max_samples=room)
    added, written = 0, []
    for step in steps:
        if step == "add":
            buffer.add_samples(numbered(added, at_once))
            added += at_once
        else:
            batch = buffer.take(4)
            if step == "fail":
                buffer.give_back(batch)
            else:
                written += batch.samples["at_ms"].tolist()
        assert len(buffer) <= room
    written += buffer.take(1000).samples["at_ms"].tolist()
    assert written == sorted(written)
    assert len(written) + buffer.lost == added
    assert added == 0 or written[-1:] == [added - 1]


@given(st.integers(0, 6), st.integers(0, 6))
def test_events_that_find_no_room_when_given_back_are_counted(before: int, after: int):
    buffer = Buffer(max_events=4)
    for number in range(before):
        buffer.add_event(Event(number, "t", "x", "{}"))
    batch = buffer.take(10)
    for number in range(before, before + after):
        buffer.add_event(Event(number, "t", "x", "{}"))
    buffer.give_back(batch)
    left = [event.at_ms for event in buffer.take(10).events]
    assert left == list(range(before + after))[-4:]
    assert buffer.lost == max(0, before + after - 4)


# --- tables ---------------------------------------------------------------------------------------


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    tables.tables.create_all(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def in_memory(program: Callable[[Connection], T]) -> T:
    engine = create_engine("sqlite://")
    tables.tables.create_all(engine)
    try:
        with engine.begin() as connection:
            return program(connection)
    finally:
        engine.dispose()


def keep(connection: Connection, values: list[tuple[int, float]]) -> None:
    """Write one series, given as milliseconds and value."""
    samples = table(*[(0, at_ms, value) for at_ms, value in values])
    write(connection, Batch(samples), [("d", "q")], {})


@pytest.mark.parametrize("count", [0, 1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, 2 * ROWS_AT_ONCE + 1])
def test_every_sample_is_written_to_its_series(connection: Connection, count: int):
    names = [("d", "q"), ("d", "p"), ("e", "q")]
    known = write(connection, Batch(table((1, 7, 7.0))), names, {})
    assert list(known) == [("d", "p")]
    rows = [(number % 3, number, number + 0.5) for number in reversed(range(count))]
    known |= write(connection, Batch(table(*rows)), names, known)
    there = connection.execute(select(tables.samples.c["series", "at_ms", "value"])).all()
    expected = [(known[names[series]], at_ms, value) for series, at_ms, value in rows]
    assert sorted(tuple(row) for row in there) == sorted(
        {(known["d", "p"], 7, 7.0)} | {row for row in expected if row[:2] != (known["d", "p"], 7)}
    )


SAMPLES = st.dictionaries(st.integers(0, 600_000), st.integers(-1000, 1000), max_size=60)


@settings(max_examples=50)
@given(SAMPLES, st.integers(0, 600_000), st.integers(1, 600_000), st.integers(1, 50))
def test_a_series_is_the_mean_and_extremes_of_each_bucket(values, since_ms, length_ms, points):
    until_ms = since_ms + length_ms

    def program(connection: Connection) -> list[tables.Bucket]:
        keep(connection, [(at, float(v)) for at, v in values.items()])
        return tables.read_series(connection, "d", "q", since_ms, until_ms, points)

    found = in_memory(program)
    assert len(found) <= points
    width_ms = -(-length_ms // points)
    expected: dict[int, list[int]] = {}
    for at, value in values.items():
        if since_ms <= at < until_ms:
            expected.setdefault((at - since_ms) // width_ms, []).append(value)
    assert [(b.at_ms, b.low, b.high) for b in found] == [
        (since_ms + bucket * width_ms, min(v), max(v)) for bucket, v in sorted(expected.items())
    ]
    for bucket, values_in_it in zip(found, [v for _, v in sorted(expected.items())], strict=True):
        assert bucket.mean == pytest.approx(sum(values_in_it) / len(values_in_it), abs=1e-9)


@settings(max_examples=30)
@given(SAMPLES, st.lists(st.integers(1, 600_000), min_size=1, max_size=4))
def test_thinning_out_keeps_sums_and_extremes_whenever_it_runs(values, runs):
    """In whole minutes, what was thinned out and what was not answer the same."""
    raw_ms = 120_000

    def program(connection: Connection, thin: bool) -> list[tuple[int, float, float, float]]:
        rows = sorted(values.items())
        for now_ms in sorted(runs):
            keep(connection, [(at, float(v)) for at, v in rows if at <= now_ms])
            rows = [(at, v) for at, v in rows if at > now_ms]
            if thin:
                tables.thin_out(
                    connection, tables.all_series(connection), now_ms=now_ms, raw_ms=raw_ms,
                    minutes_ms=10**12,
                )  # fmt: skip
        keep(connection, [(at, float(v)) for at, v in rows])
        return [
            (bucket.at_ms, round(bucket.mean, 9), bucket.low, bucket.high)
            for points in (11, 1)  # by the minute, and all in one
            for bucket in tables.read_series(connection, "d", "q", 0, 660_000, points)
        ]

    assert in_memory(lambda c: program(c, True)) == in_memory(lambda c: program(c, False))


def test_a_value_of_the_same_moment_is_written_once(connection: Connection):
    keep(connection, [(5, 1.0)])
    keep(connection, [(5, 2.0)])
    found = tables.read_series(connection, "d", "q", 0, 10, 1)
    assert [(b.mean, b.low, b.high) for b in found] == [(1.0, 1.0, 1.0)]


def test_a_series_that_nobody_wrote_is_empty(connection: Connection):
    assert tables.read_series(connection, "d", "q", 0, 10, 5) == []
    assert tables.read_series(connection, "d", "q", 10, 10, 5) == []


@pytest.mark.parametrize(
    ("topic_filter", "matching"),
    [
        ("#", {"alarm/outage/house1", "alarm", "market/m/x"}),
        ("alarm/#", {"alarm/outage/house1", "alarm"}),
        ("alarm/+/house1", {"alarm/outage/house1"}),
        ("+/m/x", {"market/m/x"}),
        ("alarm/+", set()),
        ("a.arm", set()),
    ],
)
def test_events_are_found_by_filters_as_mqtt_has_them(
    connection: Connection, topic_filter: str, matching: set[str]
):
    topics = ("alarm/outage/house1", "alarm", "market/m/x")
    batch = Batch(events=[Event(i, topic, "", "{}") for i, topic in enumerate(topics)])
    write(connection, batch, [], {})
    found = tables.read_events(connection, 10, [topic_filter])
    assert {row["topic"] for row in found} == matching


# --- sentences ------------------------------------------------------------------------------------

EXAMPLES = {
    "at": AT, "market": "m", "order_id": 5, "trader": "0xab", "is_bid": True, "qty_wh": 3000,
    "price_wei_per_kwh": 10**16, "expiry": AT, "round": 1, "mcp_wei_per_kwh": 10**16, "trades": 2,
    "trade_id": 7, "bid_id": 1, "ask_id": 2, "buyer": "house1", "seller": "house2", "start": AT,
    "end": AT, "delivered_wh": 2500, "received_wh": 2500, "paid_wei": 1, "penalised": "house2",
    "amount_wei": 10**15,
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("OrderPlaced", "Order 5: bid of 3 kWh at 0.01 ETH/kWh"),
        ("OrderCancelled", "Order 5 cancelled"),
        ("BatchCleared", "2 trades cleared: 3 kWh at 0.01 ETH/kWh"),
        ("TradeMatched", "Ask 2 met bid 1: 3 kWh at 0.01 ETH/kWh"),
        ("DeliveryScheduled", "house2 delivers 3 kWh to house1"),
        ("TradeSettled", "house2 to house1 settled: 2.5 kWh of 3 kWh delivered"),
        ("TradeExpired", "A trade expired; house2 is at fault"),
        ("PenaltyApplied", "Penalty of 0.001 ETH for 0xab"),
    ],
)
def test_what_happens_on_the_market_is_told_in_a_line(kind: str, words: str):
    cls = getattr(market_messages, kind)
    wanted = {f.name: EXAMPLES[f.name] for f in fields(cls) if f.name in EXAMPLES}
    assert sentence(kind, asdict(cls(**wanted))) == words


def test_commands_alarms_and_states_are_told_in_a_line():
    command = messages.Command("house/house1", "set_power", {"net_w": 5})
    result = messages.CommandResult(command, messages.CommandStatus.REJECTED, AT, "too much")
    assert sentence("CommandResult", asdict(result)) == (
        "house/house1 set_power (net_w 5) rejected: too much"
    )
    alarm = messages.Alarm("outage", "h", messages.Severity.INFO, AT, "It is over.", cleared=True)
    assert sentence("Alarm", asdict(alarm)) == "Cleared: It is over."
    status = messages.PluginStatus("x", "t", messages.PluginState.FAILED, AT, "no file")
    assert sentence("PluginStatus", asdict(status)) == "x is FAILED: no file"
    assert sentence("Unheard", {}) == "Unheard"
