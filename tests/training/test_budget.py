"""Which recipe a time allows, and for how long."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jobs import recipe

from plusx.errors import WrongUse
from plusx.training.budget import VALIDATIONS, Measured, affordable_epochs, climb, fitted, seconds_of
from plusx.training.recipe import Recipe
from plusx.training.speed import Speed


@pytest.mark.parametrize("text", ["", "0", "0s", "-5s", "5 minutes", "1e3", "5m30s", "inf", "nan"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(WrongUse, match="--budget"):
        seconds_of(text)


@example(left_s=750829.4557327684, train_s=1e-05, score_s=0.109375, count=11, val_count=524287)
@example(left_s=89136.0, train_s=1.0, score_s=0.09375, count=5, val_count=86432)
@given(
    left_s=st.floats(0, 1e6),
    train_s=st.floats(1e-6, 1.0),
    score_s=st.floats(1e-7, 1.0),
    count=st.integers(1, 10**7),
    val_count=st.integers(1, 10**6),
)
def test_what_fits_ends_in_time_and_wastes_little(
    left_s: float, train_s: float, score_s: float, count: int, val_count: int
) -> None:
    speed = Speed(train_s, score_s)
    one = recipe(batch_size=32)
    epochs = affordable_epochs(one, speed, left_s, count, val_count)
    assert epochs >= 0
    if epochs == 0:
        return
    longer = fitted(one, speed, left_s, count, val_count)
    assert longer.steps(count) == pytest.approx(epochs * count / 32, rel=1e-9, abs=1e-3)
    validations = epochs / longer.validate_every + 1
    used_s = epochs * count * train_s + validations * val_count * score_s
    assert used_s <= left_s * (1 + 1e-9)
    # A step of a set that is smaller than a batch is several epochs, with their validations.
    validations_a_step = 2 + 32 / count
    assert left_s - used_s <= 32 * train_s + validations_a_step * val_count * score_s + 1e-9 * left_s
    assert validations <= VALIDATIONS + 1 + 1e-9


def test_too_little_time_still_makes_a_step() -> None:
    assert fitted(recipe(), Speed(1.0, 1.0), left_s=-5.0, count=1000, val_count=100).steps(1000) == 1


LADDER = [recipe(epochs=1, seed=0), recipe(epochs=4, seed=1), recipe(epochs=8, seed=2)]
COSTS = {0: 0.001, 1: 0.002, 2: 0.004}


@pytest.mark.parametrize(
    ("budget_s", "chosen", "measured"),
    [(1, 0, [0]), (7, 0, [0, 1]), (10, 1, [0, 1]), (18, 1, [0, 1, 2]), (40, 2, [0, 1, 2])],
)
def test_the_dearest_that_pays_is_chosen_and_hopeless_ones_are_not_measured(
    budget_s: float, chosen: int, measured: list[int]
) -> None:
    seen: list[int] = []

    def measure(one: Recipe) -> Measured:
        seen.append(one.seed)
        return Measured(one, Speed(COSTS[one.seed], 1e-9), float(budget_s))

    found, speed = climb(LADDER, measure, count=1000, val_count=1)
    assert (found.seed, speed.train_s) == (chosen, COSTS[chosen])
    assert seen == measured
