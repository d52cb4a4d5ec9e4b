"""The rule by which differences between seeds are judged."""

import pytest

from plusx.understand.studies.spread import compare, judge, percents


@pytest.mark.parametrize(
    ("differences", "status"),
    [
        ([1, 1.2, 1.1], "shown"),
        ([-1, -1.2, -1.1], "contrary"),
        # One seed disagrees.
        ([1, 1.2, -0.1], "not shown"),
        # All agree, but the mean, 1.1, is below twice its standard error, 2 * 0.95.
        ([0.1, 0.2, 3.0], "not shown"),
        ([0, 0, 0], "not shown"),
        # The same differences in each seed, as a count of few pictures may give, have no error.
        ([0.5, 0.5, 0.5], "shown"),
        ([5], "one seed"),
    ],
)
def test_judge(differences: list[float], status: str) -> None:
    assert judge(differences) == status


def test_seeds_are_paired() -> None:
    # The seeds differ by more than the kinds do, and still each says the same.
    found = compare("a is larger", ("a", {0: 0.10, 1: 0.31, 2: 0.50}), ("b", {2: 0.49, 1: 0.30, 0: 0.09}), percents)
    assert found.status == "shown"
    assert found.numbers == "a: 30.33 % ± 20.01 %; b: 29.33 % ± 20.01 %."
