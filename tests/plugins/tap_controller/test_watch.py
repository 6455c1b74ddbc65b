from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from plugins.tap_controller.watch import Do, Settings, Sight, State, Watch

START = datetime(2026, 6, 21, 12, tzinfo=UTC)
SETTINGS = Settings()


class Seen:
    """A watch with a clock of its own, in steps of half a second."""

    def __init__(self, settings: Settings = SETTINGS):
        self.watch = Watch(settings)
        self.now = START

    def look(
        self,
        pu: float | None = 1.0,
        *,
        taps: bool = True,
        twin: bool = True,
        frozen: str | None = None,
        expected: int = 2,
        seconds: float = 0.5,
    ) -> list[Do]:
        self.now += timedelta(seconds=seconds)
        voltages = {} if pu is None else {"a.1": pu, "b.1": 1.0}
        sight = Sight(self.now, voltages, expected, {"reg": 0} if taps else None, twin, frozen)
        return self.watch.look(sight)

    def looks(self, count: int, pu: float | None = 1.0, **more: object) -> list[Do]:
        return [do for _ in range(count) for do in self.look(pu, **more)]  # type: ignore[arg-type]


def test_it_takes_command_when_it_sees_for_the_first_time():
    seen = Seen()
    assert seen.look() == [Do.TAKE_COMMAND]
    assert seen.watch.state is State.WATCHING
    assert seen.looks(100) == []


def test_a_violation_must_last_before_it_acts_and_alarms():
    seen = Seen()
    seen.look()
    assert seen.looks(4, 1.056) == []
    assert seen.look(1.056) == [Do.RAISE, Do.ACT]


def test_a_violation_that_breaks_off_starts_anew():
    seen = Seen()
    seen.look()
    seen.looks(4, 1.056)
    seen.look(1.05)
    assert seen.looks(4, 1.056) == []


def test_after_a_move_it_waits_and_then_acts_again_if_that_did_not_help():
    seen = Seen()
    seen.look()
    seen.looks(5, 1.056)
    seen.watch.acted(seen.now, 3)
    assert seen.looks(19, 1.056) == []
    assert seen.watch.state is State.HOLDING
    assert seen.look(1.056) == [Do.ACT], "the alarm stands already"


def test_the_alarm_ends_inside_the_limits_by_the_hysteresis():
    seen = Seen()
    seen.look()
    seen.looks(5, 0.94)
    seen.watch.acted(seen.now, 3)
    assert seen.look(0.951) == []
    assert seen.look(0.953) == [Do.CLEAR]
    assert seen.look(0.953) == []


def test_without_sight_it_leaves_the_regulators_to_themselves_and_comes_back():
    for blind in ({"pu": None}, {"taps": False}, {"twin": False}, {"expected": 5}):
        seen = Seen()
        seen.look()
        assert seen.looks(20, **blind) == []  # type: ignore[arg-type]
        assert seen.look(**blind) == [Do.GO_LOCAL]  # type: ignore[arg-type]
        assert seen.watch.state is State.BLIND
        assert seen.looks(50, **blind) == []  # type: ignore[arg-type]
        assert seen.looks(4) == []
        assert seen.look() == [Do.TAKE_COMMAND]
        assert seen.watch.state is State.WATCHING


def test_a_short_loss_of_sight_changes_nothing():
    seen = Seen()
    seen.look()
    for _ in range(20):
        assert seen.looks(10, twin=False) == []
        assert seen.look() == []


def test_blind_it_still_alarms_but_does_not_move():
    seen = Seen()
    seen.look()
    seen.looks(21, twin=False)
    assert seen.looks(10, 1.056, twin=False) == [Do.RAISE]


def test_it_never_saw_anything_and_says_so():
    seen = Seen()
    assert seen.looks(21, None) == [Do.GO_LOCAL]
    assert "only 0 of 2 voltages are known" in seen.watch.why


def test_while_a_fault_stands_nothing_moves():
    seen = Seen()
    seen.look()
    assert seen.looks(30, 1.056, frozen="short circuit at 671") == [Do.RAISE]
    assert seen.watch.state is State.FROZEN
    assert "short circuit at 671" in seen.watch.why
    assert seen.look(1.056) == [Do.ACT]


def test_no_more_steps_in_an_hour_than_allowed():
    seen = Seen(Settings(max_steps_per_hour=5))
    seen.look()
    seen.looks(5, 1.056)
    seen.watch.acted(seen.now, 5)
    assert Do.ACT not in seen.looks(100, 1.056)
    assert seen.watch.state is State.EXHAUSTED
    assert seen.look(1.056, seconds=3600) == [Do.ACT]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, 0.94, 0.951, 1.0, 1.049, 1.06]),
            st.booleans(),
            st.sampled_from([None, "fault"]),
        ),
        max_size=120,
    )
)
def test_whatever_it_sees_alarms_come_in_pairs_and_moves_keep_their_distance(looks):
    seen = Seen()
    alarmed, moved, local = False, None, None
    for pu, twin, frozen in looks:
        for do in seen.look(pu, twin=twin, frozen=frozen):
            if do is Do.RAISE:
                assert not alarmed
                alarmed = True
            elif do is Do.CLEAR:
                assert alarmed
                alarmed = False
            elif do is Do.ACT:
                assert frozen is None
                assert local is False
                assert moved is None or seen.now - moved >= SETTINGS.hold
                moved = seen.now
                seen.watch.acted(seen.now, 1)
            else:
                assert local is None or local is (do is Do.TAKE_COMMAND)
                local = do is Do.GO_LOCAL
