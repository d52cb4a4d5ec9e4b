"""What is tried next follows from what was found alone."""

import pytest

from plusx.errors import WrongUse
from plusx.shrinking.pareto import by_speed, chosen, front
from plusx.shrinking.points import Point
from plusx.shrinking.search import FIRST_SHARE, next_form, next_steps, share_of
from plusx.shrinking.speed import Speed
from plusx.shrinking.steps import Drop, Narrow, Quantize, Repair, Steps
from plusx.shrinking.wishes import Wishes
from plusx.tasks.classify import Classify
from plusx.tasks.regress import Regress

LEAST = 0.95
REPAIR = Repair(epochs=1)


def point(score: float, steps: Steps = (), *, per_second: float = 100.0, size: int = 10, latency: float = 1.0) -> Point:
    return Point(str(score), "", score, {"torch": Speed(latency, per_second, 128)}, size, steps)


GIVEN = point(0.96)


def search(good_from: float) -> list[float]:
    """The shares that are tried where every share from this one on is good enough, and none below, however repaired."""
    points, shares = [GIVEN], []
    while (steps := next_steps(points, LEAST)) is not None:
        shares.append(share_of(steps))
        points.append(point(0.955 if shares[-1] >= good_from else 0.5, (*steps, REPAIR)))
    return shares


@pytest.mark.parametrize("good_from", [0.9, 0.3, 0.13, 0.1, 0.03, 0.005])
def test_the_search_closes_in_on_the_smallest_good_share(good_from: float):
    shares = search(good_from)
    good = [share for share in shares if share >= good_from]
    assert shares[0] == FIRST_SHARE
    assert len(shares) <= 10
    if good:
        assert min(good) / good_from < 2


def test_what_the_repair_must_make_up_for_is_tried_first_and_only_then() -> None:
    cheap, bold = (Drop(blocks=("stages.1.1",)),), (Drop(blocks=("stages.0.0", "stages.1.1")),)
    steps = next_steps([GIVEN], LEAST, cheap, bold)
    assert steps == (*bold, Narrow(share=FIRST_SHARE))
    failed = point(0.949, (*steps, REPAIR))
    assert next_steps([GIVEN, failed], LEAST, cheap, bold) == (*cheap, Narrow(share=FIRST_SHARE))
    also = point(0.5, (*cheap, Narrow(share=FIRST_SHARE), REPAIR))
    following = next_steps([GIVEN, failed, also], LEAST, cheap, bold)
    assert following is not None
    assert (following[:1], share_of(following) > FIRST_SHARE) == (cheap, True)
    good = (*steps, REPAIR)
    assert next_steps([GIVEN, point(0.951, good)], LEAST, cheap, bold) == (*good, Narrow(share=0.5))


def test_a_smaller_network_begins_from_the_smallest_good_one():
    steps = (Drop(blocks=("stages.0.1",)), Narrow(share=0.125), REPAIR)
    following = next_steps([GIVEN, point(0.952, steps), point(0.952, (*steps, Quantize()))], LEAST)
    assert following == (*steps, Narrow(share=0.5))


def test_where_little_is_lost_the_next_step_is_bold():
    steps = (Narrow(share=0.125), REPAIR)
    assert next_steps([GIVEN, point(0.959, steps)], LEAST) == (*steps, Narrow(share=0.25))


def test_what_falls_short_by_little_is_repaired_again_but_not_for_ever():
    steps: Steps = (Narrow(share=0.125), REPAIR)
    near = 0.945
    points = [GIVEN, point(near, steps)]
    for _ in range(2):
        assert next_steps(points, LEAST) == steps
        steps = (*steps, REPAIR)
        points.append(point(near, steps))
    following = next_steps(points, LEAST)
    assert following is not None
    assert share_of(following) > 0.125
    assert not any(isinstance(step, Repair) for step in following)


def test_an_int8_that_is_good_where_the_float_is_not_counts():
    steps = (Narrow(share=0.125), REPAIR)
    points = [GIVEN, point(0.949, steps), point(0.951, (*steps, Quantize()))]
    assert next_steps(points, LEAST) == (*steps, Narrow(share=0.5))


STEPS: Steps = (Narrow(share=0.125), REPAIR)
AWARE = Repair(epochs=0.3, aware=True, rate=0.1)
INT8, CORRECTED = Quantize(corrected=False), Quantize()


def forms(scores: dict[Steps, float], aware: Repair | None = AWARE) -> list[tuple[str, ...]]:
    """What is made of a network, in order, each form without the network's own steps, in words."""
    points, made = [GIVEN], []
    while (form := next_form(points, STEPS, LEAST, lambda: aware)) is not None:
        made.append(tuple(map(str, form[len(STEPS) :])))
        points.append(point(scores[form], form))
    return made


def in_part(base: Steps, score: float, *, corrected: bool = True) -> Steps:
    return (*base, Quantize(max_drop=score - LEAST, corrected=corrected))


