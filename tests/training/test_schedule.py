import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.training.schedule import Schedule

shares = st.floats(0, 1)


@given(st.sampled_from(["one_cycle", "cosine"]), st.floats(0, 0.99), shares, shares, shares)
def test_stays_between_its_ends_and_its_peak(name: str, warmup: float, start: float, end: float, at: float) -> None:
    factor = Schedule.model_validate({"name": name, "warmup": warmup, "start": start, "end": end}).factor(at)
    assert min(start, end) - 1e-9 <= factor <= 1 + 1e-9


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
