"""Which of several models are worth having, and which is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from plusx.shrinking.points import Point


def front(points: Sequence[Point]) -> list[Point]:
    """The points of which no other one is at least as good in score, examples a second and size, and better in one.

    >>> from plusx.shrinking.speed import Speed
    >>> one = Point("a", "", 0.9, {"torch": Speed(2.0, 100.0, 128)}, 10)
    >>> worse = Point("b", "", 0.8, {"torch": Speed(2.0, 90.0, 128)}, 10)
    >>> [point.name for point in front([one, worse])]
    ['a']
    """
    return [point for point in points if not any(_beats(other, point) for other in points)]


def by_speed(points: Sequence[Point]) -> list[Point]:
    """The points that no faster one equals in score, from the slowest on: what a drawing of both joins."""
    return [
        point
        for point in sorted(points, key=lambda point: (point.per_second, point.score))
        if all(other.score < point.score for other in points if other.per_second > point.per_second)
    ]


def chosen(
    points: Sequence[Point],
    least_score: float,
    target_latency_ms: float | None = None,
    target_size_bytes: int | None = None,
) -> Point:
    """The fastest whose score is `least_score` or more; where a target is named, the best-scored that reaches it.

    Of those, none may be under the least score; where none is left, the best-scored of all.

    Args:
        points: one at least.
        least_score: as the points have it.
        target_latency_ms: the longest time of one example.
        target_size_bytes: the largest file.
    """
    good = [point for point in points if point.score >= least_score]
    reached = [
        point
        for point in good
        if (target_latency_ms is None or point.latency_ms <= target_latency_ms)
        and (target_size_bytes is None or point.size_bytes <= target_size_bytes)
    ]
    if not reached:
        return max(good or points, key=lambda point: (bool(good) and point.per_second, point.score))
    if target_latency_ms is not None or target_size_bytes is not None:
        return max(reached, key=lambda point: (point.score, point.per_second))
    return max(reached, key=lambda point: point.per_second)


def _beats(other: Point, point: Point) -> bool:
    theirs = (other.score, other.per_second, -other.size_bytes)
    ours = (point.score, point.per_second, -point.size_bytes)
    return theirs != ours and all(a >= b for a, b in zip(theirs, ours, strict=True))
