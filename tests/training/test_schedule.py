import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plusx.training.schedule import Schedule

shares = st.floats(0, 1)
smooth = st.sampled_from(["one_cycle", "cosine"])


@given(smooth, st.floats(0, 0.99), shares, shares, shares)
def test_stays_between_its_ends_and_its_peak(name: str, warmup: float, start: float, end: float, at: float) -> None:
    factor = Schedule.model_validate({"name": name, "warmup": warmup, "start": start, "end": end}).factor(at)
    assert min(start, end) - 1e-9 <= factor <= 1 + 1e-9


@given(smooth, st.floats(0.01, 0.99), shares, shares, shares)
def test_the_smooth_ones_do_not_jump(name: str, warmup: float, start: float, end: float, at: float) -> None:
    schedule = Schedule.model_validate({"name": name, "warmup": warmup, "start": start, "end": end})
    steepest = max(1 / warmup, math.pi / 2 / (1 - warmup))
    apart = 1e-6
    assert abs(schedule.factor(min(1.0, at + apart)) - schedule.factor(at)) <= steepest * apart * 1.001 + 1e-12


@given(
    st.lists(st.floats(0.01, 0.99), unique=True, max_size=4).map(sorted), st.floats(0.01, 0.99), shares, shares, shares
)
def test_steps_fall_by_gamma_and_only_at_milestones(
    milestones: list[float], gamma: float, start: float, one: float, other: float
) -> None:
    schedule = Schedule(name="steps", warmup=0.0, start=start, milestones=tuple(milestones), gamma=gamma)
    early, late = sorted((one, other))
    passed = [milestone for milestone in milestones if early < milestone <= late]
    assert schedule.factor(late) == pytest.approx(schedule.factor(early) * gamma ** len(passed))
    assert gamma ** len(milestones) <= schedule.factor(late) <= 1


@pytest.mark.parametrize("name", ["one_cycle", "cosine"])
def test_begins_peaks_and_ends_where_it_says(name: str) -> None:
    schedule = Schedule.model_validate({"name": name, "warmup": 0.2, "start": 0.3, "end": 0.1})
    assert schedule.factor(0) == pytest.approx(0.3)
    assert schedule.factor(0.2) == pytest.approx(1)
    assert schedule.factor(1) == pytest.approx(0.1)


def test_cosine_is_half_way_down_at_half_time() -> None:
    schedule = Schedule(name="cosine", warmup=0.0, end=0.0)
    assert schedule.factor(0.5) == pytest.approx(0.5)
    assert schedule.factor(0.25) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)


def test_a_warm_up_can_stay_where_it_starts() -> None:
    schedule = Schedule(name="steps", warmup=0.1, start=0.3, ramp="none", milestones=(0.5,))
    assert [schedule.factor(at) for at in (0.0, 0.0999, 0.1, 0.4999)] == [0.3, 0.3, 1.0, 1.0]


def test_without_milestones_steps_stay_at_the_peak() -> None:
    assert {Schedule(name="steps", warmup=0).factor(at) for at in (0.0, 0.3, 1.0)} == {1.0}


@pytest.mark.parametrize(
    "options",
    [
        {"name": "cosine", "milestones": (0.5,)},
        {"name": "steps", "warmup": 0, "milestones": (0.75, 0.5)},
        {"name": "steps", "warmup": 0.3, "milestones": (0.2,)},
        {"name": "steps", "milestones": (1.0,)},
        {"name": "steps", "gamma": 1.0},
    ],
)
def test_milestones_that_make_no_sense_are_refused(options: dict) -> None:
    with pytest.raises(ValidationError):
        Schedule.model_validate(options)