FLOAT, PLAIN, MOVED, TRAINED = STEPS, (*STEPS, INT8), (*STEPS, CORRECTED), (*STEPS, AWARE)
AGAIN, AGAIN_MOVED = (*TRAINED, INT8), (*TRAINED, CORRECTED)
FOUND: dict[str, tuple[dict[Steps, float], list[Steps]]] = {
    "an int8 that is good enough is the end": ({FLOAT: 0.955, PLAIN: 0.952}, [FLOAT, PLAIN]),
    "a network that falls short itself has one int8": ({FLOAT: 0.94, PLAIN: 0.93}, [FLOAT, PLAIN]),
    "then biases are corrected": ({FLOAT: 0.955, PLAIN: 0.93, MOVED: 0.953}, [FLOAT, PLAIN, MOVED]),
    "then the network is trained as int8": (
        {FLOAT: 0.955, PLAIN: 0.93, MOVED: 0.94, TRAINED: 0.954, AGAIN_MOVED: 0.952},
        [FLOAT, PLAIN, MOVED, TRAINED, AGAIN_MOVED],
    ),
    "with biases as they were better": (
        {FLOAT: 0.955, PLAIN: 0.94, MOVED: 0.93, TRAINED: 0.954, AGAIN: 0.952},
        [FLOAT, PLAIN, MOVED, TRAINED, AGAIN],
    ),
    "then layers go back, of the trained one": (
        {FLOAT: 0.955, PLAIN: 0.93, MOVED: 0.94, TRAINED: 0.954, AGAIN_MOVED: 0.948, in_part(TRAINED, 0.954): 0.951},
        [FLOAT, PLAIN, MOVED, TRAINED, AGAIN_MOVED, in_part(TRAINED, 0.954)],
    ),
    "or of the first one, if training made the network worse": (
        {FLOAT: 0.955, PLAIN: 0.93, MOVED: 0.94, TRAINED: 0.949, AGAIN_MOVED: 0.948, in_part(FLOAT, 0.955): 0.951},
        [FLOAT, PLAIN, MOVED, TRAINED, AGAIN_MOVED, in_part(FLOAT, 0.955)],
    ),
}


@pytest.mark.parametrize(("scores", "order"), FOUND.values(), ids=FOUND.keys())
def test_an_int8_that_falls_short_is_trained_before_layers_go_back(scores: dict[Steps, float], order: list[Steps]):
    assert forms(scores) == [tuple(map(str, form[len(STEPS) :])) for form in order]


def test_unless_it_is_to_be_trained_as_int8_layers_go_back_at_once():
    last = in_part(FLOAT, 0.955, corrected=False)
    scores = {FLOAT: 0.955, PLAIN: 0.94, MOVED: 0.93, last: 0.951}
    assert forms(scores, aware=None) == [(), (str(INT8),), (str(CORRECTED),), (str(last[-1]),)]


def test_a_repair_as_int8_is_part_of_int8_and_no_repair_of_the_network():
    points = [GIVEN, point(0.955, FLOAT), point(0.93, PLAIN), point(0.94, TRAINED), point(0.945, AGAIN)]
    following = next_steps(points, LEAST)
    assert following is not None
    assert following[: len(STEPS)] == STEPS
    assert isinstance(following[len(STEPS)], Narrow)


def test_the_fastest_good_one_is_chosen():
    fast, faster = point(0.955, per_second=500.0), point(0.94, per_second=900.0)
    assert chosen([GIVEN, fast, faster], LEAST) is fast
    assert chosen([GIVEN, fast, faster], 0.9) is faster


def test_a_target_that_is_reached_leaves_the_best_score():
    slim = point(0.952, per_second=500.0, size=5, latency=0.5)
    slimmer = point(0.951, per_second=900.0, size=2, latency=0.2)
    points = [GIVEN, slim, slimmer]
    assert chosen(points, LEAST, target_size_bytes=5) is slim
    assert chosen(points, LEAST, target_latency_ms=0.3) is slimmer


def test_a_target_out_of_reach_leaves_the_fastest_good_one_and_none_good_the_best():
    fast = point(0.955, per_second=500.0)
    assert chosen([GIVEN, fast], LEAST, target_size_bytes=1) is fast
    assert chosen([point(0.8, per_second=900.0), point(0.9)], LEAST).score == 0.9


def test_the_front_keeps_what_nothing_beats():
    small = point(0.9, size=1)
    worse = point(0.89, per_second=90.0)
    assert front([GIVEN, small, worse]) == [GIVEN, small]


def test_a_drawing_joins_what_no_faster_one_equals():
    fast, faster = point(0.95, per_second=500.0, size=1), point(0.95, per_second=900.0, size=99)
    assert by_speed([fast, GIVEN, faster]) == [GIVEN, faster]


def test_a_drop_is_in_points_of_a_share_and_in_per_cent_of_another_number():
    assert Wishes(max_drop=0.5).least(Classify(), 0.95) == pytest.approx(0.945)
    assert Wishes(max_drop=10).least(Regress(mean=(0.0,), std=(1.0,)), -2.0) == pytest.approx(-2.2)
    with pytest.raises(WrongUse, match="--max-drop -1: it must be 0 or more"):
        Wishes(max_drop=-1)
